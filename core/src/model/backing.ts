/**
 * How a backing is: what a user is shown of it.
 */
export interface BackingState {
  readonly name: string
  /**
   * ok: all is well. failing: it does not work now, memory does alone, and it is tried again by itself.
   */
  readonly status: 'ok' | 'failing'
  /** Why it fails. */
  readonly error: { readonly code: string; readonly message: string } | null
  /** Why what was in it before was put aside when it was opened: it could not be read. Null: it was not. */
  readonly putAside: string | null
  /** Other processes that have it open. */
  readonly others: number
  /** Invalidations that wait until they can be written. */
  readonly waiting: number
  readonly usage: {
    readonly entries: number
    readonly bytes: number
    readonly bytesMax: number
    readonly evictions: number
    /** Entries that were not what was written, and were put aside. */
    readonly damaged: number
  }
  /** The round of the sweeper that is under way. */
  readonly sweep: {
    /** How far it is, 0 to 1. */
    readonly position: number
    readonly looked: number
    readonly removed: number
  }
}
