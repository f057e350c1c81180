/**
 * The history of a directory: what was invalidated, by any of its processes.
 *
 *   history       place -> record (history-rows.ts)      place: time of the request, then order of arrival
 *   historyKeys   i id -> status, place, mark            mark: its number among the ended, or the node that has it under way
 *                 n hash of a name, place -> nothing     so that a query by name does not read everything
 *                 u node, place -> nothing               immediate and lazy ones under way, by the process that runs them
 *   historyEnded  number -> time it is kept from, and what has to go with it
 *
 * Invariants: a record never changes its place; only what has ended is dropped, what was put as ended first going first; what
 * is too old is not shown, dropped or not; nothing of it is kept in this process; a row that is not what was written is
 * told of and left out.
 *
 * A record is not flushed by itself: the log, and the queue's `add`, flush what nobody may lose, and all that was
 * committed before with it. What a loss of power undoes here is the end of a run that is repeated, or shown as cut off.
 */
import {
  type History,
  closed,
  cursorOf,
  hasEnded,
  isQueued,
  matches,
  pageLimit,
  type Place,
  placeOf,
} from '../invalidation/contract.ts'
import type { Clock } from '../model/clock.ts'
import type { HistoryPage, HistoryQuery, InvalidationResult, Status } from '../model/invalidation.ts'
import { count, type Duration, durationMs } from '../model/quantity.ts'
import { Batch } from './batch.ts'
import type { Environment, Table } from './environment.ts'
import { HistoryIndex, type Known, placeKey, placeOfKey } from './history-index.ts'
import { type HistoryRow, historyBytes, historyRow } from './history-rows.ts'
import { seqMax } from './keys.ts'
import type { Nodes } from './nodes.ts'

export interface DiskHistoryOptions {
  readonly environment: Environment
  readonly nodes: Pick<Nodes, 'id' | 'isGone'>
  readonly clock: Clock
  /** How long a record is kept after it ended. Default 1 h. */
  readonly keepFor?: Duration | undefined
  /** Most records kept of those that ended. Default 10,000. */
  readonly keepCount?: number | undefined
  readonly onError: (error: unknown, during: string) => void
}

/** Rows that are read, or changed, before others have their turn. */
const sliceMax = 200
/** Records that are dropped in one transaction: more than can be put in one. */
const trimMax = 500
/** Damaged rows that are told of. */
const damagedMax = 1000

interface Found {
  readonly place: Place
  readonly record: InvalidationResult
}

export class DiskHistory implements History {
  readonly #options: DiskHistoryOptions
  readonly #environment: Environment
  readonly #clock: Clock
  readonly #keepForMs: number
  readonly #keepCount: number
  readonly #rows: Table<Buffer>
  readonly #index: HistoryIndex
  readonly #batch: Batch
  /** Places of rows that are not what was written, as far as they were told of. */
  readonly #damaged = new Set<string>()
  #closed = false

  constructor(options: DiskHistoryOptions) {
    const { environment } = options
    this.#options = options
    this.#environment = environment
    this.#clock = options.clock
    this.#keepForMs = durationMs(options.keepFor ?? '1h', 'history.keepFor')
    this.#keepCount = count(options.keepCount ?? 10_000, 'history.keepCount')
    this.#rows = environment.table('history', 'bytes')
    this.#index = new HistoryIndex(environment)
    this.#batch = new Batch({ environment, before: () => this.begin(), after: () => this.end() })
  }

