/**
 * What nodes under faults work on: so many names that what was lost of one is not made good by the next write of it at once.
 */
import type { TruthShape } from '../crash/shared-truth.ts'

const numbered = (prefix: string, count: number) => Array.from({ length: count }, (_, i) => `${prefix}:${i}`)

export const sources = numbered('s', 20)
/** Loaded; each is made from two sources, and every third from keys of higher numbers as well. */
export const keys = numbered('k', 30)
/** Set by their owners, from a source each. */
export const settled = numbered('v', 4)

export function recipeOf(key: string): {
  readonly sources: readonly string[]
  readonly keys: readonly string[]
} {
  const i = keys.indexOf(key)
  return {
    sources: [sources[i % 20] as string, sources[(i * 7 + 3) % 20] as string],
    keys: i % 3 === 0 ? [i + 1, i + 5].flatMap((inner) => keys[inner] ?? []) : [],
  }
}

export const shape = (slots: number): TruthShape => ({
  names: [...sources, ...settled],
  declarations: [],
  slots,
})
