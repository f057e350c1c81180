/**
 * Fifo: things in the order in which they came, the first of them at hand.
 *
 * A Map has its first key at hand, too, but on the way to it walks past all that were deleted before.
 * Invariant: at most half of the places, and a few, are empty.
 */
export class Fifo<T> {
  #places: (T | undefined)[] = []
  #first = 0

  get first(): T | undefined {
    return this.#places[this.#first]
  }

  push(item: T): void {
    this.#places.push(item)
  }

  shift(): T | undefined {
    const { first } = this
    if (this.#first === this.#places.length) return undefined
    this.#places[this.#first++] = undefined
    if (this.#first > fewPlaces && this.#first * 2 > this.#places.length) {
      this.#places = this.#places.slice(this.#first)
      this.#first = 0
    }
    return first
  }

  clear(): void {
    this.#places = []
    this.#first = 0
  }
}

const fewPlaces = 64
