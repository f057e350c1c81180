/**
 * The journal of the history: what was put into it, and is in no row and no index yet.
 *
 *   historyJournal   number -> sealed [node, [from, record], ...]   what a process put in one transaction, in its order
 *                    negative number -> bytes that are not what was written, the last put aside first
 *
 * Rows and indexes of a record lie on many pages, each of which would be written whole while somebody waits for the flush;
 * what is appended here lies on few, and is taken in later, many at once.
 *
 * Invariants: rows stand in the order of their transactions, and are taken in by it; one goes in the transaction that takes
 * it in.
 */
import type { Status } from '../model/invalidation.ts'
import { sealedPlain, unsealed } from '../bytes/codec.ts'
import type { PackedRecord } from '../bytes/record.ts'
import type { Environment, Table } from './environment.ts'

/** A record as it was given to the history. */
export interface Entered {
  readonly packed: PackedRecord
  readonly from: readonly Status[] | undefined
  /** Whose process put it. */
  readonly node: string
}

export interface JournalRow {
  readonly n: number
  /** Empty if it is not what was written. */
  readonly entered: readonly Entered[]
  readonly error?: unknown
}

type PackedEntry = readonly [from: readonly Status[] | null, record: PackedRecord]
type PackedRow = readonly [node: string, ...entries: PackedEntry[]]

export class HistoryJournal {
  readonly #rows: Table<number>
  readonly #node: string
  /** Of the transaction under way. */
  #entered: Entered[] = []

  constructor(environment: Environment, node: string) {
    this.#rows = environment.table('historyJournal', 'numbers')
    this.#node = node
  }

  begin(): void {
    this.#entered = []
  }

  add(packed: PackedRecord, from: readonly Status[] | undefined): void {
    this.#entered.push({ packed, from, node: this.#node })
  }

  /** What the transaction under way has put so far, in place of being written. */
  take(): readonly Entered[] {
    return this.#entered.splice(0)
  }

  end(): void {
    if (this.#entered.length > 0) void this.#rows.put(this.last + 1, rowBytes(this.#node, this.#entered))
  }

  /** Number of the last row; 0 if there is none. */
  get last(): number {
    for (const n of this.#rows.getKeys({ start: Number.MAX_VALUE, end: 0, reverse: true, limit: 1 })) return n
    return 0
  }

  /** The first of them, with so many records or, being whole, a few more. */
  rows(enteredMax: number): JournalRow[] {
    const rows: JournalRow[] = []
    let count = 0
    for (const { key, value } of this.#rows.getRange({ start: 1 })) {
      const row = journalRow(key, value)
      rows.push(row)
      count += row.entered.length
      if (count >= enteredMax) break
    }
    return rows
  }

  drop({ n }: JournalRow): void {
    void this.#rows.remove(n)
  }

  /** Keeps its bytes where nobody takes them in, beside those kept before: its number may be given out again. */
  putAside({ n }: JournalRow): void {
    const bytes = this.#rows.get(n)
    const [first = 0] = this.#rows.getKeys({ limit: 1 })
    if (bytes !== undefined) void this.#rows.put(Math.min(first, 0) - 1, bytes)
    void this.#rows.remove(n)
  }
}

export function journalRow(n: number, bytes: Buffer): JournalRow {
  try {
    const [node, ...entries] = unsealed<PackedRow>(bytes, `row ${n} of the journal of the history`)
    return { n, entered: entries.map(([from, packed]) => ({ packed, from: from ?? undefined, node })) }
  } catch (error) {
    return { n, entered: [], error }
  }
}

function rowBytes(node: string, entered: readonly Entered[]): Buffer {
  const row: PackedRow = [node, ...entered.map(({ from, packed }): PackedEntry => [from ?? null, packed])]
  return sealedPlain(row)
}
