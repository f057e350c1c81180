/**
 * The history of one process: nothing survives it.
 *
 * rows: id -> every record; ordered: the same by (requestedAt, seq), oldest first, with gaps where some were
 * dropped; ended: those neither pending nor running, in the order in which they ended, with some that are not any more.
 * Invariants: only what has ended is dropped, that which ended first going first; a row never changes its place;
 * `ordered` holds at most twice as many places as there are rows, and a few.
 */
import type { Clock } from '../model/clock.ts'
import type { HistoryPage, HistoryQuery, InvalidationResult, Status } from '../model/invalidation.ts'
import { Fifo } from '../model/fifo.ts'
import { count, type Duration, durationMs } from '../model/quantity.ts'
import {
  closed,
  cursorOf,
  type History,
  hasEnded,
  matches,
  pageLimit,
  type Place,
  placeOf,
} from './contract.ts'
import type { MemoryRecords } from './memory-queue.ts'

export interface MemoryHistoryOptions {
  readonly clock: Clock
  /** How long a record is kept after it ended. Default 1 h. */
  readonly keepFor?: Duration | undefined
  /** Most records kept of those that ended. Default 10,000. */
  readonly keepCount?: number | undefined
}

interface Row extends Place {
  record: InvalidationResult
  dropped: boolean
  /** Undefined: it has not. */
  ended: Ended | undefined
}

interface Ended {
  readonly row: Row
  readonly at: number
}

export class MemoryHistory implements History, MemoryRecords {
  readonly #clock: Clock
  readonly #keepForMs: number
  readonly #keepCount: number
  readonly #rows = new Map<string, Row>()
  #ordered: Row[] = []
  readonly #ended = new Fifo<Ended>()
  #endedCount = 0
  #seq = 0
  #closed = false

  constructor(options: MemoryHistoryOptions) {
    this.#clock = options.clock
    this.#keepForMs = durationMs(options.keepFor ?? '1h', 'history.keepFor')
    this.#keepCount = count(options.keepCount ?? 10_000, 'history.keepCount')
  }

  async put(record: InvalidationResult, from?: readonly Status[]): Promise<boolean> {
    return this.#put(record, from)
  }

  putWithin(record: InvalidationResult, from?: readonly Status[]): void {
    this.#put(record, from)
  }

  statusOf(id: string): Status | undefined {
    this.#open()
    return this.#rows.get(id)?.record.status
  }

  /** The same as `put`, within this tick: for the queue. */
  write(record: InvalidationResult): void {
    this.#open()
    const row = this.#rows.get(record.id) ?? this.#insert(record)
    row.record = record
    this.#reopen(row)
    if (hasEnded(record.status)) this.#end(row, record.endedAt ?? this.#clock.now())
    this.#drop()
  }

  async get(id: string): Promise<InvalidationResult | undefined> {
    this.#open()
    this.#drop()
    return this.#rows.get(id)?.record
  }

  async list(query: HistoryQuery): Promise<HistoryPage> {
    this.#open()
    const limit = pageLimit(query)
    const below = query.cursor === undefined ? latest : placeOf(query.cursor)
    this.#drop()
    const rows: Row[] = []
    for (let i = this.#countBelow(below) - 1; i >= 0 && rows.length <= limit; i--) {
      const row = this.#ordered[i]
      if (row === undefined || row.requestedAt < (query.since ?? Number.NEGATIVE_INFINITY)) break
      if (!row.dropped && matches(query, row.record)) rows.push(row)
    }
    const last = rows[limit - 1]
    const more = rows.length > limit && last !== undefined
    return { records: rows.slice(0, limit).map((row) => row.record), next: more ? cursorOf(last) : null }
  }

  /** What this process has under way is not cut off, and what another had is not here. */
  async endCutOff(): Promise<readonly InvalidationResult[]> {
    this.#open()
    return []
  }

  async close(): Promise<void> {
    this.#closed = true
  }

  #put(record: InvalidationResult, from?: readonly Status[]): boolean {
    const status = from === undefined ? undefined : this.statusOf(record.id)
    if (status !== undefined && from?.includes(status) === false) return false
    this.write(record)
    return true
  }

  #insert(record: InvalidationResult): Row {
    const row = {
      record,
      requestedAt: record.requestedAt,
      seq: this.#seq++,
      dropped: false,
      ended: undefined,
    }
    this.#rows.set(record.id, row)
    this.#ordered.splice(this.#countBelow(row), 0, row)
    return row
  }

  #end(row: Row, at: number): void {
    row.ended = { row, at }
    this.#ended.push(row.ended)
    this.#endedCount++
  }

  /** It counts as ended no more. */
  #reopen(row: Row): void {
    if (row.ended !== undefined) this.#endedCount--
    row.ended = undefined
  }

  /** Drops what is too old or too many. */
  #drop(): void {
    const since = this.#clock.now() - this.#keepForMs
    for (let first = this.#ended.first; first !== undefined; first = this.#ended.first) {
      const { row, at } = first
      const isNext = row.ended === first
      if (isNext && at >= since && this.#endedCount <= this.#keepCount) break
      this.#ended.shift()
      if (!isNext) continue
      this.#reopen(row)
      row.dropped = true
      this.#rows.delete(row.record.id)
    }
    if (this.#ordered.length > 2 * this.#rows.size + 64) this.#ordered = this.#ordered.filter(isKept)
  }

  /** How many places lie before `place`: found by halving. */
  #countBelow(place: Place): number {
    let low = 0
    let high = this.#ordered.length
    while (low < high) {
      const middle = (low + high) >> 1
      const row = this.#ordered[middle]
      if (row !== undefined && isBefore(row, place)) low = middle + 1
      else high = middle
    }
    return low
  }

  #open(): void {
    if (this.#closed) throw closed('history')
  }
}

const latest: Place = { requestedAt: Number.POSITIVE_INFINITY, seq: 0 }

function isKept(row: Row): boolean {
  return !row.dropped
}

function isBefore(one: Place, other: Place): boolean {
  return one.requestedAt < other.requestedAt || (one.requestedAt === other.requestedAt && one.seq < other.seq)
}
