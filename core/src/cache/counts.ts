/**
 * What a cache counts. hitRatio = (hits + stale) / (hits + stale + misses).
 */
export interface Counts {
  /** Served fresh, from any tier. */
  hits: number
  /** Served in grace. */
  stale: number
  /** Nothing usable was held. */
  misses: number
  /** Loaders that ended, with a value or an error. */
  loads: number
  loadErrors: number
  /** Entries stored, by loads and by sets. */
  stores: number
  /** Values that were handed out and not kept: invalidated meanwhile, too large, or not wanted. */
  refused: number
  invalidations: number
}

export function noCounts(): Counts {
  return { hits: 0, stale: 0, misses: 0, loads: 0, loadErrors: 0, stores: 0, refused: 0, invalidations: 0 }
}

export function hitRatio({ hits, stale, misses }: Counts): number | null {
  const reads = hits + stale + misses
  return reads === 0 ? null : (hits + stale) / reads
}
