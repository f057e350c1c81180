/**
 * Chance that comes out the same for the same seed (mulberry32, by Tommy Ettinger): what a case finds can be run again.
 */
export class Chance {
  #state: number

  constructor(seed: number) {
    this.#state = seed
  }

  /** An integer from 0 to `below` - 1. */
  below(below: number): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * below)
  }

  /** Some of the items, each once, in an order of their own; at least `least`. */
  some<T>(items: readonly T[], least = 0): T[] {
    const left = [...items]
    const count = least + this.below(left.length - least + 1)
    return Array.from({ length: count }, () => left.splice(this.below(left.length), 1)[0] as T)
  }
}
