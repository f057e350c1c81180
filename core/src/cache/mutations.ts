/**
 * Mutations: a write at the source, from before it begins until what was made before is gone.
 *
 *   intent (nothing made from the names is kept) -> the writer writes -> invalidation, which ends the intent
 *   intent -> the writer dies                    -> its time runs out: any node appends the invalidation
 *
 * A node counts the time of an intent from when it heard of it, so that clocks that differ by less than that time do no
 * harm; until the record that ends it is there the intent is open, however late that is. Who ends it early is seen by
 * the writer: the record stands before its own in the log.
 *
 * Invariants: `fn` runs only while the intent is in the log; when it has run, whatever it came to, the names are
 * invalidated; an intent that nobody ends is ended by every node that knows of it, unless another was first.
 */
import { isQueued, type InvalidationRequest } from '../invalidation/contract.ts'
import { resolveRequest } from '../invalidation/request.ts'
import type { Log } from '../log/contract.ts'
import type { IntentDump, Watched } from '../log/intents.ts'
import type { Judge } from '../log/judge.ts'
import type { Clock, Random, Timer } from '../model/clock.ts'
import { StaleproofError, type ErrorCode } from '../model/errors.ts'
import type { Events } from '../model/event.ts'
import type { InvalidationResult, Mutated, MutateOptions } from '../model/invalidation.ts'
import { checkFunction, checkKnown } from '../model/known.ts'
import { listOf } from '../model/name.ts'
import { positiveDurationMs } from '../model/quantity.ts'
import type { Invalidations } from './invalidations.ts'

export interface MutationsParts {
  readonly clock: Clock
  readonly random: Random
  readonly events: Events
  readonly judge: Judge
  readonly log: Log
  readonly work: () => Invalidations
}

/** What the user's function came to. */
type Ran<T> =
  | { readonly failed: false; readonly value: T }
  | { readonly failed: true; readonly error: unknown }

const known = ['within', 'strategy', 'consistency', 'reason', 'actor']
/** Nodes should not all end an intent at once: they wait up to so much longer, by chance. */
const apart = { part: 0.1, mostMs: 500 }

export class Mutations {
  readonly #parts: MutationsParts
  /** Id of an intent -> when its time has run out for this node, by its monotonic clock. */
  readonly #dueAt = new Map<string, number>()
  #timer: Timer | undefined
  #timerAt = Infinity
  #isClosed = false

  constructor(parts: MutationsParts) {
    this.#parts = parts
  }

  async mutate<T>(
    names: string | readonly string[],
    fn: () => T | Promise<T>,
    options: MutateOptions,
  ): Promise<Mutated<T>> {
    checkFunction(fn, 'mutate takes a function that writes')
    checkKnown(options, known, 'mutate')
    const { within = '30s', ...asked } = options
    const withinMs = positiveDurationMs(within, 'within')
    const request = resolveRequest(listOf(names), asked, this.#parts.clock.now())
    if (isQueued(request.strategy)) throw unsupported(request.strategy)
    const { intents } = this.#parts.judge
    const watched = intents.watch(request.id)
    try {
      await this.#begin(request, withinMs)
      const ran = await run(fn)
      return ran.failed
        ? await this.#fail(request, ran.error)
        : await this.#commit(request, ran.value, watched)
    } finally {
      intents.unwatch(request.id)
    }
  }

  /** The time of an intent begins to run here. */
  begun({ id, atMs, untilMs }: IntentDump): void {
    if (this.#dueAt.has(id) || this.#isClosed) return
    const { clock, random } = this.#parts
    const withinMs = Math.max(0, untilMs - atMs)
    // One that was begun long ago, and was heard of only now, need not run as long again.
    const leftMs = Math.min(withinMs, Math.max(0, untilMs + withinMs - clock.now()))
    const dueAt = clock.monotonic() + leftMs + random() * Math.min(apart.mostMs, withinMs * apart.part)
    this.#dueAt.set(id, dueAt)
    this.#lookAt(dueAt)
  }

  close(): void {
    this.#isClosed = true
    this.#timer?.cancel()
  }

  async #begin({ id: by, names }: InvalidationRequest, withinMs: number): Promise<void> {
    const { clock, events, log } = this.#parts
    try {
      await log.append({ kind: 'intent', names, by, untilMs: clock.now() + withinMs })
    } catch (cause) {
      // It may be in force here, or on its way into the log: then this is, too.
      log.append({ kind: 'invalidate', names, ends: by }).catch((error: unknown) => {
        events.emit('error', { error, during: `taking back an intent to write ${names.join(', ')}` })
      })
      throw unbegun(names, cause)
    }
  }

  async #commit<T>(request: InvalidationRequest, value: T, watched: Watched): Promise<Mutated<T>> {
    let isLate: boolean | undefined
    const ending = { ends: request.id, before: () => (isLate ??= watched.isLate) }
    let result: InvalidationResult
    try {
      result = await this.#parts.work().carryOut(request, ending)
    } catch (error) {
      throw withValue(error, value)
    }
    if (isLate === true) throw late(result, value)
    return { value, result }
  }

