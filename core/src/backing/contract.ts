/**
 * Backing: what lies behind the memory of a cache: its log, its queue and history, and perhaps a tier that processes
 * share. In one process it is memory, too; a directory or a server outlives the process, and may have several.
 *
 * Invariants: all of it is one place: who sees the tier sees the log; a backing is used by one cache.
 */
import type { History, Queue } from '../invalidation/contract.ts'
import type { Turns } from '../loading/contract.ts'
import type { Change, ChangeOutbox, Log, LogState } from '../log/contract.ts'
import type { Clock, Random } from '../model/clock.ts'
import type { NodeEvent } from '../model/event.ts'
import type { BackingState } from '../model/backing.ts'
import type { Position } from '../model/position.ts'
import type { Duration } from '../model/quantity.ts'
import type { Policy } from '../model/policy.ts'
import type { Head, SharedTier, Tier } from '../tiers/contract.ts'

export interface Backing {
  readonly log: Log
  readonly queue: Queue
  readonly history: History
  /** Undefined: nobody shares anything. */
  readonly shared: SharedTier | undefined
  readonly turns: Turns | undefined
  /** How it is; undefined for memory, which does not fail. */
  readonly state: BackingState | undefined
  close(): Promise<void>
}

/** What the cache lends. */
export interface BackingParts {
  readonly clock: Clock
  readonly state: LogState
  /** The policy of that name; the default one if there is none by that name any more. */
  readonly policyOf: (name: string) => Policy
  /** Whether memory holds the key: what is in use is not the first to go for room. */
  readonly isInUse: (key: string) => boolean
  /** Whether an entry was invalidated, by all records applied here; perhaps only, while a wide one is written. */
  readonly isInvalid: (head: Head) => boolean
  /** Whether it was for certain, so that nobody holds it as valid. */
  readonly isCertainlyInvalid: (head: Head) => boolean
  readonly queue: { readonly sizeMax: number | undefined }
  readonly history: { readonly keepFor: Duration; readonly keepCount: number }
  readonly random: Random
  /** Least bound of a consistency, in ms: for longer nobody may serve what he has not asked about. */
  readonly boundMs: number
  readonly onError: (error: unknown, during: string) => void
  /** What became of this process as a node among others. */
  readonly onNode: (event: NodeEvent) => void
  /** There is a connection to what processes share, perhaps after a time without. Not called before `open` has returned. */
  readonly onReached: () => void
  /** Undefined: what cannot be appended is kept in memory. */
  readonly outbox?: ChangeOutbox | undefined
  /** A record that could not be written at first is durable now. */
  readonly onWritten: (change: Change, position: Position) => void
}

/** The cache lends it the same; the log is another's, and there when the first entry is. */
export interface BeneathParts extends BackingParts {
  readonly logOf: () => Pick<Log, 'generation' | 'applied'>
}

/** A tier of this node alone, under the log of another backing, and an outbox for that log. */
export interface Beneath {
  readonly tier: Tier
  readonly outbox: ChangeOutbox
  readonly state: BackingState
  /** When the tier is closed. */
  close(): Promise<void>
}

/** What a user gives to a cache: `disk({ path })`. */
export interface Backend<K extends 'disk' | 'redis' = 'disk' | 'redis'> {
  /** The option that it is for. */
  readonly kind: K
  /** @throws if it cannot be used, naming why */
  open(parts: BackingParts): Backing
  /** Undefined: it has no use beneath the log of another. @throws the same */
  openBeneath?(parts: BeneathParts): Beneath
}
