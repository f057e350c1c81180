/**
 * Owed: what a tier has to delete before it serves again.
 *
 * A name stands for its entry and for all that depends on it in the tier; a prefix for all that begins with it.
 * Invariants: nothing leaves before it was paid; bounded: what is too much to be named is everything.
 */

/** So much of it as is deleted in one go. */
export type Part = { readonly names: readonly string[] } | { readonly prefix: string }

const namesMax = 100_000
const partMax = 1000
const everything = ''

export class Owed {
  readonly #names = new Set<string>()
  readonly #prefixes = new Set<string>()

  /** How many names and prefixes. */
  get count(): number | 'everything' {
    return this.#prefixes.has(everything) ? 'everything' : this.#names.size + this.#prefixes.size
  }

  get isNothing(): boolean {
    return this.count === 0
  }

  add({ names, prefix }: { readonly names: Iterable<string>; readonly prefix: string | null }): void {
    if (prefix !== null) this.#prefixes.add(prefix)
    for (const name of names) {
      if (this.count === 'everything') break
      this.#names.add(name)
      if (this.#names.size + this.#prefixes.size > namesMax) this.#prefixes.add(everything)
    }
    if (this.count !== 'everything') return
    this.#names.clear()
    this.#prefixes.clear()
    this.#prefixes.add(everything)
  }

  /** What to delete next; it stays owed until it is paid. */
  next(): Part | undefined {
    for (const prefix of this.#prefixes) return { prefix }
    const names: string[] = []
    for (const name of this.#names) if (names.push(name) === partMax) break
    return names.length === 0 ? undefined : { names }
  }

  paid(part: Part): void {
    if ('prefix' in part) this.#prefixes.delete(part.prefix)
    else for (const name of part.names) this.#names.delete(name)
  }
}