  /** It may have written all the same. */
  async #fail(request: InvalidationRequest, error: unknown): Promise<never> {
    const { events, work } = this.#parts
    await work()
      .carryOut(request, { ends: request.id })
      .catch((other: unknown) => {
        events.emit('error', {
          error: other,
          during: `invalidating ${request.names.join(', ')} after a failed write`,
        })
      })
    throw error
  }

  #lookAt(atMs: number): void {
    if (atMs >= this.#timerAt || this.#isClosed) return
    this.#timer?.cancel()
    this.#timerAt = atMs
    const { clock } = this.#parts
    this.#timer = clock.schedule(Math.max(0, atMs - clock.monotonic()), () => this.#look())
  }

  /** Ends those whose time has run out. */
  #look(): void {
    const { clock, judge } = this.#parts
    this.#timerAt = Infinity
    const now = clock.monotonic()
    let next = Infinity
    for (const [id, dueAt] of this.#dueAt) {
      if (dueAt <= now || !judge.intents.isOpen(id)) this.#dueAt.delete(id)
      else next = Math.min(next, dueAt)
    }
    for (const { id, names } of judge.intents.open) if (!this.#dueAt.has(id)) this.#end(id, names)
    if (next < Infinity) this.#lookAt(next)
  }

  #end(id: string, names: readonly string[]): void {
    const { events, log } = this.#parts
    log.append({ kind: 'invalidate', names, ends: id }).catch((error: unknown) => {
      // What could not be appended yet is in force here all the same.
      if (!this.#isClosed)
        events.emit('error', { error, during: `ending an intent to write ${names.join(', ')}` })
    })
  }
}

async function run<T>(fn: () => T | Promise<T>): Promise<Ran<T>> {
  try {
    return { failed: false, value: await fn() }
  } catch (error) {
    return { failed: true, error }
  }
}

function unsupported(strategy: string): StaleproofError {
  return new StaleproofError(
    'E_STRATEGY_UNSUPPORTED',
    `mutate with the strategy '${strategy}' would keep the names from being cached until the queue is drained; use 'immediate' or 'lazy'`,
    { details: { strategy } },
  )
}

function unbegun(names: readonly string[], cause: unknown): StaleproofError {
  return new StaleproofError(
    'E_MUTATE_UNBEGUN',
    `the intent to write ${names.join(', ')} could not be appended to the log (${String(cause)}), so that the write was not begun; ` +
      'try again, or write and invalidate, if you can do without the promise for a writer that dies',
    { cause, details: { names } },
  )
}

function late(result: InvalidationResult, value: unknown): StaleproofError {
  return new StaleproofError(
    'E_MUTATE_LATE',
    `the write of ${result.names.join(', ')} took longer than its intent lasted: what was read meanwhile may have been kept until ` +
      "the names were invalidated, which is done; give mutate a longer 'within'",
    { details: { result, value } },
  )
}

/** What was written is written: the value is not lost with the error. */
function withValue(error: unknown, value: unknown): unknown {
  if (!(error instanceof StaleproofError)) return error
  const { code, message, details } = error
  return new StaleproofError(code satisfies ErrorCode, message, {
    cause: error,
    details: { ...details, value },
  })
}
