/**
 * Invalidations: what was asked for, is under way and was done.
 *
 *   immediate, lazy        carried out now
 *   scheduled, background  queued; the drain carries them out, with the same hands
 */
import type { Graph } from '../graph/graph.ts'
import { isQueued, type History, type InvalidationRequest, type Queue } from '../invalidation/contract.ts'
import { drainRules, type RetryRules } from '../invalidation/drain-options.ts'
import { Drain } from '../invalidation/drain.ts'
import { keysIn, keysOf, perform, type Hands } from '../invalidation/perform.ts'
import { failedRecord, runningRecord } from '../invalidation/record.ts'
import type { ResolvedTarget } from '../invalidation/request.ts'
import type { Change, Log } from '../log/contract.ts'
import type { Judge } from '../log/judge.ts'
import { StaleproofError, type ErrorCode } from '../model/errors.ts'
import type { Events } from '../model/event.ts'
import type { HistoryPage, HistoryQuery, InvalidationResult, Plan } from '../model/invalidation.ts'
import { statuses, strategies, type Consistency, type NodeOutcome } from '../model/invalidation.ts'
import { checkKnown, checkText, oneOf } from '../model/known.ts'
import { checkName } from '../model/name.ts'
import { momentMs } from '../model/quantity.ts'
import { tokenOf, type Position } from '../model/position.ts'
import type { Applier } from './applier.ts'
import type { Counts } from './counts.ts'
import type { InvalidationRecords } from './answers.ts'
import type { Held } from './held.ts'
import type { Lower } from './lower.ts'
import { Recording } from './recording.ts'
import type { CacheOptions, Settings } from './options.ts'
import { GraphReach } from './reach.ts'

export interface InvalidationsParts {
  readonly applier: Applier
  readonly counts: Counts
  readonly events: Events
  readonly graph: Graph
  readonly held: Held
  readonly judge: Judge
  readonly log: Log
  readonly lower: Lower
  readonly queue: Queue
  readonly history: History
  readonly settings: Settings
  readonly options: Pick<CacheOptions, 'strategies' | 'consistency'>
  readonly onError: (error: unknown, during: string) => void
}

/** The intent that an invalidation ends, and what is called right before that is applied here. */
export interface Ending {
  readonly ends: string
  readonly before?: () => void
}

const noReason = { code: 'E_INVALIDATION_INCOMPLETE', message: 'it did not complete' }

export class Invalidations implements InvalidationRecords {
  readonly #parts: InvalidationsParts
  readonly #history: History
  readonly #queue: Queue
  readonly #drain: Drain
  readonly #hands: Hands
  /** Those that are carried out now. */
  readonly #running = new Set<Promise<InvalidationResult>>()
  /** Those that are in force here and wait until the log can be written. */
  readonly #owed = new Map<string, InvalidationResult>()
  /** Records that are being put into the history. */
  readonly #recording: Recording
  /** Resolves when what others left half done was looked after. */
  readonly #settled: Promise<void>
  readonly #retries: Readonly<Record<Consistency, RetryRules>>

  constructor(parts: InvalidationsParts) {
    const { settings, options, onError } = parts
    const { clock, random } = settings
    this.#parts = parts
    this.#history = parts.history
    this.#queue = parts.queue
    this.#recording = new Recording(this.#history, { clock, onError })
    this.#retries = drainRules(options).retries
    this.#hands = this.#lend()
    this.#drain = new Drain({
      clock,
      random,
      queue: this.#queue,
      history: this.#history,
      // The drain tries again by itself.
      perform: (request) => perform(request, { ...this.#hands, retries: () => ({ retries: 0, delayMs: 0 }) }),
      onRecord: (record) => parts.events.emit('invalidated', record),
      onError,
      strategies: options.strategies,
      consistency: options.consistency,
    })
    this.#settled = this.#drain.start().catch((error: unknown) => onError(error, 'start of the queue'))
  }

  /** Jobs that wait in the queue. */
  get pending(): number {
    return this.#queue.waiting
  }

  async list(query: HistoryQuery = {}): Promise<HistoryPage> {
    checkQuery(query)
    await this.#upToDate()
    return this.#drain.list(query)
  }

  async get(id: string): Promise<InvalidationResult | undefined> {
    checkName(id, 'id')
    await this.#upToDate()
    return this.#drain.get(id)
  }

  async cancel(id: string): Promise<InvalidationResult> {
    checkName(id, 'id')
    await this.#upToDate()
    return this.#drain.cancel(id)
  }

  async retry(id: string): Promise<InvalidationResult> {
    checkName(id, 'id')
    await this.#upToDate()
    return this.#drain.retry(id)
  }

  async runNow(id: string): Promise<InvalidationResult> {
    checkName(id, 'id')
    return this.#drain.runNow(id)
  }

