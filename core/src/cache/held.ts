/**
 * Held: the entries that this process has in memory, and what is known of those that went.
 *
 * Two ways lead from a record of the log to the entries that it ends:
 *   few (<= `dropAtOnce`) depend on it: they are dropped in the same tick, and all others stay as they are;
 *   more: `freshSince` moves to its position, so that every entry is judged again at its next hit. O(1).
 *
 * Invariants: what is held has its edges in the graph, and nothing else has tracked edges; an entry with
 * verifiedAt >= freshSince has not been invalidated; a hit that needs no decision costs a look-up and two
 * comparisons; but for the drop of few, nothing here keeps the event loop for longer than a slice.
 */
import type { Graph } from '../graph/graph.ts'
import type { Reached } from '../log/backlog.ts'
import type { Log, LogRecord } from '../log/contract.ts'
import type { Invalidated, Judge } from '../log/judge.ts'
import type { Clock } from '../model/clock.ts'
import type { Entry, EntryParts } from '../model/entry.ts'
import { StaleproofError } from '../model/errors.ts'
import type { Departure, Events } from '../model/event.ts'
import { inSlices } from '../model/slices.ts'
import type { Leave, NearTier } from '../tiers/contract.ts'
import { Past } from './past.ts'
import { freshness, settleTimes, soften, type Freshness } from '../ttl/lifetime.ts'

export interface Found {
  readonly entry: Entry
  /** The tier that it was found in, if that is not memory. */
  readonly tier?: string
  readonly state: Exclude<Freshness, 'expired'>
}

/** Names that may be those of entries; undefined: none for a while, so that whoever asks may pause. */
export type Keys = Iterable<string | undefined>

interface Departed {
  readonly entry: Entry
  readonly why: Departure
}

export interface HeldParts {
  readonly openNear: (onLeave: Leave) => NearTier
  readonly graph: Graph
  readonly judge: Judge
  readonly clock: Clock
  readonly events: Events
  readonly log: Pick<Log, 'applied' | 'generation' | 'catchUp' | 'membership'>
}

/** Position of what is judged again at each read: a soft invalidation ends by time, whichever clock says so. */
const neverVerified = -1

/**
 * Measured by `npm run bench -- churn`: under 1,000 invalidations a second of 10 or 100 dependents each, dropping
 * leaves room for 2 to 10 times the reads that judging every entry again does. But it keeps the event loop: 1,000
 * entries for 3.6 ms, or 8 ms in a process that has just started; 9,000 for 16 ms. Nothing should keep it for 10.
 */
const dropAtOnce = 1000
/** Invalidations that may be under way at once, and still be told how many entries they dropped. */
const droppedMax = 10_000

export class Held {
  /** An entry that was verified before this position is judged again before it is served. */
  freshSince = 0
  /** Position of the newest record by which entries left the tier that processes share. */
  evictedAt = 0
  readonly near: NearTier
  readonly #parts: HeldParts
  readonly #log: HeldParts['log']
  /** Undefined: nobody is ever fenced. On the path of every hit. */
  readonly #membership: Log['membership']
  readonly #clock: Clock
  /** What is known of entries that went. */
  readonly past: Past
  /** Who had to go for the entry that is being put. */
  readonly #pushedOut: Departed[] = []
  /** Departures that are told of later; undefined: at once. */
  #untold: Departed[] | undefined
  /** n -> entries that the invalidation at n dropped at once, until it is asked for. */
  readonly #droppedAt = new Map<number, number>()
  /** Entries that the tier which processes share does not hold, or not yet: others do not know of them. */
  readonly #unshared = new Map<string, Entry>()

