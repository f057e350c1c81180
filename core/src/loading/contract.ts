/**
 * Turns: which of the processes that share a tier loads a key, so that a stampede on all of them is one load.
 *
 * Invariants: of processes that live, at most one has the turn of a key; the turn of one that died is free. A turn
 * saves work, no more: who loads without it does no harm.
 */
export interface Turns {
  /** Takes the turn, unless a process that lives has it. @returns whether it was taken */
  take(key: string): Promise<boolean>
  /** Whether nobody has it now, as far as can be told at once. */
  isFree(key: string): boolean
  /** Gives it up, if this process has it. */
  release(key: string): Promise<void>
}
