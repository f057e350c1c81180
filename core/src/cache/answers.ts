/**
 * What a cache answers to a write, and to a question for a whole entry.
 */
import type { Position } from '../model/position.ts'
import type { CacheEvents } from '../model/event.ts'
import type { HistoryPage, HistoryQuery, InvalidationResult, NodeOutcome } from '../model/invalidation.ts'

export type Refused = 'invalidated' | 'expired' | 'no-room' | 'fenced' | null

/** Why a value that somebody brought was not stored. */
export function refusalOf(refused: CacheEvents['load']['refused']): Refused {
  const isTold = refused === 'expired' || refused === 'no-room' || refused === 'fenced'
  return refused === null || isTold ? refused : 'invalidated'
}

export interface SetResult {
  readonly stored: boolean
  /**
   * superseded: the key was set or invalidated again meanwhile; invalidated: something it depends on was;
   * expired: it depends on an entry that is past its TTL; no-room: no tier takes it; fenced: this node cannot find out
   * whether it was invalidated.
   */
  readonly refused: 'superseded' | Refused
  readonly position: Position
  /** Hand it to another reader for read-your-writes. */
  readonly token: string
  /** Of a strict one: what became of the other nodes. */
  readonly nodes: readonly NodeOutcome[]
  /** ms since 1970. */
  readonly expiresAt: number | null
}

export interface FillResult {
  readonly stored: boolean
  /**
   * invalidated: the key or something it depends on was invalidated since the token; unknown-token: the token is
   * from another life of the cache, or too old for what is remembered.
   */
  readonly refused: 'unknown-token' | Refused
  /** ms since 1970. */
  readonly expiresAt: number | null
}

/** An entry with what is known of it; times in ms since 1970. */
export interface EntryView<V> {
  readonly key: string
  readonly value: V
  readonly policy: string
  readonly state: 'fresh' | 'stale'
  /** This node cannot find out whether it was invalidated, and its policy wants it served all the same. */
  readonly fenced: boolean
  readonly storedAt: number
  readonly expiresAt: number
  readonly graceUntil: number
  readonly ageMs: number
  /** The position up to which it is known to be good, as text. */
  readonly token: string
  readonly dependencies: readonly string[]
}

/** What was asked to be invalidated, and what became of it. */
export interface InvalidationRecords {
  /** Newest first. @throws E_OPTIONS_INVALID, E_CURSOR_INVALID */
  list(query?: HistoryQuery): Promise<HistoryPage>
  get(id: string): Promise<InvalidationResult | undefined>
  /** Takes back one that still waits. @throws E_INVALIDATION_UNKNOWN, E_INVALIDATION_STATUS */
  cancel(id: string): Promise<InvalidationResult>
  /** Has one that failed or was cancelled done again. @throws E_INVALIDATION_UNKNOWN, E_INVALIDATION_STATUS */
  retry(id: string): Promise<InvalidationResult>
  /** Carries out at once one that still waits. @throws E_INVALIDATION_UNKNOWN, E_INVALIDATION_STATUS */
  runNow(id: string): Promise<InvalidationResult>
}
