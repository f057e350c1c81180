/**
 * Chance from a seed: mulberry32 (Tommy Ettinger, 2017). All that a simulation leaves to chance comes from one of these.
 */
export class Chance {
  #state: number

  constructor(seed: number) {
    // Seeds that lie close together must not begin alike.
    this.#state = Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) >>> 0
    for (let i = 0; i < 4; i++) this.next()
  }

  /** In [0, 1). */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0
    let t = this.#state
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }

  /** A whole number in [0, end). */
  below(end: number): number {
    return Math.floor(this.next() * end)
  }

  between(least: number, most: number): number {
    return least + this.next() * (most - least)
  }

  is(probability: number): boolean {
    return this.next() < probability
  }

  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)] as T
  }

  /** By weight. */
  choose<T>(table: readonly (readonly [weight: number, what: T])[]): T {
    let left = this.next() * table.reduce((sum, [weight]) => sum + weight, 0)
    for (const [weight, what] of table) {
      left -= weight
      if (left < 0) return what
    }
    return (table.at(-1) as readonly [number, T])[1]
  }
}
