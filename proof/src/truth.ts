/**
 * The truth, and what a reader may be told of it: the oracle.
 *
 * Every name has a version: that of a source moves when it is written, that of a key when it is set, deleted or
 * invalidated. A value carries, for each name that it was made from, the oldest version that went into it, however
 * many cached values lie in between.
 *
 *   version   1        2              3
 *             |--------|--------------|-----------
 *                      written        invalidated: whoever begins to read from here on gets >= 3
 *
 * Invariants: a version only grows; a floor only grows, and is never above the version; a value that was not made
 * here was invented.
 */

/** A value of the cache under test. */
export interface Made {
  readonly id: number
  readonly key: string
  /** Name -> the oldest version of it that went in. */
  readonly versions: Readonly<Record<string, number>>
  /** Position of the log when the first of it was read. */
  readonly position: number
  /** Cached values that went in. */
  readonly inputs: readonly Made[]
}

/** Name -> the oldest version that a reader may get who begins now. */
export type Floors = ReadonlyMap<string, number>

interface Due {
  readonly atMs: number
  readonly versions: Floors
}

export class Truth {
  readonly names: readonly string[]
  readonly #versions = new Map<string, number>()
  readonly #floors = new Map<string, number>()
  /** Floors that count from a time on: soft invalidations. */
  #due: Due[] = []
  /** By their numbers: what comes from a directory is a copy. */
  readonly #made: Made[] = []

  constructor(names: readonly string[]) {
    this.names = names
    for (const name of names) this.#versions.set(name, 0)
  }

  version(name: string): number {
    return this.#versions.get(name) ?? 0
  }

  write(names: Iterable<string>): void {
    for (const name of names) this.#versions.set(name, this.version(name) + 1)
  }

  /** The versions of now, to be demanded later. */
  versionsOf(names: Iterable<string>): Floors {
    return new Map([...names].map((name) => [name, this.version(name)]))
  }

  make(key: string, { versions, position, inputs }: Ingredients): Made {
    const id = this.#made.length
    const value: Made = Object.freeze({ id, key, versions: Object.fromEntries(versions), position, inputs })
    this.#made.push(value)
    return value
  }

  /** From now on no reader gets less. */
  demand(versions: Floors): void {
    for (const [name, version] of versions) {
      this.#floors.set(name, Math.max(version, this.#floors.get(name) ?? 0))
    }
  }

  /** The same, from a time on. */
  demandFrom(atMs: number, versions: Floors): void {
    this.#due.push({ atMs, versions })
  }

  /** What holds for a reader who begins now. */
  floors(nowMs: number): Floors {
    for (const { atMs, versions } of this.#due) if (atMs <= nowMs) this.demand(versions)
    this.#due = this.#due.filter(({ atMs }) => atMs > nowMs)
    return new Map(this.#floors)
  }

  /** What is wrong with an answer; undefined if nothing is. */
  fault(value: unknown, { key, floors }: { key: string; floors: Floors }): string | undefined {
    if (value === undefined) return undefined
    const { id, key: own, versions } = value as Made
    if (!isSame(this.#made[id], value as Made)) return `${key}: invented: ${JSON.stringify(value)}`
    if (own !== key) return `${key}: invented: the value of ${own}`
    for (const [name, version] of Object.entries(versions)) {
      if (version > this.version(name)) return `${key}: from the future: ${name} ${version}`
      const floor = floors.get(name) ?? 0
      if (version < floor) return `${key}: stale: value ${id} has ${name} at ${version}, ${floor} is demanded`
    }
    return undefined
  }
}

function isSame(made: Made | undefined, { key, versions }: Made): boolean {
  return made?.key === key && JSON.stringify(made.versions) === JSON.stringify(versions)
}

/** What goes into one value: the oldest of each name counts. */
export class Ingredients {
  readonly versions = new Map<string, number>()
  readonly inputs: Made[] = []
  readonly position: number

  /** @param position of the log, before anything is read */
  constructor(position: number) {
    this.position = position
  }

  add(name: string, version: number): void {
    this.versions.set(name, Math.min(version, this.versions.get(name) ?? Infinity))
  }

  addAll(value: Made): void {
    this.inputs.push(value)
    for (const [name, version] of Object.entries(value.versions)) this.add(name, version)
  }
}
