/**
 * A tier: where bytes live.
 *
 * A tier stores what it is given and decides nothing: whether an entry may be served is judged by whoever reads it.
 * Invariants: `get` after `delete` resolved finds nothing of before; `put` of an older stamp never replaces a newer
 * one; a tier that cannot do what was asked rejects, it never answers "not there" for "I do not know"; names that
 * differ are never taken for one. `staleproof/testing` has cases of all that is promised here.
 */
import type { Entry, EntryParts } from '../model/entry.ts'

export type Answer<T> = T | Promise<T>

/**
 * A tier below memory: another process, a disk, a server. Of one key, the cache begins no put or delete before the last
 * one has ended; of several keys, it has many under way.
 */
export interface Tier {
  /** Short and unique within a cache: 'disk', 'redis'. */
  readonly name: string
  /** At once, if nothing has to be waited for. */
  get(key: string): Answer<EntryParts | undefined>
  put(entry: EntryParts): Promise<void>
  /**
   * Removes the bytes. A tier that others share keeps what `isValid` by then: somebody may have stored it meanwhile.
   * @returns how many were removed
   */
  delete(keys: readonly string[], isValid?: (entry: Head) => boolean): Promise<number>
  /** Reads back. @returns what is held of the keys, all parts of it but values, which may be left out */
  held(keys: readonly string[]): Promise<readonly EntryParts[]>
  /** Keys of entries that depend on one of the names, itself included: for planning and purging. */
  dependents(names: readonly string[]): Promise<readonly string[]>
  /** Keys that begin with `prefix`, and keys of entries that depend on such a name. */
  withPrefix(prefix: string): Promise<readonly string[]>
  close(): Promise<void>
}

/** What an entry was made from, and when. */
export type Head = Pick<EntryParts, 'key' | 'stamp' | 'keyStamp' | 'dependencies'>

/** A tier that processes share, and the log beside it, while nobody else can write to either. */
export interface Hold {
  /** The entry of that name, if one is held. */
  headOf(name: string): Head | undefined
  /**
   * A position at or after that of the last invalidation that ended an entry of that name which is gone, be it removed or
   * replaced, or what `ended` told of; 0 if none is known.
   */
  endedAt(name: string): number
  /** Entries other than that of the name itself that depend on it. */
  dependentsOf(name: string): Iterable<Head>
  /** False while the log has records that are not applied here: what an entry is worth cannot be told then. */
  readonly isCurrent: boolean
  /**
   * Declares in the log that the key changed. `before` is called right before that is applied, in the same tick.
   * @returns the position of that
   */
  announce(key: string, before: (n: number) => void): number
}

/** Decides what is to be kept of an entry. @returns undefined: nothing */
export type Admit = (hold: Hold) => EntryParts | undefined

/** What was kept of an entry. */
export interface Settled extends EntryParts {
  /** Its value is too large for the tier, or cannot be written: nobody is given it from here. Default false. */
  readonly withoutValue?: boolean
}

/**
 * A tier that processes share.
 *
 * Invariant: every process that keeps an entry in memory, and is not alone, finds it here: what leaves here for room
 * is told of by an `evict` record of the log.
 */
export interface SharedTier extends Tier {
  /** Whether other processes may write to it, too. */
  readonly isShared: boolean
  /**
   * `put`, as `admit` decides while nobody else writes. What is too large for the tier, or cannot be written, is kept
   * without its value, so that others know of it.
   * @returns what was kept
   */
  settle(entry: EntryParts, admit: Admit): Promise<Settled | undefined>
  /**
   * Notes that something of these names was invalidated, at the newest position that is applied here at the latest, as if
   * an entry of each had been removed: it never was one, and was given to somebody all the same. What is held stays.
   */
  ended(keys: readonly string[]): Promise<void>
}

/** Told of an entry that left without being deleted: pushed out for room, or by a newer one of its key. */
export type Leave = (entry: Entry, why: 'evicted' | 'replaced') => void

/** The nearest tier: in this process, and so without waiting. */
export interface NearTier {
  readonly name: string
  /** Greatest weight of one entry. */
  readonly entryBytesMax: number
  /** Held, whatever its state; counts as a use for eviction. */
  get(key: string): Entry | undefined
  /** The same, and not counted as a use. */
  look(key: string): Entry | undefined
  /** @returns false if it is not held now: larger than this tier takes */
  put(entry: Entry): boolean
  delete(key: string): boolean
  /** Keys held now. */
  keys(): readonly string[]
  readonly usage: NearUsage
  clear(): void
}

export interface NearUsage {
  readonly entries: number
  readonly bytes: number
  readonly bytesMax: number
  readonly evictions: number
}

export interface NearTierOptions {
  readonly bytesMax: number
  readonly entriesMax: number
  readonly entryBytesMax: number
  readonly onLeave: Leave
}
