/**
 * The truth of a simulation, and what a reader may be told of it: the interval check.
 *
 * Every source has a version that only grows. A value carries, of each source that went into it, through however many
 * cached values, the oldest version.
 *
 *   demanded when the read began  <=  version of each ingredient  <=  true when it ended
 *
 * Invariants: a floor only grows, and is never above the version; what is demanded is true in every place at once.
 */

/** A value of a cache under test. */
export interface Made {
  readonly id: number
  readonly key: string
  /** Of each source; Infinity: it did not go in. */
  readonly versions: readonly number[]
  /** When the making of it began, in true time, and where. */
  readonly madeAt: number
  readonly node: string
  /** Of the log there, then. */
  readonly generation: string
}

interface Due {
  readonly at: number
  readonly source: number
  readonly version: number
}

export interface Fault {
  readonly invariant: number
  readonly text: string
}

/** Changes of what is demanded that are remembered at least: more than there are in the time that a source may lag by. */
const pastMax = 200

export class Truth {
  readonly names: readonly string[]
  readonly #versions: number[]
  /** When each version came, but for the first. */
  readonly #writtenAt: readonly number[][]
  readonly #floors: number[]
  #due: Due[] = []
  #frozen: readonly number[] | undefined
  /** What was demanded since when, of late. */
  #past: { readonly at: number; readonly floors: readonly number[] }[] = []
  #made = 0

  constructor(names: readonly string[]) {
    this.names = names
    this.#versions = names.map(() => 0)
    this.#writtenAt = names.map(() => [])
    this.#floors = names.map(() => 0)
  }

  version(source: number): number {
    return this.#versions[source] as number
  }

  /** @param at when */
  write(source: number, at: number): number {
    const version = this.version(source) + 1
    this.#versions[source] = version
    this.#writtenAt[source]?.push(at)
    return version
  }

  /** What a replica has that is behind. */
  versionAt(source: number, at: number): number {
    return (this.#writtenAt[source] ?? []).findLastIndex((written) => written <= at) + 1
  }

  demand(source: number, version: number): void {
    if (version <= (this.#floors[source] as number)) return
    this.#floors[source] = version
    this.#frozen = undefined
  }

  demandFrom(at: number, source: number, version: number): void {
    this.#due.push({ at, source, version })
  }

  /** Of a reader who begins now. */
  floors(now: number): readonly number[] {
    if (this.#due.length > 0) {
      for (const { at, source, version } of this.#due) if (at <= now) this.demand(source, version)
      this.#due = this.#due.filter(({ at }) => at > now)
    }
    if (this.#frozen === undefined) {
      this.#frozen = [...this.#floors]
      this.#past.push({ at: now, floors: this.#frozen })
      if (this.#past.length > 2 * pastMax) this.#past.splice(0, pastMax)
    }
    return this.#frozen
  }

  /** What was demanded then, or a little before. */
  floorsBefore(at: number): readonly number[] {
    const found = this.#past.findLast((one) => one.at <= at)
    return found?.floors ?? this.names.map(() => 0)
  }

  make(made: Omit<Made, 'id'>): Made {
    return Object.freeze({ id: this.#made++, ...made })
  }

  /** What is wrong with an answer; undefined if nothing is. @param invariant that the floors are of */
  fault(
    { id, key, versions, node, madeAt }: Made,
    { floors, invariant }: { readonly floors: readonly number[]; readonly invariant: number },
  ): Fault | undefined {
    for (const [source, version] of versions.entries()) {
      if (version === Infinity) continue
      const what = `${key}: value ${id}, made at ${madeAt.toFixed(1)} by ${node}, has ${this.names[source]} at ${version}`
      if (version > this.version(source)) return { invariant: 3, text: `${what}, which is of the future` }
      const floor = floors[source] as number
      if (version < floor) return { invariant, text: `${what}, and ${floor} is demanded` }
    }
    return undefined
  }
}
