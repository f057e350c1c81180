/**
 * Waits that grow from one failure to the next.
 */
import type { Random } from '../model/clock.ts'

export interface Growth {
  readonly firstMs: number
  readonly maxMs: number
}

/**
 * Wait after the nth failure in a row: doubled from one to the next. A random part of it, half at most, is taken
 * off, so that what failed together does not come back together.
 */
export function backoffMs({ firstMs, maxMs }: Growth, failures: number, random: Random): number {
  return Math.ceil(Math.min(firstMs * 2 ** (failures - 1), maxMs) * (1 - random() / 2))
}
