/**
 * Scan: what is held of names, and who depends on them, however many those are.
 *
 * Goes through the tables in slices, each of which sees what is committed then, and lets the event loop turn between.
 */
import type { Clock } from '../model/clock.ts'
import type { EntryParts } from '../model/entry.ts'
import type { Table } from './environment.ts'
import { keyOf, nameOf, pairsOf, rangeOf, splitPair } from '../bytes/names.ts'
import type { Rows } from './rows.ts'

/** Rows that one slice goes through. */
const sliceMax = 1000

interface Range {
  readonly start?: Buffer
  readonly end?: Buffer
}

export class Scan {
  readonly #rows: Rows
  readonly #clock: Clock

  constructor(rows: Rows, clock: Clock) {
    this.#rows = rows
    this.#clock = clock
  }

  /** Without their values. */
  async held(names: readonly string[]): Promise<EntryParts[]> {
    const held: EntryParts[] = []
    for (let at = 0; at < names.length; at += sliceMax) {
      if (at > 0) await this.#clock.turn()
      this.#rows.environment.refresh()
      for (const name of names.slice(at, at + sliceMax)) {
        const entry = this.#rows.head(keyOf(name))
        if (entry?.key === name) held.push(entry)
      }
    }
    return held
  }

  /** Keys of entries of the names, and of those that depend on one. */
  async dependents(names: readonly string[]): Promise<string[]> {
    const found = new Set((await this.held(names)).map(({ key }) => key))
    for (const name of names) {
      await this.#walk(this.#rows.dependents, pairsOf(keyOf(name)), (pair) => {
        this.#add(found, splitPair(pair).key)
      })
    }
    return [...found]
  }

  /** Keys that begin with the prefix, and keys of entries that depend on such a name. */
  async withPrefix(prefix: string): Promise<string[]> {
    const found = new Set<string>()
    const range = rangeOf(prefix)
    await this.#walk(this.#rows.entries, range, (key) => {
      const name = this.#nameOf(key)
      if (name?.startsWith(prefix) === true) found.add(name)
    })
    await this.#walk(this.#rows.dependents, range, (pair) => {
      const { name, key } = splitPair(pair)
      const begins = nameOf(name)?.startsWith(prefix) ?? this.#dependsOnPrefix(key, prefix)
      if (begins) this.#add(found, key)
    })
    return [...found]
  }

  async #walk(table: Table<Buffer>, { start, end }: Range, each: (key: Buffer) => void): Promise<void> {
    let from = start
    for (;;) {
      this.#rows.environment.refresh()
      const bounds = { ...(from && { start: from }), ...(end && { end }) }
      const keys = [...table.getKeys({ ...bounds, limit: sliceMax })]
      for (const key of keys) each(key)
      if (keys.length < sliceMax) return
      from = Buffer.concat([keys.at(-1) as Buffer, Buffer.of(0)])
      await this.#clock.turn()
    }
  }

  #add(found: Set<string>, key: Buffer): void {
    const name = this.#nameOf(key)
    if (name !== undefined) found.add(name)
  }

  /** Undefined if the entry has to say, and cannot be read. */
  #nameOf(key: Buffer): string | undefined {
    return nameOf(key) ?? this.#rows.head(key)?.key
  }

  /** Of a name that is too long for its key. */
  #dependsOnPrefix(key: Buffer, prefix: string): boolean {
    return this.#rows.head(key)?.dependencies.some((name) => name.startsWith(prefix)) === true
  }
}
