/**
 * Hold: the tier, and the log beside it, within a transaction: nobody else can write to either.
 */
import type { Head, Hold } from '../tiers/contract.ts'
import type { Edit } from './edit.ts'
import type { StoredEntry } from '../bytes/format.ts'
import type { DiskLog } from './log.ts'
import { keyOf } from '../bytes/names.ts'
import type { Rows } from './rows.ts'

export class EditHold implements Hold {
  readonly #edit: Edit
  readonly #rows: Rows
  readonly #log: Pick<DiskLog, 'put' | 'isCurrent'>

  constructor(edit: Edit, rows: Rows, log: Pick<DiskLog, 'put' | 'isCurrent'>) {
    this.#edit = edit
    this.#rows = rows
    this.#log = log
  }

  get isCurrent(): boolean {
    return this.#log.isCurrent
  }

  headOf(name: string): Head | undefined {
    const entry = this.#head(keyOf(name))
    return entry?.key === name ? entry : undefined
  }

  endedAt(name: string): number {
    return this.#edit.endedAt(keyOf(name))
  }

  *dependentsOf(name: string): Generator<Head, void, undefined> {
    for (const key of this.#rows.dependentsOf(keyOf(name))) {
      const entry = this.#head(key)
      // A row of the index may be left of one that was set aside.
      if (entry?.dependencies.includes(name) === true) yield entry
    }
  }

  announce(key: string, before: (n: number) => void): number {
    return this.#log.put({ kind: 'change', names: [key] }, before)
  }

  #head(key: Buffer): StoredEntry | undefined {
    const entry = this.#edit.head(key)
    return entry === undefined || entry.generation === '' ? undefined : entry
  }
}
