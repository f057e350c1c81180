/**
 * Names: name <-> id, so that the graph works on small integers.
 *
 * Invariants: an id belongs to one name at a time; ids are dense: the lowest are used first, and a released
 * id is given to the next new name; `capacity` is one more than the highest id ever given.
 */
export class Names {
  readonly #ids = new Map<string, number>()
  /** id -> name; undefined for an id that is free. */
  readonly #names: (string | undefined)[] = []
  readonly #free: number[] = []

  get size(): number {
    return this.#ids.size
  }

  get capacity(): number {
    return this.#names.length
  }

  /** The id of a name, or -1. */
  idOf(name: string): number {
    return this.#ids.get(name) ?? -1
  }

  /** The name of an id; undefined if it was claimed. */
  textOf(id: number): string | undefined {
    return this.#names[id]
  }

  nameOf(id: number): string {
    return this.#names[id] as string
  }

  intern(name: string): number {
    const known = this.#ids.get(name)
    if (known !== undefined) return known
    const id = this.claim()
    this.#ids.set(name, id)
    this.#names[id] = name
    return id
  }

  /** An id without a name. */
  claim(): number {
    const id = this.#free.pop() ?? this.#names.length
    this.#names[id] = undefined
    return id
  }

  /** Forgets a name, or an id that was claimed. Nobody may use it any more. */
  release(id: number): void {
    const name = this.#names[id]
    if (name !== undefined) this.#ids.delete(name)
    this.#names[id] = undefined
    this.#free.push(id)
  }

  /** The ids of all names that begin with `prefix`. O(names). */
  startingWith(prefix: string): number[] {
    const found: number[] = []
    for (const [name, id] of this.#ids) {
      if (name.startsWith(prefix)) found.push(id)
    }
    return found
  }
}
