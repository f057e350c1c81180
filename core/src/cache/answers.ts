/**
 * What a cache answers to a write, and to a question for a whole entry.
 */
import type { Position } from '../model/position.ts'
import type { Found } from './held.ts'
import type { Refusal } from './writer.ts'

type Refused = 'invalidated' | 'expired' | 'no-room' | null

/** Why a value that somebody brought was not stored. */
export function refusalOf(refused: Refusal | null): Refused {
  return refused === null || refused === 'expired' || refused === 'no-room' ? refused : 'invalidated'
}

export interface SetResult {
  readonly stored: boolean
  /**
   * superseded: the key was set or invalidated again meanwhile; invalidated: something it depends on was;
   * expired: it depends on an entry that is past its TTL; no-room: no tier takes it.
   */
  readonly refused: 'superseded' | Refused
  readonly position: Position
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
  readonly state: Found['state']
  readonly storedAt: number
  readonly expiresAt: number
  readonly graceUntil: number
  readonly ageMs: number
  /** The position up to which it is known to be good, as text. */
  readonly token: string
  readonly dependencies: readonly string[]
}