  async put(record: InvalidationResult, from?: readonly Status[]): Promise<boolean> {
    this.#open()
    const write = this.#writing(record)
    return this.#batch.step(() => {
      const known = this.#index.find(record.id)
      if (known !== undefined && from?.includes(known.status) === false) return false
      write(known)
      return true
    })
  }

  async get(id: string): Promise<InvalidationResult | undefined> {
    this.#open()
    this.#environment.refresh()
    const known = this.#index.find(id)
    const row = known && this.#read(known.place)
    return row !== undefined && this.#isKept(row) ? row.record : undefined
  }

  async list(query: HistoryQuery): Promise<HistoryPage> {
    this.#open()
    const limit = pageLimit(query)
    const found: Found[] = []
    let below = startOf(query)
    for (;;) {
      this.#environment.refresh()
      const places = this.#index.placesBelow(below, { query, limit: sliceMax })
      for (const place of places) if (found.length <= limit) this.#look(place, { query, found })
      const last = places.at(-1)
      if (found.length > limit || last === undefined || places.length < sliceMax) break
      below = last
      await this.#clock.turn()
      this.#open()
    }
    const last = found[limit - 1]
    const isMore = found.length > limit && last !== undefined
    return {
      records: found.slice(0, limit).map(({ record }) => record),
      next: isMore ? cursorOf(last.place) : null,
    }
  }

  async endCutOff(
    end: (record: InvalidationResult) => InvalidationResult,
  ): Promise<readonly InvalidationResult[]> {
    this.#open()
    this.#environment.refresh()
    const all: InvalidationResult[] = []
    for (const node of this.#index.nodesUnderWay()) {
      if (!this.#options.nodes.isGone(node)) continue
      for (let isMore = true; isMore; await this.#clock.turn()) {
        const ended = await this.#batch.step(() => this.#endUnderWay(node, end))
        all.push(...ended.records)
        isMore = ended.isMore
      }
    }
    return all
  }

  async close(): Promise<void> {
    this.#closed = true
  }

  // Within a transaction that somebody else began

  statusOf(id: string): Status | undefined {
    return this.#index.find(id)?.status
  }

  peek(id: string): InvalidationResult | undefined {
    const known = this.#index.find(id)
    return known && this.#read(known.place)?.record
  }

  write(record: InvalidationResult): void {
    this.#writing(record)(this.#index.find(record.id))
  }

  /** Called at the beginning of the transaction. */
  begin(): void {
    this.#index.begin()
  }

  /** Called at its end: drops what is too old or too many, as many of them as go in one transaction. */
  end(): void {
    let surplus = this.#index.endedCount - this.#keepCount
    const since = this.#clock.now() - this.#keepForMs
    if (surplus <= 0 && (this.#index.firstKeptFrom ?? since) >= since) return
    for (const ended of this.#index.firstEnded(trimMax)) {
      if (surplus <= 0 && ended.keptFrom >= since) return
      this.#index.drop(ended)
      void this.#rows.remove(ended.place)
      surplus--
    }
  }

  /** What can be done before the transaction is: others wait for that. @returns what is left */
  #writing(record: InvalidationResult): (known: Known | undefined) => void {
    const keptFrom = hasEnded(record.status) ? (record.endedAt ?? this.#clock.now()) : null
    const node = keptFrom === null && !isQueued(record.strategy) ? this.#options.nodes.id : null
    const bytes = historyBytes(record, keptFrom)
    return (known) => void this.#rows.put(this.#index.put(record, { known, keptFrom, node }), bytes)
  }

  #look(place: Buffer, { query, found }: { query: HistoryQuery; found: Found[] }): void {
    const row = this.#read(place)
    if (row === undefined || !this.#isKept(row) || !matches(query, row.record)) return
    found.push({ place: placeOfKey(place), record: row.record })
  }

  /** Undefined if it is not there any more, or not what was written. */
  #read(place: Buffer): HistoryRow | undefined {
    const bytes = this.#rows.get(place)
    try {
      return bytes && historyRow(bytes)
    } catch (error) {
      this.#tell(place, error)
      return undefined
    }
  }

  /** It stays, and goes with its time, or is written anew; it is told of once. */
  #tell(place: Buffer, error: unknown): void {
    const key = place.toString('hex')
    if (this.#damaged.has(key) || this.#damaged.size === damagedMax) return
    this.#damaged.add(key)
    queueMicrotask(() => this.#options.onError(error, 'reading the history'))
  }

  #isKept({ keptFrom }: HistoryRow): boolean {
    return keptFrom === null || keptFrom >= this.#clock.now() - this.#keepForMs
  }

  #endUnderWay(node: string, end: (record: InvalidationResult) => InvalidationResult) {
    const places = this.#index.placesUnderWay(node, sliceMax)
    const records: InvalidationResult[] = []
    for (const place of places) {
      this.#index.forgetUnderWay(node, place)
      const row = this.#read(place)
      if (row === undefined) continue
      records.push(end(row.record))
    }
    for (const record of records) this.write(record)
    return { records, isMore: places.length === sliceMax }
  }

  #open(): void {
    if (this.#closed) throw closed('history')
  }
}

/** The place that the page ends before: nobody is there. */
function startOf({ cursor, until = Number.POSITIVE_INFINITY }: HistoryQuery): Buffer {
  const end = placeKey({ requestedAt: until, seq: 0 })
  if (cursor === undefined) return end
  const { requestedAt, seq } = placeOf(cursor)
  const start = placeKey({ requestedAt, seq: Math.min(seq, seqMax) })
  return Buffer.compare(start, end) < 0 ? start : end
}
