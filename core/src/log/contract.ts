/**
 * The log: what was invalidated, in order.
 *
 * One contract for every log: memory (one process), disk (processes that share a directory), redis (machines); its
 * promises are cases in `staleproof/testing`.
 *
 * Invariants: `n` is dense and grows by 1, so that a gap shows; a record is visible wholly or not at all;
 * a record is applied once, in order, and synchronously: whoever sees a position has applied it; after `catchUp`
 * everything is applied whose `append` had resolved before, in whatever process; if there is a membership, after `refresh`.
 */
import type { StaleproofError } from '../model/errors.ts'
import type { NodeOutcome } from '../model/invalidation.ts'
import type { Position } from '../model/position.ts'

/**
 * What one record says.
 * invalidate: names and prefixes changed. soft: the same, but what was made from them may be served until
 * `untilMs` while it is loaded again. change: `names` were set anew; what depends on them is stale, they are not.
 * link, unlink, rule, unrule: the declared graph changed; `names` are dependents (or patterns), `dependsOn`
 * their dependencies. evict: the entries of these keys left a tier that processes share, and leave memory too.
 * intent: somebody is about to write what `names` stand for, until `untilMs`: they are invalidated, and nothing that is
 * made from them is kept until a record that `ends` it.
 */
export type RecordKind =
  | 'invalidate'
  | 'soft'
  | 'change'
  | 'link'
  | 'unlink'
  | 'rule'
  | 'unrule'
  | 'evict'
  | 'intent'

export interface Change {
  readonly kind: RecordKind
  readonly names: readonly string[]
  readonly prefixes?: readonly string[]
  readonly dependsOn?: readonly string[]
  /** ms since 1970; soft and intent only. */
  readonly untilMs?: number
  /** Id of the invalidation in the history, for explanations; of an intent, that of the one that will end it. */
  readonly by?: string
  /** Id of the intent that this invalidation ends: its writer has written, or its time ran out (then there is no `by`). */
  readonly ends?: string
}

export interface LogRecord extends Change {
  readonly n: number
  /** ms since 1970. */
  readonly atMs: number
  /** Of a soft one: for so many ms from now it may let anything be served, if that is known better than by the clocks. */
  readonly leftMs?: number
}

export type Alongside = (n: number | undefined) => void

export interface Log {
  readonly name: string
  readonly generation: string
  /** Position of the newest record that was applied here. */
  readonly applied: number
  /** Undefined: whoever has the log sees each record at once, so that nobody needs a right to serve. */
  readonly membership: Membership | undefined
  /** Applies what others appended. Asked before every judgement: it costs a look at one number if nothing is new. */
  catchUp(): void
  /**
   * Resolves once the record is as durable as this log makes it, and applied here. `before` is called right before it
   * is applied, in the same tick, when all records before it have been. `alongside` writes what is to be there if the
   * record is: in the same transaction, which may be tried more than once. Its `n` is undefined if it is a server that
   * writes, which gives positions later.
   */
  append(change: Change, before?: (n: number) => void, alongside?: Alongside): Promise<Position>
  /** Afterwards `catchUp` finds nothing new, and `append` rejects or has applied the record. */
  close(): Promise<void>
}

/** A node among others that share a log which has to be asked for from afar. */
export interface Membership {
  /** Without a lease: what is held here may be stale, and nobody may be served it. */
  readonly isFenced: boolean
  /** Tries to get a lease, unless that has just failed: a read waits for it. @returns whether there is one */
  regain(): Promise<boolean>
  /** Why it has no lease, as far as is known. */
  readonly failure: StaleproofError | undefined
  /** Asks the log. @returns whether everything is applied here now that had been appended before the call */
  refresh(): Promise<boolean>
  /**
   * Resolves when no node can serve what was made before the record at that position; undefined: it may have been lost,
   * and is to be appended again. Rejects if it cannot be known.
   */
  everywhere(position: Position): Promise<readonly NodeOutcome[] | undefined>
}

/** Takes a record in. Must not wait, and must not throw. */
export type Apply = (record: LogRecord) => void

/**
 * What the records so far amount to: kept by a log that outlives the process, so that the next one need not read them
 * all. Whoever takes it in knows the same as who applied the records.
 */
export interface LogState {
  /** @param isOwn false: another process appended it */
  apply(record: LogRecord, isOwn: boolean): void
  /** Of a shape that a structured clone keeps. */
  dump(): unknown
  /** Takes a dump in, in place of all that is known; undefined: nothing was invalidated or declared yet. */
  load(dump: unknown): void
  /** A dump of nothing but what was declared: links, rules and open intents. */
  declared(): unknown
  /** What a dump declares and this does not, as changes that would declare it. */
  missing(dump: unknown): readonly Change[]
  /** How many things a dump holds, roughly: how often it is worth making one. */
  readonly size: number
}

/** What is to be appended, and could not be. */
export interface KeptChange {
  readonly id: number
  readonly change: Change
}

/** Keeps what is to be appended through a crash, in order. */
export interface ChangeOutbox {
  readonly kept: readonly KeptChange[]
  /** Resolves when it would survive a loss of power. */
  keep(change: Change): Promise<number>
  drop(ids: readonly number[]): Promise<void>
}
