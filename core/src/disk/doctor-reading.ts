/**
 * Reading: the tables of a directory as they are at one moment, whoever writes to them meanwhile; nothing is changed.
 *
 * Invariant: it is opened only when another process has read all of the file (check.ts): a page of garbage ends who
 * reads it.
 */
import { open, type RootDatabase, type Transaction } from 'lmdb'
import type { Clock } from '../model/clock.ts'
import type { Key, Table } from './environment.ts'
import { Gate } from './gate.ts'

export interface ReadRow<K extends Key> {
  readonly key: K
  readonly value: Buffer
}

export interface ReadTable<K extends Key> {
  get(key: K): Buffer | undefined
  /** In the order of their keys; others have their turn between slices. */
  rows(): AsyncGenerator<ReadRow<K>, void, undefined>
  count(): Promise<number>
}

const sliceMax = 1000

export class Reading {
  readonly #gate: Gate
  readonly #root: RootDatabase<Buffer, Key>
  readonly #clock: Clock
  /** Opened all at once: to open a table ends what is being read. */
  readonly #tables = new Map<string, Table<Key>>()
  readonly #moment: Transaction

  constructor(directory: string, clock: Clock) {
    this.#clock = clock
    this.#gate = new Gate(directory)
    this.#root = this.#gate.open(() =>
      open<Buffer, Key>({ path: directory, readOnly: true, encoding: 'binary', maxDbs: 64 }),
    )
    const names = [...this.#root.getKeys()].filter((name) => typeof name === 'string')
    for (const name of names) {
      const keys = numbered.has(name) ? {} : { keyEncoding: 'binary' as const }
      this.#tables.set(name, this.#root.openDB<Buffer, Key>(name, { encoding: 'binary', ...keys }))
    }
    this.#moment = this.#root.useReadTransaction()
  }

  table<K extends Key>(name: string): ReadTable<K> {
    const table = this.#tables.get(name) as Table<K> | undefined
    const at = { transaction: this.#moment }
    return {
      get: (key) => table?.get(key, at),
      rows: () => this.#rows(table),
      count: async () => (table === undefined ? 0 : [...table.getKeys(at)].length),
    }
  }

  /** Of now, and not of the moment. */
  has(name: string, key: Buffer): boolean {
    return this.#tables.get(name)?.doesExist(key) === true
  }

  async close(): Promise<void> {
    this.#moment.done()
    await this.#gate.close(() => this.#root.close())
  }

  async *#rows<K extends Key>(table: Table<K> | undefined): AsyncGenerator<ReadRow<K>, void, undefined> {
    let last: K | undefined
    for (;;) {
      const start = last === undefined ? {} : { start: last, offset: 1 }
      const range = table?.getRange({ ...start, limit: sliceMax, transaction: this.#moment }) ?? []
      const slice = Array.from(range, ({ key, value }) => ({ key: copyOf(key), value }))
      yield* slice
      last = slice.at(-1)?.key
      if (slice.length < sliceMax) return
      await this.#clock.turn()
    }
  }
}

/** Tables whose keys are numbers. */
const numbered = new Set([
  'log',
  'snapshots',
  'jobs',
  'jobsDamaged',
  'historyEnded',
  'historyJournal',
  'order',
  'ended-order',
  'damaged',
])

function copyOf<K extends Key>(key: K): K {
  return Buffer.isBuffer(key) ? (Buffer.from(key) as K) : key
}
