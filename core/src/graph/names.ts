/**
 * Names: name <-> id, so that the graph works on small integers.
 *
 * A snapshot keeps the names of many ids. To look 100,000 of them up takes milliseconds, so it looks them up
 * when it is asked, and all at once before any of them could change, if anybody still has it.
 *
 * Invariants: an id belongs to one name at a time; ids are dense: the lowest are used first, and a released
 * id is given to the next new name; `capacity` is one more than the highest id ever given.
 */
export class Names {
  readonly #ids = new Map<string, number>()
  /** id -> name; undefined for an id that is free. */
  readonly #names: (string | undefined)[] = []
  readonly #free: number[] = []
  /** The newest snapshot, if no name has been released since. The ones before it are settled. */
  #snapshot: WeakRef<Snapshot> | undefined

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
    this.#settleSnapshot()
    const name = this.#names[id]
    if (name !== undefined) this.#ids.delete(name)
    this.#names[id] = undefined
    this.#free.push(id)
  }

  /** What these ids mean now, for as long as it is kept. The array must not change. */
  snapshot(ids: Int32Array): Snapshot {
    this.#settleSnapshot()
    const snapshot = new Snapshot(this, ids)
    this.#snapshot = new WeakRef(snapshot)
    return snapshot
  }

  /** The ids of all names that begin with `prefix`. O(names). */
  startingWith(prefix: string): number[] {
    const found: number[] = []
    for (const [name, id] of this.#ids) {
      if (name.startsWith(prefix)) found.push(id)
    }
    return found
  }

  #settleSnapshot(): void {
    this.#snapshot?.deref()?.settle()
    this.#snapshot = undefined
  }
}

/** The texts of ids as they were at one moment. */
export class Snapshot {
  readonly #names: Names
  readonly #ids: Int32Array
  #texts: (string | undefined)[] | undefined

  constructor(names: Names, ids: Int32Array) {
    this.#names = names
    this.#ids = ids
  }

  /** The name of the id at this index; undefined if it was claimed. */
  at(index: number): string | undefined {
    if (this.#texts !== undefined) return this.#texts[index]
    return this.#names.textOf(this.#ids[index] as number)
  }

  settle(): void {
    const texts = new Array<string | undefined>(this.#ids.length)
    for (let index = 0; index < texts.length; index++) texts[index] = this.at(index)
    this.#texts = texts
  }
}