  constructor(parts: HeldParts) {
    this.#parts = parts
    this.#log = parts.log
    this.#membership = parts.log.membership
    this.#clock = parts.clock
    this.past = new Past(parts)
    this.near = parts.openNear((entry, why) => this.#pushedOut.push({ entry, why }))
  }

  /** The entry if it can be served without any decision: fresh, verified, not due for a refresh. */
  ready(key: string): Entry | undefined {
    this.#log.catchUp()
    const entry = this.near.get(key)
    if (entry === undefined || entry.verifiedAt < this.freshSince || this.isFenced) return undefined
    return this.#clock.coarseNow() < entry.attentionAt ? entry : undefined
  }

  /** The entry if it can be served, fresh or stale; one that cannot be is dropped. */
  find(key: string): Found | undefined {
    this.#log.catchUp()
    const entry = this.near.get(key)
    if (entry === undefined || this.isFenced) return undefined
    const found = entry.verifiedAt < this.freshSince ? this.assess(entry) : this.#aged(entry)
    if (found === undefined) this.#dropEnded(entry)
    return found
  }

  /** What an entry is worth now, be it held or not; undefined if it can be served no more. */
  assess(entry: Entry): Found | undefined {
    this.#log.catchUp()
    return !this.isFenced && this.judge(entry) === undefined ? this.#aged(entry) : undefined
  }

  /** Nothing that is held may be served: what was invalidated meanwhile is not known. */
  get isFenced(): boolean {
    return this.#membership !== undefined && this.#membership.isFenced
  }

  /**
   * What an entry is worth by all that this node knows, if its policy wants it served though more may be to know.
   * @throws E_CONSISTENCY_FENCED
   */
  assessFenced(entry: Entry): Found | undefined {
    if (entry.policy.onFence === 'error') throw fenced(entry.key)
    if (entry.policy.onFence !== 'stale' || this.judge(entry) !== undefined) return undefined
    const found = this.#aged(entry)
    return found === undefined ? undefined : { entry: found.entry, state: 'stale' }
  }

  /**
   * Takes an entry in. False if it is too large for memory. In the same tick as it was judged, so that nothing slips
   * between; who had to go for it is told of when everything is in place.
   */
  put(entry: Entry): boolean {
    const { key, dependencies, directCount } = entry
    this.past.replace(key)
    if (!this.near.put(entry)) return false
    const pushedOut = this.#pushedOut.splice(0)
    for (const { entry: other, why } of pushedOut) this.#left(other, why, null)
    this.#parts.graph.track(key, dependencies.slice(0, directCount), dependencies.slice(directCount))
    for (const { entry: other, why } of pushedOut) this.#tell(other, why)
    return true
  }

  /** What those who depend on `name` have inherited of it. */
  *lineageOf(name: string): Generator<string, void, undefined> {
    yield* this.past.lineageOf(name)
    yield* this.near.look(name)?.dependencies ?? []
  }

  drop(entry: Entry, why: Departure, by: Invalidated | null = null): boolean {
    if (!this.#remove(entry, why, by)) return false
    this.#tell(entry, why)
    return true
  }

  /** Ends what depends on the reached names: few at once, many at their next hit. */
  end(record: LogRecord, reach: Reached): void {
    const few = reach.prefixes.length === 0 ? this.#few(reach.names) : undefined
    if (few === undefined) return this.endMany(record)
    let dropped = 0
    for (const key of few) {
      const entry = this.near.look(key)
      if (entry !== undefined && this.#dropInvalid(entry)) dropped++
    }
    if (record.by !== undefined && record.kind !== 'intent') this.#noteDropped(record.n, dropped)
  }

  /** Nobody here asks for those that others invalidated: the oldest go. */
  #noteDropped(n: number, count: number): void {
    this.#droppedAt.set(n, count)
    if (this.#droppedAt.size > droppedMax)
      this.#droppedAt.delete(this.#droppedAt.keys().next().value as number)
  }

  /** Every entry is judged again at its next hit. O(1). */
  endMany({ n }: LogRecord): void {
    this.freshSince = Math.max(this.freshSince, n)
  }

  /** What left the tier that processes share leaves memory too: others could not tell any more who depends on it. */
  evict({ names, n }: LogRecord): void {
    this.evictedAt = n
    for (const name of names) {
      const entry = this.near.look(name)
      if (entry !== undefined) this.drop(entry, 'evicted')
    }
  }

  /** Others do not know of the entry until `shared` is called. */
  unshared(entry: Entry): void {
    this.#unshared.set(entry.key, entry)
  }

  shared(entry: Entry): void {
    if (this.#unshared.get(entry.key) === entry) this.#unshared.delete(entry.key)
  }

  /** Others have changed something, and could not take into account what they do not know of. */
  dropUnshared(): void {
    const entries = [...this.#unshared.values()]
    this.#unshared.clear()
    for (const entry of entries) if (this.near.look(entry.key) === entry) this.drop(entry, 'evicted')
  }

  /** What made the entries valid is not known any more. */
  dropAll(): void {
    this.#unshared.clear()
    const entries = this.near.keys().map((key) => this.near.look(key) as Entry)
    for (const entry of entries) this.#remove(entry, 'invalidated', null)
    // Positions may begin anew.
    this.past.forget(this.#log.applied)
    this.freshSince = 0
    this.evictedAt = 0
    this.#droppedAt.clear()
    for (const entry of entries) this.#tell(entry, 'invalidated')
  }

  /** How many entries the record at `n` dropped at once; asked once, by whoever carries it out. */
  takeDroppedAt(n: number): number {
    const dropped = this.#droppedAt.get(n) ?? 0
    this.#droppedAt.delete(n)
    return dropped
  }

  /** Drops those of the keys that are invalid, in slices. @returns how many were dropped */
  async purge(keys: Keys): Promise<number> {
    let dropped = 0
    await this.#each(keys, (entry) => {
      if (this.#dropEnded(entry)) dropped++
    })
    return dropped
  }

  /** Those of the keys that are held though they are invalid; looked at in slices. */
  async invalidOf(keys: Keys): Promise<string[]> {
    const invalid: string[] = []
    await this.#each(keys, (entry) => {
      if (this.judge(entry) !== undefined) invalid.push(entry.key)
    })
    return invalid
  }

  /** How many of the keys are held, each counted once; in slices. */
  async countOf(keys: Keys): Promise<number> {
    const held = new Set<string>()
    await this.#each(keys, (entry) => held.add(entry.key))
    return held.size
  }

  /** Drops everything that is invalid or expired, in slices. @returns how many were dropped */
  sweep(): Promise<number> {
    return this.purge(this.near.keys())
  }

  clear(): void {
    this.near.clear()
  }

  /**
   * Judges an entry by all records applied so far; undefined if it may be used, as stale perhaps: a soft
   * invalidation bounds it and lets it live.
   */
  judge(entry: Entry): Invalidated | undefined {
    if (this.isForeign(entry)) return { name: entry.key, n: 0, untilMs: 0 }
    const by = this.#parts.judge.verdict(entry)
    if (by !== undefined && by.untilMs <= this.#clock.now()) return by
    // By the clock that lifetimes are looked up by: it is stale from this read on.
    if (by !== undefined) soften(entry, this.#clock.coarseNow(), by.untilMs)
    entry.verifiedAt = by === undefined ? this.#log.applied : neverVerified
    return undefined
  }

  /** Positions of two generations are never compared: what was made in another is not known to be good. */
  isForeign({ generation }: Pick<EntryParts, 'generation'>): boolean {
    return generation !== this.#log.generation
  }

  #aged(entry: Entry): Found | undefined {
    settleTimes(entry)
    const state = freshness(entry, this.#clock.coarseNow())
    return state === 'expired' ? undefined : { entry, state }
  }

  #dropInvalid(entry: Entry): boolean {
    const by = this.judge(entry)
    return by !== undefined && this.drop(entry, 'invalidated', by)
  }

  #dropEnded(entry: Entry): boolean {
    return this.#dropInvalid(entry) || (this.#aged(entry) === undefined && this.drop(entry, 'expired'))
  }

  /** Keys of entries that the names reach, or undefined if those are more than a tick should drop. */
  #few(names: Iterable<string>): Set<string> | undefined {
    const { graph } = this.#parts
    let reached = 0
    for (const name of names) reached += 1 + graph.trackedDependentCount(name)
    if (reached > dropAtOnce) return undefined
    const keys = new Set(names)
    for (const name of names) {
      graph.trackedDependents(name, (key) => {
        keys.add(key)
        return true
      })
    }
    return keys
  }

  /** Those of the keys that are held. */
  #each(keys: Keys, work: (entry: Entry) => void): Promise<void> {
    return inSlices(this.#clock, keys, (key) => {
      const entry = key === undefined ? undefined : this.near.look(key)
      if (entry !== undefined) work(entry)
    })
  }

