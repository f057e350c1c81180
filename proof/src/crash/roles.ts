/**
 * What processes under proof work on: names, what is made of them, and who owns what.
 */
import type { TruthShape, Versions } from './shared-truth.ts'

export const sources = Array.from({ length: 6 }, (_, i) => `s:${i}`)
/** Loaded; each is made from sources and from keys of higher numbers. */
export const keys = Array.from({ length: 8 }, (_, i) => `k:${i}`)
/** Set by their owners, from a source each. */
export const settled = Array.from({ length: 3 }, (_, i) => `v:${i}`)
/** Filled from all sources; what of them counts is declared, by links or by a rule. */
export const linked = Array.from({ length: 4 }, (_, i) => `l:${i}`)
export const ruled = Array.from({ length: 4 }, (_, i) => `r:${i}`)
export const rule = 'r:{x}'
export const ruleOn = 's:{x}'

export const everything: readonly string[] = [...keys, ...settled, ...linked, ...ruled]

/** A declaration: `l:0 s:1`, or that of the rule. */
export function linkOf(key: string, source: string): string {
  return `${key} ${source}`
}

export const shape = (slots: number): TruthShape => ({
  names: [...sources, ...settled],
  declarations: [rule, ...linked.flatMap((key) => sources.map((source) => linkOf(key, source)))],
  slots,
})

/** A value says what it was made from, and so whether it may be served. */
export interface Made {
  readonly key: string
  /** Name -> the oldest version that went in. */
  readonly versions: Versions
  /** Makes some of them large. */
  readonly padding?: string
}

/** What a key is loaded from. */
export function recipeOf(key: string): { sources: readonly string[]; keys: readonly string[] } {
  const i = keys.indexOf(key)
  const inner = keys.slice(i + 1)
  return {
    sources: [sources[i % 6] as string, sources[(i * 5 + 2) % 6] as string],
    keys: inner.filter((_, j) => (i + j) % 3 === 0).slice(0, 2),
  }
}

/** Name -> who of that many writes it. */
export function isOwner(name: string, { slot, slots }: { slot: number; slots: number }): boolean {
  return Number(name.slice(2)) % slots === slot
}

export function oldest(of: readonly Versions[]): Versions {
  const versions: Record<string, number> = {}
  for (const each of of) {
    for (const [name, version] of Object.entries(each)) {
      versions[name] = Math.min(version, versions[name] ?? Infinity)
    }
  }
  return versions
}

/** Same numbers for the same seed (mulberry32). */
export class Dice {
  #state: number

  constructor(seed: number) {
    this.#state = seed | 0
  }

  /** 0 to below 1. */
  roll(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0
    let t = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }

  below(n: number): number {
    return Math.floor(this.roll() * n)
  }

  of<T>(all: readonly T[]): T {
    return all[this.below(all.length)] as T
  }
}
