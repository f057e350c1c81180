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

  nameOf(id: number): string {
    return this.#names[id] as string
  }

  intern(name: string): number {
    const known = this.#ids.get(name)
    if (known !== undefined) return known
    const id = this.#free.pop() ?? this.#names.length
    this.#ids.set(name, id)
    this.#names[id] = name
    return id
  }

  /** Forgets a name. Nobody may use its id any more. */
  release(id: number): void {
    this.#ids.delete(this.nameOf(id))
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
