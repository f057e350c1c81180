/**
 * A 64-bit hash of a name, as two 32-bit halves and without allocating.
 *
 * Two lanes of multiply-and-rotate over UTF-16 units, finished by MurmurHash3's avalanche (Appleby 2011). Two names
 * of one hash would only share their invalidations: entries go that could have stayed, never the other way round.
 */

/** The result of the last `hashName`: read it at once. */
export const hashed = { high: 0, low: 0 }

/** Hashes `name`; `seed` keeps spaces apart (names, prefixes of a length). */
export function hashName(name: string, seed: number, length = name.length): void {
  let high = seed ^ 0x9e3779b9
  let low = seed ^ 0x85ebca6b
  for (let i = 0; i < length; i++) {
    const unit = name.charCodeAt(i)
    high = Math.imul(high ^ unit, 0xcc9e2d51)
    high = (high << 15) | (high >>> 17)
    low = Math.imul(low + unit, 0x1b873593)
    low = ((low << 13) | (low >>> 19)) ^ high
  }
  hashed.high = avalanche(high ^ length) >>> 0
  hashed.low = avalanche(low + Math.imul(high, 5)) >>> 0
}

function avalanche(half: number): number {
  half = Math.imul(half ^ (half >>> 16), 0x85ebca6b)
  half = Math.imul(half ^ (half >>> 13), 0xc2b2ae35)
  return half ^ (half >>> 16)
}
