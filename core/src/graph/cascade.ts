/**
 * Cascade: what an invalidation reaches, in order, as it was at one moment.
 *
 * Its names are a snapshot: a caller may walk it in slices over many ticks while the graph changes and ids
 * are given to others.
 *
 * Invariants: dependencies come before dependents, except along edges that close a circle; each name once;
 * `length` + `beyond` is all that was reached: limits choose what is listed, never what is reached.
 */
import type { Snapshot } from './names.ts'
import { orderOf, type CycleResolution } from './order.ts'
import { widest } from './targets.ts'
import type { Walk } from './walk.ts'

export interface CascadeOptions {
  /** List what lies at most so deep; default: any depth. */
  readonly depthMax?: number | undefined
  /** List at most so many, from the front of the order; default: all. */
  readonly limit?: number | undefined
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
  /** How many names are listed. */
  readonly length: number
  /** How many names were reached besides: too deep, or past the limit. */
  readonly beyond: number
  /** What begins with one of these is reached too, whether or not its name is known. */
  readonly prefixes: readonly string[]
  readonly #parts: CascadeParts

  constructor(parts: CascadeParts, rest: Pick<Cascade, 'beyond' | 'prefixes'>) {
    this.#parts = parts
    this.length = parts.listed.length
    this.beyond = rest.beyond
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

export function cascadeOf(walk: Walk, options: CascadeOptions): Cascade {
  const { depthMax = Infinity, limit = Infinity, cycles = 'break' } = options
  const order = orderOf(walk, cycles)
  const texts = walk.texts()
  const { depths, because } = measure(walk)
  const listed = list({ walk, order: order.positions, depths }, { depthMax, limit })
  return new Cascade(
    { texts, depths, because, listed, groups: order.groups },
    {
      beyond: walk.length - walk.prefixes.size - listed.length,
      prefixes: widest(walk.prefixes.keys()),
    },
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

/** What of the order is listed: names, not too deep, from the front. */
function list(
  { walk, order, depths }: { walk: Walk; order: Int32Array; depths: Int32Array },
  { depthMax, limit }: { depthMax: number; limit: number },
): Int32Array {
  if (depthMax === Infinity && limit >= order.length && walk.prefixes.size === 0) return order
  const listed = new Int32Array(Math.min(order.length, limit))
  let length = 0
  for (let i = 0; i < order.length && length < listed.length; i++) {
    const position = order[i] as number
    if (!walk.isPrefix(position) && (depths[position] as number) <= depthMax) listed[length++] = position
  }
  return listed.slice(0, length)
}

function namesOf(positions: Int32Array, texts: Snapshot): string[] {
  return Array.from(positions, (position) => texts.at(position)).filter((text) => text !== undefined)
}
