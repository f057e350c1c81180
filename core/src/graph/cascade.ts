/**
 * Cascade: what an invalidation reaches, in order, as it was at one moment.
 *
 * Its names are a snapshot: a caller may walk it in slices over many ticks while the graph changes and ids
 * are given to others.
 *
 * Invariants: dependencies come before dependents, except along edges that close a circle; each name once;
 * all that was reached is there, unless `isWhole` is false.
 */
import type { Snapshot } from './names.ts'
import { orderOf, type CycleResolution } from './order.ts'
import { widest } from './targets.ts'
import type { Walk, WalkOptions } from './walk.ts'

export interface CascadeOptions extends WalkOptions {
  /** Default: break. */
  readonly cycles?: CycleResolution | undefined
}

/** One name of a cascade. */
export interface Reached {
  readonly name: string
  /** Least number of direct edges from a target; through an inherited edge: one more than what it was reached from. */
  readonly depth: number
  /** The name it was reached from; null for a target, and for a name that begins with a prefix targeted. */
  readonly because: string | null
}

interface CascadeParts {
  /** Position -> name; undefined for a prefix. */
  readonly texts: Snapshot
  readonly depths: Int32Array
  /** Position -> position of the name it was reached from, or -1. */
  readonly because: Int32Array
  /** What is listed: place -> position. */
  readonly listed: Int32Array
  /** Positions that depend on each other in a circle. */
  readonly groups: readonly Int32Array[]
}

export class Cascade {
  /** How many names there are. */
  readonly length: number
  /** False if the walk ended early: there is more than is here. */
  readonly isWhole: boolean
  /** What begins with one of these is reached too, whether or not its name is known. */
  readonly prefixes: readonly string[]
  readonly #parts: CascadeParts

  constructor(parts: CascadeParts, rest: Pick<Cascade, 'isWhole' | 'prefixes'>) {
    this.#parts = parts
    this.length = parts.listed.length
    this.isWhole = rest.isWhole
    this.prefixes = rest.prefixes
  }

  /** Groups of names that depend on each other in a circle. */
  get cycles(): string[][] {
    const { texts, groups } = this.#parts
    // What rules make of a prefix may be in a circle with it: it has no name of its own.
    return groups.map((group) => namesOf(group, texts)).filter((names) => names.length > 1)
  }

  nameAt(place: number): string {
    return this.#parts.texts.at(this.#positionAt(place)) as string
  }

  depthAt(place: number): number {
    return this.#parts.depths[this.#positionAt(place)] as number
  }

  becauseAt(place: number): string | null {
    const because = this.#parts.because[this.#positionAt(place)] as number
    return because < 0 ? null : (this.#parts.texts.at(because) as string)
  }

  *[Symbol.iterator](): Generator<Reached, void, undefined> {
    for (let place = 0; place < this.length; place++) {
      yield { name: this.nameAt(place), depth: this.depthAt(place), because: this.becauseAt(place) }
    }
  }

  /** Only the names, made as they are asked for. */
  *names(): Generator<string, void, undefined> {
    for (let place = 0; place < this.length; place++) yield this.nameAt(place)
  }

  #positionAt(place: number): number {
    return this.#parts.listed[place] as number
  }
}

export function cascadeOf(walk: Walk, cycles: CycleResolution): Cascade {
  const order = orderOf(walk, cycles)
  const texts = walk.texts()
  const { depths, because } = measure(walk)
  const listed = walk.prefixes.size === 0 ? order.positions : withoutPrefixes(walk, order.positions)
  return new Cascade(
    { texts, depths, because, listed, groups: order.groups },
    { isWhole: walk.isWhole, prefixes: widest(walk.prefixes.keys()) },
  )
}

/** Depths, and the names that positions were reached from. A prefix stands for its names: it adds no depth. */
function measure(walk: Walk): Pick<CascadeParts, 'depths' | 'because'> {
  const because = walk.because.slice(0, walk.length)
  const depths = new Int32Array(walk.length)
  for (let position = 0; position < walk.length; position++) {
    const from = because[position] as number
    if (from < 0) continue
    const isThroughPrefix = walk.isPrefix(from)
    depths[position] = (depths[from] as number) + (isThroughPrefix ? 0 : 1)
    if (isThroughPrefix) because[position] = because[from] as number
  }
  return { depths, because }
}

function withoutPrefixes(walk: Walk, order: Int32Array): Int32Array {
  return order.filter((position) => !walk.isPrefix(position))
}

function namesOf(positions: Int32Array, texts: Snapshot): string[] {
  return Array.from(positions, (position) => texts.at(position)).filter((text) => text !== undefined)
}
