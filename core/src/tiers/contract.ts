/**
 * A tier: where bytes live.
 *
 * A tier stores what it is given and decides nothing: whether an entry may be served is judged by whoever reads it.
 * Invariants: `get` after `delete` resolved finds nothing of before; `put` of an older stamp never replaces a newer
 * one; a tier that cannot do what was asked rejects, it never answers "not there" for "I do not know".
 */
import type { Entry, EntryParts } from '../model/entry.ts'

/** A tier below memory: another process, a disk, a server. */
export interface Tier {
  /** Short and unique within a cache: 'disk', 'redis'. */
  readonly name: string
  get(key: string): Promise<EntryParts | undefined>
  put(entry: EntryParts): Promise<void>
  /** Removes the bytes. @returns how many of the keys were held */
  delete(keys: readonly string[]): Promise<number>
  /** Reads back. @returns what is held of the keys; values may be left out */
  held(keys: readonly string[]): Promise<readonly EntryParts[]>
  /** Keys of entries that depend on one of the names, itself included: for planning and purging. */
  dependents(names: readonly string[]): Promise<readonly string[]>
  /** Keys that begin with `prefix`, and keys of entries that depend on such a name. */
  withPrefix(prefix: string): Promise<readonly string[]>
  close(): Promise<void>
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
