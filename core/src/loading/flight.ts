/**
 * Flight: a running load that several callers share, and what it has read so far.
 *
 * A flight is judged like an entry, by the ledger: it is doomed once anything it depends on was invalidated after
 * `stamp`. Its value then is still good for callers that began before that invalidation, and for nobody else:
 *
 *   stamp -------- invalidated -------- end
 *     caller at `stamp`: gets the value       caller after it: loads again
 *
 * (The ledger keeps only the newest invalidation of a name, so that the first record after `stamp` counts.)
 *
 * Invariants: a dependency is noted before it is read; `stamp` never changes;
 * `doomedFrom` only falls; after `end` nothing can be noted any more.
 */
import { StaleproofError } from '../model/errors.ts'

/** What a flight came to: a value or an error, and from which position on callers must not take it. */
export interface Outcome {
  readonly value: unknown
  readonly failed: boolean
  readonly doomedFrom: number
  /** Position of what overtook it; see Flight. */
  readonly overtakenAt: number
  /** End of the TTL that it was stored with, ms since 1970; Infinity if it was not stored. */
  readonly expiresAt: number
}

/** Something cached that a loader read: what the reader inherits from it. */
export interface Input {
  readonly dependencies: Iterable<string>
  /** ms since 1970: what is made from it does not outlive it. */
  readonly expiresAt: number
}

export interface FlightOptions {
  readonly key: string
  readonly stamp: number
  readonly generation: string
  readonly owner: object
  readonly parent: Flight | undefined
  /** When it began, by the monotonic clock; needed with `holdOffMs`. */
  readonly beganMs?: number
  readonly holdOffMs?: number
}

export class Flight implements Input {
  readonly key: string
  /** Position applied when the load began: the stamp of what it stores. */
  readonly stamp: number
  /** Of the log then: positions of two are never compared. */
  readonly generation: string
  /** The same for its own key; later once the flight itself declared a change of it. */
  keyStamp: number
  /** Whose flight it is: caches nest, and each tracks its own reads. */
  readonly owner: object
  /** The flight in whose loader this one was begun. */
  readonly parent: Flight | undefined
  /** Name -> true if the loader read or named it itself, false if it came with a cached input. */
  readonly noted = new Map<string, boolean>()
  /** Those that were named by hand and not read: what they were made from is not known yet. */
  readonly named = new Set<string>()
  /** Flights that this one's loader waits for now. */
  readonly waitsFor = new Set<Flight>()
  /** Earliest expiry of the inputs. */
  expiresAt = Infinity
  /** ms since 1970: from then on nobody may be given what was made from an input that was stale. */
  usableUntil = Infinity
  /** Others depend on the key and have to be told that it is made from more than they have inherited. */
  announces = false
  doomedFrom = Infinity
  /** Position of what overtook it, or an input of it; 0: nothing did, or its generation ended. */
  overtakenAt = 0
  /** ms since 1970: what the loader says that its source is of; Infinity if it says nothing. */
  asOfMs = Infinity
  readonly beganMs: number
  /** Of its policy. */
  readonly holdOffMs: number
  /** Something that it was made from was invalidated after what its source was of. */
  isOlder = false
  /** By the monotonic clock: who begins then is not given what was loaded too soon after an invalidation. */
  sharedUntilMs = Infinity
  /** TTL that the loader asked for. */
  ttlMs: number | undefined
  skipStore = false
  ended = false
  /** Set by whoever waits for the loader. */
  onAbort: ((reason: Error) => void) | undefined
  #abort: AbortController | undefined
  /** Set by whoever starts the flight, at once. Never rejects. */
  outcome: Promise<Outcome> | undefined

  constructor(options: FlightOptions) {
    this.key = options.key
    this.generation = options.generation
    this.stamp = options.stamp
    this.keyStamp = options.stamp
    this.owner = options.owner
    this.parent = options.parent
    this.beganMs = options.beganMs ?? 0
    this.holdOffMs = options.holdOffMs ?? 0
  }

  get dependencies(): Iterable<string> {
    return this.noted.keys()
  }

  /** Made when a loader, or a timeout, first asks for it. */
  get signal(): AbortSignal {
    this.#abort ??= new AbortController()
    return this.#abort.signal
  }

  /** Ends the waiting for the loader: `aborted` rejects. */
  abort(reason: Error): void {
    void this.signal
    this.#abort?.abort(reason)
    this.onAbort?.(reason)
  }

  /** Names in the order in which they were noted: those that the loader read or named itself, or the others. */
  names(isDirect: boolean): string[] {
    const names: string[] = []
    for (const [name, direct] of this.noted) if (direct === isDirect) names.push(name)
    return names
  }

  /** Before it is read. @throws E_LOADING_ENDED */
  note(name: string): void {
    if (this.ended) throw ended(this.key, name)
    if (name !== this.key) this.noted.set(name, true)
  }

  /** @throws E_LOADING_ENDED */
  name(name: string): void {
    this.note(name)
    this.named.add(name)
  }

  /** What a cached input was made from, this is made from too: the input itself may be gone tomorrow. */
  inherit(input: Input): void {
    for (const name of input.dependencies) this.inheritName(name)
    this.expiresAt = Math.min(this.expiresAt, input.expiresAt)
  }

  inheritName(name: string): void {
    if (name !== this.key && !this.noted.has(name)) this.noted.set(name, false)
  }

  /** What is to be judged of the key alone. */
  withoutDependencies(): { key: string; stamp: number; keyStamp: number; dependencies: readonly string[] } {
    return { key: this.key, stamp: this.stamp, keyStamp: this.keyStamp, dependencies: [] }
  }

  doom(n: number, overtakenAt = 0): void {
    this.doomedFrom = Math.min(this.doomedFrom, n)
    this.overtakenAt = Math.max(this.overtakenAt, overtakenAt)
  }

  /**
   * By the newest invalidation, at `n`: an earlier one may have come right after the start. What is being written at its
   * source since before the start was not invalidated yet, and will be.
   */
  overtake(n: number): void {
    this.doom(this.stamp + 1, Math.max(n, this.stamp + 1))
  }
}

/** @throws E_LOADING_CYCLE if the loader of `waiting` would wait for itself by waiting for `target`. */
export function checkCycle(waiting: Flight, target: Flight): void {
  const circle = waitPath(target, waiting)
  if (circle === undefined) return
  const path = [waiting.key, ...circle.map((flight) => flight.key)]
  throw new StaleproofError(
    'E_LOADING_CYCLE',
    `the loader of '${waiting.key}' reads '${target.key}', which waits for it in turn (${path.join(' -> ')}): ` +
      `neither could ever end; let one of the loaders read its source instead`,
    { details: { path } },
  )
}

/** The flights from `from` to `target` along who waits for whom; undefined if there is no such way. */
function waitPath(from: Flight, target: Flight, seen = new Set<Flight>()): Flight[] | undefined {
  if (from === target) return [from]
  seen.add(from)
  for (const next of from.waitsFor) {
    const rest = seen.has(next) ? undefined : waitPath(next, target, seen)
    if (rest !== undefined) return [from, ...rest]
  }
  return undefined
}

function ended(key: string, name: string): StaleproofError {
  return new StaleproofError(
    'E_LOADING_ENDED',
    `'${name}' was read in the loader of '${key}' after that loader had ended, too late to be noted as its ` +
      `dependency; await every read before returning, or wrap work that outlives the loader in cache.untracked()`,
    { details: { key, name } },
  )
}
