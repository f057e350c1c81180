/**
 * Waits that grow from one failure to the next.
 */
import type { Random } from './clock.ts'

export interface Growth {
  /** Wait after the first failure. */
  readonly firstMs: number
  readonly maxMs: number
}

/** Any bound is reached by then. With more, a first wait of 0 would be multiplied by Infinity. */
const doublingsMax = 52

/**
 * Wait in ms after the nth failure in a row: doubled from one to the next, up to `maxMs`. A random part of it, half at
 * most, is taken off, so that what failed together does not come back together.
 */
export function backoffMs({ firstMs, maxMs }: Growth, failures: number, random: Random): number {
  const fullMs = Math.min(firstMs * 2 ** Math.min(failures - 1, doublingsMax), maxMs)
  return Math.ceil(fullMs * (1 - random() / 2))
}
