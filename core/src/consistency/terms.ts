/**
 * Terms: what all nodes of a log have to agree on. They stand with the state in each snapshot.
 *
 * Invariant: the nodes of a log have leases of one length: that of the node which began the generation. Who waits for
 * the leases of others to end knows by that how long.
 */
/** A snapshot's dump, as the server keeps it. */
export interface Terms {
  readonly leaseMs: number
  /** LogState.dump() */
  readonly state: unknown
}

/** Those of a log, or of whoever is the first. */
export function termsOf(dump: unknown, leaseMs: number): Terms {
  return dump === undefined ? { leaseMs, state: undefined } : (dump as Terms)
}
