/**
 * The history of a directory: what was invalidated, by any of its processes.
 *
 *   history       place -> record (history-rows.ts)            place: time of the request, then order of arrival
 *   historyKeys   i id -> place
 *                 n bucket, hash of a name, place -> nothing   so that a query by name does not read everything
 *                 u place -> node                              immediate and lazy ones that a process has under way
 *                 last -> the last number in order of arrival
 *   historyEnded  number -> time it is kept from, and what has to go with it
 *   historyJournal  what was put and is in none of these yet (history-journal.ts)
 *
 * What goes with a record of the log is journaled only, since somebody waits for its flush. It is taken in by whoever asks
 * next, or puts a record by itself, or by this process when it has journaled `journaledMax`.
 *
 * Invariants: what was committed before is taken in before anything is looked for, whoever committed it: no answer lacks
 * it; what is journaled and what is put otherwise take effect in the order of their transactions; a record never changes
 * its place; only what has ended is dropped, what was put as ended first going first; what is too old is not shown,
 * dropped or not; nothing of it is kept in this process; a row that is not what was written is told of and left out.
 *
 * A record is not flushed by itself: the log, and the queue's `add`, flush what nobody may lose, and all that was
 * committed before with it. What a loss of power undoes here is the end of a run that is repeated, or shown as cut off.
 */
import {
  closed,
  cursorOf,
  hasEnded,
  type History,
  matches,
  pageLimit,
  type Place,
  placeOf,
} from '../invalidation/contract.ts'
import type { Clock } from '../model/clock.ts'
import type { HistoryPage, HistoryQuery, InvalidationResult, Status } from '../model/invalidation.ts'
import { count, type Duration, durationMs } from '../model/quantity.ts'
import { headOfPacked, packRecord, type PackedRecord, type RecordHead } from '../bytes/record.ts'
import type { Environment } from './environment.ts'
import { HistoryIndex, type Known, placeKey, placeOfKey } from './history-index.ts'
import { type Entered, HistoryJournal } from './history-journal.ts'
import { historyBytes, type HistoryRow, historyRow } from './history-rows.ts'
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

/** Rows, or buckets, that are read, or rows that are changed, before others have their turn. */
const sliceMax = 200
/** Records that are dropped in one transaction: more than can be put in one. */
const trimMax = 500
/** Records that this process journals before it takes them in without being asked. */
const journaledMax = 2048
/** Journaled records that are taken in in one transaction. */
const takenInMax = 256
/** Damaged rows that are told of. */
const damagedMax = 1000

interface Conditional {
  readonly from: readonly Status[] | undefined
  readonly write: (known: Known | undefined) => void
}

