/**
 * The log server: one log for many nodes, somewhere that all of them can reach.
 *
 * A node is one process (or worker thread) with a cache. It knows how far it has applied the log (`Since`), and says so
 * with whatever it asks; the server says in the same atomic step how things stand (`Said`).
 *
 * Invariants: every method is one atomic step, or rejects, and then it may or may not have happened; within one
 * generation positions are dense and what was told of one never changes; a generation ends when the server may have
 * lost the tail of its log, be it by a restart, a fail-over, a flush or an eviction; nothing is told of one generation
 * to a node that names another.
 */
import type { Change } from '../log/contract.ts'
import type { Worth } from '../model/backing.ts'

/** How far a node has come. */
export interface Since {
  readonly generation: string
  /** Position of the last record that is applied there. */
  readonly applied: number
  /** The nonce of that record: whether it still is what stands there. '' if it was never seen, only what it amounts to. */
  readonly witness: string
}

/** A record as the server keeps it. */
export interface Told {
  readonly n: number
  /** Random: two records never share one. */
  readonly nonce: string
  /** Id of the node that appended it. */
  readonly node: string
  readonly change: Change
  /** ms since 1970, by the clock of the node. */
  readonly atMs: number
}

/**
 * How the log stands for a node.
 * same: it goes on from there; `records` are those after `applied`, all of them if `isAll`.
 * gap: what came next is not kept any more. other: another generation has begun. lost: this one has ended, or there was
 * none, and a new one has to be begun.
 */
export type Said =
  | {
      readonly is: 'same'
      readonly generation: string
      readonly tail: number
      readonly records: readonly Told[]
      readonly isAll: boolean
      /** Nobody can have a lease any more from before this generation began. */
      readonly isSettled: boolean
      /** How many nodes are registered. */
      readonly nodes: number
    }
  | { readonly is: 'gap' }
  | { readonly is: 'other' }
  | { readonly is: 'lost' }

export interface NodeAck {
  readonly id: string
  /** Host, process and whatever else helps to find it. */
  readonly name: string
  /** Position up to which it has said that it applied the log. */
  readonly acked: number
  /** Number of the sync with which it said so: another with each. */
  readonly said: number
}

/** Who may have a lease. */
export interface Register {
  readonly nodes: readonly NodeAck[]
  /** Number of the newest sync. */
  readonly said: number
}

/** What a node says with every sync. */
export interface Presence {
  readonly id: string
  readonly name: string
  /** It has been in this generation for so long that no lease from before can be left. */
  readonly isSettled: boolean
}

export interface Appended {
  readonly said: Said
  /** Position of the first of ours; undefined: nothing was appended, since the log is not the same for this node. */
  readonly first: number | undefined
}

/** A state of the log, and the generation it is of. */
export interface Snapshot {
  readonly generation: string
  /** Position that it amounts to. */
  readonly n: number
  /** LogState.dump(); undefined: nothing was invalidated or declared yet. */
  readonly dump: unknown
}

export interface LogServer {
  /** Short: 'redis'. */
  readonly name: string
  /** Registers the node as having applied all up to `since.applied`, and tells what came after. */
  sync(since: Since, presence: Presence): Promise<Said>
  /**
   * Appends records one after the other, all or none; what is told goes up to and includes them, unless that is more
   * than is told at once.
   * @param changes with the nonces that they are to have
   */
  append(since: Since, changes: readonly Omit<Told, 'n'>[]): Promise<Appended>
  /** Resolves when what this node appended outlives the server. @throws why it does not yet: it stands there all the same */
  secured(): Promise<void>
  /** Nodes that are registered, but for `except`. 'other': another generation has begun, or has to. */
  nodes(generation: string, except: string): Promise<Register | 'other'>
  /**
   * Resolves soon after some node has acknowledged more, by a later sync than `said`: a hint, which may come early, late or
   * never. Never rejects.
   */
  acknowledged(said: number): Promise<void>
  /** Takes nodes out of the register that have said nothing since: they register again with their next sync. */
  forget(generation: string, nodes: readonly NodeAck[]): Promise<void>
  leave(id: string): Promise<void>
  /** The newest snapshot of the generation that there is, even if it has ended; undefined: there never was one. */
  snapshot(): Promise<Snapshot | undefined>
  /** Records of the same after `n`, some at a time, up to the end; none: that was all. */
  records(generation: string, n: number): Promise<readonly Told[]>
  /**
   * Begins a generation with what is known of the last one, at position 0, unless one goes on that has lost nothing.
   * The log of the one before is gone then.
   */
  begin(base: Pick<Snapshot, 'generation' | 'dump'>): Promise<void>
  /** Keeps a snapshot, and forgets records that are older than the one before and that nobody is likely to ask for. */
  keep(snapshot: Snapshot): Promise<void>
  /**
   * Calls `onNews` soon after somebody appends, with the records if they are at hand: a hint, which may be lost, late
   * or wrong about nothing but what is new. Calls `onReached` when the server can be asked again, as far as is known: a hint
   * as well. Goes on until `close`.
   */
  watch(
    since: () => Since,
    onNews: (news: readonly Told[], generation: string) => void,
    onReached: () => void,
  ): void
  /** What a strict invalidation is worth on this server. */
  readonly worth: Worth
  close(): Promise<void>
}

/**
 * The log as one node sees it, for a store that stands beside it on the same server: both are asked in one step, so that
 * what is stored and what the log says of it happen together.
 */
export interface LogBeside {
  readonly generation: string
  readonly applied: number
  since(): Since
  /** Takes in what was said along with an answer, in this tick. @returns whether all of the log is applied here now */
  take(said: Said): boolean
  /**
   * A record of this node that the server is about to append in one step with something else. `before` is called right
   * before it is applied here; it is forgotten with `disown` if it was not appended after all.
   */
  own(change: Change, before: (n: number) => void): Omit<Told, 'n'>
  disown(nonce: string): void
}
