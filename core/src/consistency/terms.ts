/**
 * Terms: what all nodes of a log have to agree on. They stand with the state in each snapshot.
 *
 * Invariant: no node of a generation has a longer lease than the node said which began it, and until the generation is settled
 * none of before has a longer one than `longestMs`. Who waits for the leases of others to end knows by that how long.
 */

/** A snapshot's dump, as the server keeps it. */
export interface Terms {
  readonly leaseMs: number
  readonly longestMs: number
  /** LogState.dump() */
  readonly state: unknown
}

/** Those of a log. Of one that nobody has said them of, all nodes count as having that lease. */
export function termsOf(dump: unknown, leaseMs: number): Terms {
  return isTerms(dump) ? dump : { leaseMs, longestMs: leaseMs, state: dump }
}

function isTerms(dump: unknown): dump is Terms {
  return typeof dump === 'object' && dump !== null && 'longestMs' in dump
}
