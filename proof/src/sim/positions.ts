/**
 * Positions: what each position of the log says of the sources, whoever has applied it.
 *
 *   floors(generation, n)[source]: the version that was true when a record at or before `n` that names it was appended
 *
 * A node that has applied the log up to a position serves nothing older, all names of a record at once (8, 9, 12), and so
 * does one that was handed a token of it (13).
 */
import type { Change, Told } from './parts.ts'
import type { Step } from './redis.ts'

/** Of an entry that was made from a source, wherever the log says nothing. */
type Floors = readonly number[]

export class Positions {
  readonly #sources: readonly string[]
  readonly #version: (source: number) => number
  /** generation -> floors of each position */
  readonly #floors = new Map<string, Floors[]>()
  readonly #none: Floors

  /** @param sources whose records say that they have changed; '' is none */
  constructor(sources: readonly string[], version: (source: number) => number) {
    this.#sources = sources
    this.#version = version
    this.#none = sources.map(() => 0)
  }

  /** Records come with the steps that append them. */
  note(step: Step): void {
    if (step.name !== 'append' || step.answer.first === undefined) return
    const [{ generation }, changes] = step.args
    for (const [i, { change }] of changes.entries()) this.#note(generation, step.answer.first + i, change)
  }

  /** @param applied between two positions is what is in force at one node only */
  floors(generation: string, applied: number): Floors {
    const rows = this.#floors.get(generation) ?? []
    for (let n = Math.min(Math.floor(applied), rows.length - 1); n >= 0; n--) {
      const floors = rows[n]
      if (floors !== undefined) return floors
    }
    return this.#none
  }

  #note(generation: string, n: number, change: Told['change']): void {
    if (change.kind !== 'invalidate') return
    const before = this.floors(generation, n)
    const rows = this.#floors.get(generation) ?? []
    this.#floors.set(generation, rows)
    rows[n] = before.map((floor, i) =>
      isNamed(change, this.#sources[i] as string) ? this.#version(i) : floor,
    )
  }
}

function isNamed({ names, prefixes = [] }: Change, source: string): boolean {
  return source !== '' && (names.includes(source) || prefixes.some((prefix) => source.startsWith(prefix)))
}