  #remove(entry: Entry, why: Departure, by: Invalidated | null): boolean {
    if (!this.near.delete(entry.key)) return false
    this.#left(entry, why, by)
    return true
  }

  #left(entry: Entry, why: Departure, by: Invalidated | null): void {
    if (why !== 'replaced') this.#parts.graph.untrack(entry.key)
    // Memory does not have it any more.
    this.shared(entry)
    // What was replaced may have been invalid, and nobody had come by to see.
    const ended = why === 'replaced' ? (this.#parts.judge.verdict(entry) ?? null) : by
    this.past.left(entry, { why, by: ended })
  }

  /** Who departs in the work is told of when it is done: a listener that reads must not see half of it. */
  quietly(work: () => void): void {
    const untold: Departed[] = []
    const outer = this.#untold
    this.#untold = untold
    try {
      work()
    } finally {
      this.#untold = outer
      for (const { entry, why } of untold) this.#tell(entry, why)
    }
  }

  #tell(entry: Entry, why: Departure): void {
    const { events } = this.#parts
    if (!events.heard('departed')) return
    if (this.#untold === undefined) events.emit('departed', { key: entry.key, why })
    else this.#untold.push({ entry, why })
  }
}

export function fenced(key: string): StaleproofError {
  return new StaleproofError(
    'E_CONSISTENCY_FENCED',
    `'${key}' cannot be answered: this node could not ask the log for longer than its lease, so that it does not know what ` +
      "was invalidated; the policy says onFence: 'error'. Try again, or look why the log cannot be reached",
    { details: { key } },
  )
}