/** What a record that is taken in has come to so far, and what is known of it from before. */
interface Latest {
  readonly known: Known
  readonly record: RecordHead
  readonly entered: Entered
}

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
  readonly #index: HistoryIndex
  readonly #journal: HistoryJournal
  /** Records that this process journaled since it took them in. */
  #journaled = 0
  #takingIn: Promise<void> | undefined
  /** Places of rows that are not what was written, as far as they were told of. */
  readonly #damaged = new Set<string>()
  /** Its parts of a transaction: in one that puts records with those of a log, only the first. */
  readonly #journaling = {
    begin: () => this.#journal.begin(),
    end: () => this.#journal.end(),
  }
  readonly #indexing = {
    begin: () => this.#index.begin(),
    end: () => {
      this.#index.end()
      this.#trim()
    },
  }
  #closed = false

  constructor(options: DiskHistoryOptions) {
    const { environment } = options
    this.#options = options
    this.#environment = environment
    this.#clock = options.clock
    this.#keepForMs = durationMs(options.keepFor ?? '1h', 'history.keepFor')
    this.#keepCount = count(options.keepCount ?? 10_000, 'history.keepCount')
    this.#index = new HistoryIndex(environment)
    this.#journal = new HistoryJournal(environment, options.nodes.id)
  }

  async put(record: InvalidationResult, from?: readonly Status[]): Promise<boolean> {
    this.#open()
    const write = this.#writing(record)
    return this.#transact(() => this.#put(record, { from, write }))
  }

  async get(id: string): Promise<InvalidationResult | undefined> {
    await this.#takeIn()
    const known = this.#index.find(id)
    const row = known && this.#read(known.place)
    return row !== undefined && this.#isKept(row) ? row.record : undefined
  }

  async list(query: HistoryQuery): Promise<HistoryPage> {
    const limit = pageLimit(query)
    await this.#takeIn()
    const found: Found[] = []
    for await (const places of this.#places(query)) {
      for (const place of places) if (found.length <= limit) this.#take(place, { query, found })
      if (found.length > limit) break
    }
    const last = found[limit - 1]
    const isMore = found.length > limit && last !== undefined
    const records = found.slice(0, limit).map(({ record }) => record)
    return { records, next: isMore ? cursorOf(last.place) : null }
  }

  async endCutOff(
    end: (record: InvalidationResult) => InvalidationResult,
  ): Promise<readonly InvalidationResult[]> {
    await this.#takeIn()
    const isGone = new Map<string, boolean>()
    const places: Buffer[] = []
    for (const { place, node } of this.#index.underWay()) {
      if (!isGone.has(node)) isGone.set(node, this.#options.nodes.isGone(node))
      if (isGone.get(node) === true) places.push(place)
    }
    const all: InvalidationResult[] = []
    for (let i = 0; i < places.length; i += sliceMax) {
      const slice = places.slice(i, i + sliceMax)
      all.push(...(await this.#transact(() => this.#endUnderWay(slice, end))))
    }
    return all
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    await this.#takingIn
    // What cannot be taken in now whoever asks next takes in.
    await this.#takeInAll().catch((error: unknown) => this.#failed(error))
  }

  // Within a transaction that somebody else began

  putWithin(record: InvalidationResult, from?: readonly Status[]): void {
    this.#environment.join(this.#journaling)
    this.#journal.add(this.#packed(record), from)
    if (++this.#journaled >= journaledMax) this.#takeInLater()
  }

  /** Called before anything else of it: whatever was journaled is taken in. */
  join(): void {
    this.#environment.join(this.#journaling)
    this.#environment.join(this.#indexing)
    this.#takeInRows(Number.POSITIVE_INFINITY)
    this.#enter(this.#journal.take())
  }

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

  #put({ id }: InvalidationResult, { from, write }: Conditional): boolean {
    const known = this.#index.find(id)
    if (known !== undefined && from?.includes(known.status) === false) return false
    write(known)
    return true
  }

  /** What can be done before the transaction is: others wait for that. @returns what is left */
  #writing(record: InvalidationResult): (known: Known | undefined) => void {
    const packed = this.#packed(record)
    const put = { bytes: historyBytes(packed), keptFrom: packed[0], node: this.#options.nodes.id }
    return (known) => this.#index.put(record, { ...put, known })
  }

  #packed(record: InvalidationResult): PackedRecord {
    const keptFrom = hasEnded(record.status) ? (record.endedAt ?? this.#clock.now()) : null
    return packRecord({ keptFrom, record })
  }

  /** @returns the number of the row up to which all is taken in */
  #takeInRows(enteredMax: number): number {
    const rows = this.#journal.rows(enteredMax)
    for (const row of rows) {
      if (row.error === undefined) this.#journal.drop(row)
      else this.#journal.putAside(row)
      if (row.error !== undefined)
        queueMicrotask(() => this.#options.onError(row.error, 'reading the history'))
    }
    const entered = rows.flatMap((row) => row.entered)
    this.#enter(entered)
    return entered.length < enteredMax ? Number.POSITIVE_INFINITY : (rows.at(-1)?.n ?? 0)
  }

  /**
   * One after the other; of each record only what it came to is written. Its place is that of its arrival, its number among
   * the ended that of its end.
   */
  #enter(all: readonly Entered[]): void {
    const latest = new Map<string, Latest>()
    for (const entered of all) {
      const record = headOfPacked(entered.packed)
      const before = latest.get(record.id)
      const found = before?.known ?? this.#index.find(record.id)
      const status = (before?.record ?? found)?.status
      if (status !== undefined && entered.from?.includes(status) === false) continue
      // It goes behind those that came since: a Map keeps the first place of a key.
      latest.delete(record.id)
      latest.set(record.id, { known: found ?? this.#index.arrive(record), record, entered })
    }
    for (const { known, record, entered } of latest.values()) {
      const { packed, node } = entered
      this.#index.put(record, { known, bytes: historyBytes(packed), keptFrom: packed[0], node })
    }
  }

  /** Slice by slice, newest first: of all, or of those that may have the name. */
  async *#places(query: HistoryQuery): AsyncGenerator<readonly Buffer[]> {
    const from = placeKey({ requestedAt: query.since ?? Number.NEGATIVE_INFINITY, seq: 0 })
    const named = query.name === undefined ? undefined : await this.#placesOfName(query.name)
    for (let below = startOf(query); ; ) {
      const range = { below, limit: sliceMax }
      const places = named === undefined ? this.#index.placesBetween(from, range) : named(from, range)
      yield places
      const last = places.at(-1)
      if (last === undefined || places.length < sliceMax) return
      below = last
      await this.#clock.turn()
      this.#look()
    }
  }

  async #placesOfName(name: string) {
    const places: Buffer[] = []
    let bucket: number | undefined = 0
    for (let i = 1; bucket !== undefined; i++) {
      bucket = this.#index.placesOfName(name, { bucket, places })
      if (i % sliceMax > 0) continue
      await this.#clock.turn()
      this.#look()
    }
    places.sort((one, other) => Buffer.compare(other, one))
    return (from: Buffer, { below, limit }: { below: Buffer; limit: number }) => {
      const start = places.findIndex((place) => Buffer.compare(place, below) < 0)
      if (start === -1) return []
      return places.slice(start, start + limit).filter((place) => Buffer.compare(place, from) >= 0)
    }
  }

  #take(place: Buffer, { query, found }: { query: HistoryQuery; found: Found[] }): void {
    const row = this.#read(place)
    if (row === undefined || !this.#isKept(row) || !matches(query, row.record)) return
    found.push({ place: placeOfKey(place), record: row.record })
  }

  /** Undefined if it is not there any more, or not what was written. */
  #read(place: Buffer): HistoryRow | undefined {
    const bytes = this.#index.row(place)
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

  /** Of those places, what is still under way by who is gone: another process may have been here before. */
  #endUnderWay(places: readonly Buffer[], end: (record: InvalidationResult) => InvalidationResult) {
    const records: InvalidationResult[] = []
    for (const place of places) {
      const node = this.#index.nodeOf(place)
      if (node === undefined || !this.#options.nodes.isGone(node)) continue
      const row = this.#read(place)
      if (row === undefined) continue
      const ended = end(row.record)
      this.write(ended)
      records.push(ended)
    }
    return records
  }

  #transact<T>(work: () => T): Promise<T> {
    return this.#environment.transact(() => {
      this.join()
      return work()
    })
  }

  /** From here on reads see what is committed, and find it. */
  async #takeIn(): Promise<void> {
    this.#open()
    await this.#takeInAll()
    this.#look()
  }

  /** All that is committed now, in slices. */
  async #takeInAll(): Promise<void> {
    this.#environment.refresh()
    const { last } = this.#journal
    for (let taken = 0; taken < last; await this.#clock.turn()) {
      taken = await this.#environment.transact(() => {
        this.#environment.join(this.#indexing)
        return this.#takeInRows(takenInMax)
      })
    }
  }

  /** When the transaction under way is over. */
  #takeInLater(): void {
    this.#journaled = 0
    this.#takingIn ??= this.#clock
      .turn()
      .then(() => this.#takeInAll())
      .catch((error: unknown) => this.#failed(error))
      .finally(() => {
        this.#takingIn = undefined
      })
  }

  #failed(error: unknown): void {
    this.#options.onError(error, 'indexing the history')
  }

  /** Drops what is too old or too many, as many of them as go in one transaction. */
  #trim(): void {
    let surplus = this.#index.endedCount - this.#keepCount
    const since = this.#clock.now() - this.#keepForMs
    const isOld = (this.#index.firstKeptFrom ?? since) < since
    if (surplus <= 0 && !isOld) return
    for (const ended of this.#index.firstEnded(isOld ? trimMax : Math.min(surplus, trimMax))) {
      if (surplus <= 0 && ended.keptFrom >= since) return
      this.#index.drop(ended)
      surplus--
    }
  }

  /** From here on reads see what is committed. */
  #look(): void {
    if (this.#closed) throw closed('history')
    this.#environment.refresh()
  }

  #open(): void {
    if (this.#closed) throw closed('history')
  }
}

/** The place that the page ends before: nobody is there. */
function startOf({ cursor, until = Number.POSITIVE_INFINITY }: HistoryQuery): Buffer {
  const end = placeKey({ requestedAt: until, seq: 0 })
  if (cursor === undefined) return end
  const start = placeKey(placeOf(cursor))
  return Buffer.compare(start, end) < 0 ? start : end
}
