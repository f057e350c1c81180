/**
 * How a backing is: what a user is shown of it.
 */
export type BackingState = DiskState | RedisState

export interface DiskState {
  readonly name: 'disk'
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

/** This process as one node of those that share a server. */
export interface RedisState {
  readonly name: 'redis'
  /**
   * ok: all is well. failing: the server cannot be reached, or refuses; it is tried again by itself.
   */
  readonly status: 'ok' | 'failing'
  /** Why it fails. */
  readonly error: { readonly code: string; readonly message: string } | null
  readonly node: string
  /** Without a lease: nothing that is held is served (policy onFence). */
  readonly fenced: boolean
  /** Other nodes, as far as is known. */
  readonly others: number
  /** Invalidations that are in force here and wait until they can be appended. */
  readonly waiting: number
  readonly worth: Worth
}

/**
 * What a strict invalidation is worth on the server. single: one instance; what it loses when it is restarted ends a
 * generation, so that nothing from before is served. waited: each record waits for as many replicas as there are.
 * unsafe: there are replicas that may be promoted without what was acknowledged. unknown: it could not be asked yet.
 */
export interface Worth {
  readonly is: 'single' | 'waited' | 'unsafe' | 'unknown'
  readonly why: string
}
