/**
 * The words of an invalidation: what is asked, and what is answered.
 */
import type { Position } from './position.ts'
import type { Duration } from './quantity.ts'

/**
 * When and how the work is done.
 * immediate: logged, cascaded and purged before the call resolves; lazy: logged at once, bytes removed when
 * touched or swept; scheduled: queued until the next tick; background: queued, drained in batches.
 */
export type Strategy = 'immediate' | 'lazy' | 'scheduled' | 'background'
export const strategies: readonly Strategy[] = ['immediate', 'scheduled', 'lazy', 'background']

/** How long any reader may still get the old value: strict 0, eventual <= 5 s, relaxed <= 30 s. */
export type Consistency = 'strict' | 'eventual' | 'relaxed'
export const consistencies: readonly Consistency[] = ['strict', 'eventual', 'relaxed']

/** purge: unusable at once. soft: stale, may be served while it is loaded again, within grace and the bound. */
export type Mode = 'purge' | 'soft'

export type Status = 'pending' | 'running' | 'completed' | 'failed' | 'cancelled'
export const statuses: readonly Status[] = ['pending', 'running', 'completed', 'failed', 'cancelled']

/** What has changed. Several of these together are one record: all of it or nothing. */
export interface Target {
  /** Names that changed. */
  readonly names?: string | readonly string[] | undefined
  /** Every name that begins with this text. */
  readonly prefix?: string | undefined
  /** Everything. */
  readonly all?: boolean | undefined
}

export interface InvalidateOptions {
  /** Default: immediate. */
  readonly strategy?: Strategy | undefined
  /**
   * How long any reader may still get the old value, counted from when the call resolved; of what is queued
   * (scheduled, background), from when it was carried out. Default: strict; with `mode: 'soft'`: eventual.
   */
  readonly consistency?: Consistency | undefined
  readonly mode?: Mode | undefined
  /** Why, in words, for the history. */
  readonly reason?: string | undefined
  /** Who, for the history. */
  readonly actor?: string | undefined
}

export interface MutateOptions extends Omit<InvalidateOptions, 'mode' | 'strategy'> {
  /** Default: immediate. */
  readonly strategy?: 'immediate' | 'lazy' | undefined
  /**
   * How long the write may take. A writer that was not heard of for so long counts as dead, and the names as written.
   * Default 30s.
   */
  readonly within?: Duration | undefined
}

/** What a write at the source came to. */
export interface Mutated<T> {
  /** What the function gave. */
  readonly value: T
  readonly result: InvalidationResult
}

/** One name that an invalidation reached. */
export interface CascadeItem {
  readonly name: string
  /** Least number of dependencies between it and what was invalidated; 0 for that itself. */
  readonly depth: number
  /** The dependency it was reached through; null for what was invalidated. */
  readonly because: string | null
}

/**
 * What one tier did.
 * purged: the bytes are gone; deferred: unusable already, the bytes go when touched or swept;
 * failed: the tier could not be reached or still holds some (`held`).
 */
export interface TierOutcome {
  readonly status: 'purged' | 'deferred' | 'failed'
  /** Entries whose bytes were removed. */
  readonly purged: number
  /** True if the tier was read back and held nothing of the cascade. */
  readonly verified: boolean
  /** Keys that the read-back still found. */
  readonly held: readonly string[]
  readonly error: string | null
}

/** What an invalidation did, or will do; the record that the history keeps. */
export interface InvalidationResult {
  readonly id: string
  /** Its place in the log; null while it waits in the queue. */
  readonly position: Position | null
  readonly status: Status
  readonly names: readonly string[]
  readonly prefix: string | null
  readonly all: boolean
  readonly strategy: Strategy
  readonly consistency: Consistency
  readonly mode: Mode
  readonly reason: string | null
  readonly actor: string | null
  /** What it reached, dependencies before dependents. Empty with `reached: null` if not walked (lazy). */
  readonly cascade: readonly CascadeItem[]
  /** How many names it reached, listed or not; null if that was not walked. */
  readonly reached: number | null
  /** True if `cascade` lists fewer than were reached. */
  readonly truncated: boolean
  /** Names deeper than the graph's depth limit: unusable like all others, but swept later. */
  readonly beyondDepth: number
  readonly tiers: Readonly<Record<string, TierOutcome>>
  /** Other nodes that a strict invalidation waited for; empty if there are none, or nobody had to wait. */
  readonly nodes: readonly NodeOutcome[]
  /** Runs begun; 0 while it waits. */
  readonly attempts: number
  /** ms since 1970. */
  readonly requestedAt: number
  readonly startedAt: number | null
  readonly endedAt: number | null
  readonly error: { readonly code: string; readonly message: string } | null
  /** Hand it to another reader for read-your-writes; null while it waits in the queue. */
  readonly token: string | null
}

/** What became of another node until a strict invalidation was done. */
export interface NodeOutcome {
  readonly id: string
  /** Host and process. */
  readonly name: string
  /** acknowledged: it has applied the record. outlasted: it said nothing, and has no right to serve any more. */
  readonly status: 'acknowledged' | 'outlasted'
}

/** A dry run: what an invalidation would reach now. */
export interface Plan {
  readonly names: readonly string[]
  readonly prefix: string | null
  readonly all: boolean
  readonly cascade: readonly CascadeItem[]
  readonly reached: number
  readonly truncated: boolean
  readonly beyondDepth: number
  /** Groups of names that depend on each other in a circle. */
  readonly cycles: readonly (readonly string[])[]
  /** Entries that would go, by tier. */
  readonly entries: Readonly<Record<string, number>>
}

/** A question to the history. */
export interface HistoryQuery {
  readonly status?: Status | undefined
  readonly name?: string | undefined
  readonly strategy?: Strategy | undefined
  readonly actor?: string | undefined
  /** Requested at or after, ms since 1970. */
  readonly since?: number | undefined
  /** Requested before, ms since 1970. */
  readonly until?: number | undefined
  /** Records a page: 1 to 1000, default 50. */
  readonly limit?: number | undefined
  /** `next` of the page before. */
  readonly cursor?: string | undefined
}

export interface HistoryPage {
  /** Newest first. */
  readonly records: readonly InvalidationResult[]
  /** Cursor of the next page; null at the end. */
  readonly next: string | null
}