  /** @throws E_INVALIDATION_INCOMPLETE with the record in `details.result` */
  async carryOut(request: InvalidationRequest, ending?: Ending): Promise<InvalidationResult> {
    this.#parts.counts.invalidations++
    if (isQueued(request.strategy)) return this.#drain.submit(request)
    const running = this.#carryOutNow(request, ending)
    this.#running.add(running)
    return running.finally(() => this.#running.delete(running))
  }

  /** What could not be written at first is durable now; its bytes go when they are touched or swept. */
  written({ by }: Change, position: Position): void {
    if (by === undefined) return
    const end = async () => {
      // A history that could not be written either knows nothing of it.
      const record = this.#owed.get(by) ?? (await this.#history.get(by))
      this.#owed.delete(by)
      if (record === undefined || record.status !== 'pending') return
      // One that was queued is tried again by the drain.
      if (isQueued(record.strategy)) return
      const endedAt = this.#parts.settings.clock.now()
      const token = tokenOf(position)
      const ended = { ...record, status: 'completed' as const, position, token, error: null, endedAt }
      this.#recording.add(ended)
      this.#parts.events.emit('invalidated', ended)
    }
    void end().catch((error: unknown) => this.#parts.onError(error, 'recording an invalidation'))
  }

  async #carryOutNow(request: InvalidationRequest, ending?: Ending): Promise<InvalidationResult> {
    // Not waited for: it is nobody's business until it is over, or the process is.
    const result = await this.#attempt(request, ending)
    this.#recording.add(result)
    this.#parts.events.emit('invalidated', result)
    if (result.status === 'completed') return result
    const { code, message } = result.error ?? noReason
    throw new StaleproofError(code as ErrorCode, message, { details: { result } })
  }

  /** What cannot be carried out at all is on record too; what will be, once the log can be written, is pending. */
  async #attempt(request: InvalidationRequest, ending?: Ending): Promise<InvalidationResult> {
    const running = runningRecord({ ...request, attempts: 1, error: null }, this.#parts.settings.clock.now())
    const append = (change: Change) => this.#append(running, change, ending)
    try {
      return await perform(request, { ...this.#hands, append })
    } catch (error) {
      const failed = failedRecord(request, error, this.#parts.settings.clock.now())
      if (failed.error?.code !== 'E_LOG_PENDING') return failed
      const pending: InvalidationResult = { ...failed, status: 'pending', endedAt: null }
      this.#owed.set(request.id, pending)
      return pending
    }
  }

  /** Its record goes with that of the log: what is in force is on record, whatever happens next. */
  #append(running: InvalidationResult, change: Change, ending?: Ending): Promise<Position> {
    const { log } = this.#parts
    const whole = ending === undefined ? change : { ...change, ends: ending.ends }
    return this.#recording.alongside((ride) =>
      log.append(whole, ending?.before, (n) => {
        try {
          this.#history.putWithin(
            n === undefined ? running : placed(running, { generation: log.generation, n }),
          )
          // What a server writes may fail by itself, and nobody would try it again.
          if (n !== undefined) ride()
        } catch (error) {
          this.#parts.onError(error, 'recording an invalidation')
        }
      }),
    )
  }

  async #everywhere(position: Position): Promise<readonly NodeOutcome[] | undefined> {
    const { membership } = this.#parts.log
    return membership === undefined ? [] : membership.everywhere(position)
  }

  /** Whoever asks finds what was cut off ended, and what ended on record. */
  async #upToDate(): Promise<void> {
    await this.#settled
    await this.#recording.upToDate()
  }

  /** What it would reach, and how many entries would go. Nothing is changed. */
  async plan(target: ResolvedTarget): Promise<Plan> {
    const { held, lower, settings } = this.#parts
    const reach = this.#reach(target)
    const memory = await held.countOf(reach.keys())
    const keys = lower.none ? [] : await keysOf(reach, settings)
    const below = await lower.countOf((tier) => keysIn(target, { tier, keys }))
    const { cascade, beyondDepth, cycles } = reach
    return {
      ...target,
      cascade,
      reached: reach.reached,
      truncated: reach.reached > cascade.length,
      beyondDepth,
      cycles,
      entries: { memory, ...below },
    }
  }

  async close(): Promise<void> {
    await Promise.allSettled(this.#running)
    await this.#recording.close()
    await this.#drain.close()
  }

  #lend(): Hands {
    const { applier, settings, held, judge, log, lower } = this.#parts
    return {
      clock: settings.clock,
      tiers: lower.tiers,
      boundMs: ({ consistency }) => settings.boundMs[consistency],
      reach: (request) => this.#reach(request),
      append: (change) => log.append(change),
      everywhere: (position) => this.#everywhere(position),
      written: () => applier.written(),
      droppedNear: (n) => held.takeDroppedAt(n),
      purgeNear: (keys) => held.purge(keys),
      heldNear: (keys) => held.invalidOf(keys),
      // What is only being written is good enough to stay: no tier removes it.
      isInvalid: (entry) => held.isForeign(entry) || judge.certain(entry) !== undefined,
      owe: (tier, what) => lower.owe(tier, what),
      retries: ({ consistency }) => this.#retries[consistency],
    }
  }

  #reach(target: ResolvedTarget): GraphReach {
    const { graph, settings } = this.#parts
    return new GraphReach(graph, target, settings.graph)
  }
}

const asked: readonly (keyof HistoryQuery)[] = [
  ...(['status', 'name', 'strategy', 'actor', 'since', 'until'] as const),
  ...(['limit', 'cursor'] as const),
]

/** What no record can answer is a mistake; limit and cursor are looked at by the history. */
function checkQuery(query: HistoryQuery): void {
  checkKnown(query, asked, 'invalidations.list')
  const { status, name, strategy, actor, since, until } = query
  if (status !== undefined) oneOf(status, statuses, ['status', 'E_OPTIONS_INVALID'])
  if (strategy !== undefined) oneOf(strategy, strategies, ['strategy', 'E_STRATEGY_UNKNOWN'])
  if (name !== undefined) checkName(name)
  if (since !== undefined) momentMs(since, 'since')
  if (until !== undefined) momentMs(until, 'until')
  checkText(actor, 'actor')
}

/** It is in the log. */
function placed(running: InvalidationResult, position: Position): InvalidationResult {
  return { ...running, position, token: tokenOf(position) }
}
