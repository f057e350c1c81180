/**
 * The log: what was invalidated, in order.
 *
 * One contract for every log: memory (one process), disk (processes that share a directory), redis (machines).
 *
 * Invariants: `n` is dense and grows by 1, so that a gap shows; a record is visible wholly or not at all;
 * `apply` is called once per record, in order, and synchronously: whoever sees a position has applied it.
 */
import type { Position } from '../model/position.ts'

/**
 * What one record says.
 * invalidate: names and prefixes changed. soft: the same, but what was made from them may be served until
 * `untilMs` while it is loaded again. change: `names` were set anew; what depends on them is stale, they are not.
 * link, unlink, rule, unrule: the declared graph changed; `names` are dependents (or patterns), `dependsOn`
 * their dependencies.
 */
export type RecordKind = 'invalidate' | 'soft' | 'change' | 'link' | 'unlink' | 'rule' | 'unrule'

export interface Change {
  readonly kind: RecordKind
  readonly names: readonly string[]
  readonly prefixes?: readonly string[]
  readonly dependsOn?: readonly string[]
  /** ms since 1970; soft only. */
  readonly untilMs?: number
  /** Tells a writer its own record from others'. */
  readonly nonce?: string
  /** Id of the invalidation in the history, for explanations. */
  readonly by?: string
}

export interface LogRecord extends Change {
  readonly n: number
  /** ms since 1970. */
  readonly atMs: number
}

export interface Log {
  readonly name: string
  readonly generation: string
  /** Position of the newest record that was applied here. */
  readonly applied: number
  /** Resolves once the record is as durable as this log makes it, and applied here. */
  append(change: Change): Promise<Position>
  close(): Promise<void>
}

/** Takes a record in. Must not wait, and must not throw. */
export type Apply = (record: LogRecord) => void
