/**
 * The history of a cluster: what was invalidated, by any of its nodes. Kept as history-lua.ts says.
 *
 * Invariants: each step is one script; a record never changes its place; what is too old is not shown, dropped or not;
 * what is in the log is on record, since one script writes both, but for what was owed by a process that died; what is
 * not what was written is told of once, and left out.
 */
import { sealedPlain, unseal } from '../bytes/codec.ts'
import { decodeRecord, type KeptRecord, packRecord } from '../bytes/record.ts'
import {
  closed,
  cursorOf,
  hasEnded,
  type History,
  isQueued,
  matches,
  pageLimit,
  type Place,
  placeOf,
} from '../invalidation/contract.ts'
import type { Clock } from '../model/clock.ts'
import type { HistoryPage, HistoryQuery, InvalidationResult, Status } from '../model/invalidation.ts'
import { tokenOf } from '../model/position.ts'
import { count, type Duration, durationMs } from '../model/quantity.ts'
import { bytesOf, listOf, numberOf, textOf, type Arg, type Driver } from './driver.ts'
import { cutOffScript, endScript, pageMax, pageScript, putScript } from './history-lua.ts'
import { placeDigits, placeIn, placeText, timeText } from './places.ts'

export interface RedisHistoryOptions {
  readonly driver: Driver
  readonly clock: Clock
  /** This process: another at each of its starts. */
  readonly node: string
  /** How long a record is kept after it ended. Default 1 h. */
  readonly keepFor?: Duration | undefined
  /** Most records kept of those that ended. Default 10,000. */
  readonly keepCount?: number | undefined
  readonly onError: (error: unknown, during: string) => void
}

interface Found {
  readonly place: Place
  readonly record: InvalidationResult
}

/** Whose process is gone, with what it had under way. */
interface CutOff {
  readonly node: string
  readonly id: string
  readonly head: string
  readonly bytes: Buffer
}

/** Damaged records that are told of. */
const damagedMax = 1000

export class RedisHistory implements History {
  readonly #driver: Driver
  readonly #clock: Clock
  readonly #node: string
  readonly #keepForMs: number
  readonly #keepCount: number
  readonly #onError: RedisHistoryOptions['onError']
  /** By id: those whose record of the log is about to be appended. */
  readonly #within = new Map<string, InvalidationResult>()
  /** Records that are not what was written, as far as they were told of. */
  readonly #damaged = new Set<string>()
  #closed = false

  constructor(options: RedisHistoryOptions) {
    this.#driver = options.driver
    this.#clock = options.clock
    this.#node = options.node
    this.#keepForMs = durationMs(options.keepFor ?? '1h', 'history.keepFor')
    this.#keepCount = count(options.keepCount ?? 10_000, 'history.keepCount')
    this.#onError = options.onError
  }

  async put(record: InvalidationResult, from?: readonly Status[]): Promise<boolean> {
    this.#open()
    return this.#put(record, from)
  }

  /** The script that appends puts it. How it ends is put in any case: then it is there, if it could not be put here. */
  putWithin(record: InvalidationResult): void {
    if (!this.#closed) this.#within.set(record.id, record)
  }

  async get(id: string): Promise<InvalidationResult | undefined> {
    this.#open()
    const row = await this.#find(id)
    return row !== undefined && this.#isKept(row) ? row.record : undefined
  }

  async list(query: HistoryQuery): Promise<HistoryPage> {
    this.#open()
    const limit = pageLimit(query)
    const found: Found[] = []
    for await (const page of this.#pages(query, limit)) {
      for (const each of page) if (matches(query, each.record)) found.push(each)
      if (found.length > limit) break
    }
    const last = found[limit - 1]
    const isMore = found.length > limit && last !== undefined
    const shown = found.slice(0, limit).map(({ record }) => record)
    return { records: shown, next: isMore ? cursorOf(last.place) : null }
  }

  async endCutOff(
    end: (record: InvalidationResult) => InvalidationResult,
  ): Promise<readonly InvalidationResult[]> {
    const all: InvalidationResult[] = []
    for (let last: CutOff | undefined; ; ) {
      this.#open()
      const some = await this.#cutOff(last)
      const ended = await Promise.all(some.map((each) => this.#end(each, end)))
      for (const each of ended) if (each !== undefined) all.push(each)
      last = some.at(-1)
      if (last === undefined) return all
    }
  }

  async close(): Promise<void> {
    this.#closed = true
  }

  // For the log beside it

  /** Id, time and bytes of what was put within the record of the log that is about to be appended; once. */
  takeWithin(id: string | undefined): readonly Arg[] {
    const record = id === undefined ? undefined : this.#within.get(id)
    if (record === undefined) return ['', '', '']
    this.#within.delete(record.id)
    return [record.id, timeText(record.requestedAt), sealedRecord({ keptFrom: null, record })]
  }

  // For the queue beside it

  /** ARGV[3..10] of a script that puts the record. */
  rowOf(record: InvalidationResult): readonly Arg[] {
    const { id, status, requestedAt, strategy } = record
    const keptFrom = hasEnded(status) ? (record.endedAt ?? this.#clock.now()) : null
    const node = keptFrom === null && !isQueued(strategy) ? this.#node : ''
    const bytes = sealedRecord({ keptFrom, record })
    const since = this.#clock.now() - this.#keepForMs
    return [id, status, timeText(requestedAt), keptFrom ?? '', node, bytes, since, this.#keepCount]
  }

  /** The record, if it can be read, be it kept or too old. */
  async peek(id: string): Promise<InvalidationResult | undefined> {
    return (await this.#find(id))?.record
  }

  // Of one record

  async #put(record: InvalidationResult, from: readonly Status[] | undefined): Promise<boolean> {
    const condition = from === undefined ? '' : `,${from.join(',')},`
    const reply = await this.#driver.run(putScript, [this.#node, condition, ...this.rowOf(record)])
    return numberOf(reply) === 1
  }

  async #find(id: string): Promise<KeptRecord | undefined> {
    const bytes = await this.#driver.call('HGET', `${this.#driver.prefix}:records`, id)
    return bytes === null ? undefined : this.#read(bytesOf(bytes), id)
  }

  /** Undefined, and told of once, if it is not what was written. It goes with its time, or is written anew. */
  #read(bytes: Buffer, key: string): KeptRecord | undefined {
    try {
      return decodeRecord(unseal(bytes, 'a record of the history'))
    } catch (error) {
      if (!this.#damaged.has(key) && this.#damaged.size < damagedMax) {
        this.#damaged.add(key)
        this.#onError(error, 'reading the history')
      }
      return undefined
    }
  }

  #open(): void {
    if (this.#closed) throw closed('history')
  }

  #isKept({ keptFrom }: KeptRecord): boolean {
    return keptFrom === null || keptFrom >= this.#clock.now() - this.#keepForMs
  }

  // Of many

  /** Newest first; what is left out is left out. */
  async *#pages(query: HistoryQuery, limit: number): AsyncGenerator<readonly Found[]> {
    const from = query.since === undefined ? '-' : `[${timeText(query.since)}`
    const atOnce = isFiltered(query) ? pageMax : Math.min(pageMax, limit + 1)
    for (let below = startOf(query); ; ) {
      const [isAll, ...reply] = listOf(await this.#driver.run(pageScript, [this.#node, from, below, atOnce]))
      const page: Found[] = []
      for (let i = 0; i < reply.length; i += 2) {
        const member = textOf(reply[i])
        const place = member.slice(0, placeDigits)
        const row = this.#read(bytesOf(reply[i + 1]), member.slice(placeDigits))
        if (row !== undefined && this.#isKept(row)) page.push({ place: placeIn(place), record: row.record })
        below = `(${place}`
      }
      yield page
      if (numberOf(isAll) === 1) return
      this.#open()
    }
  }

  async #cutOff(last: CutOff | undefined): Promise<CutOff[]> {
    const args = [this.#node, last?.node ?? '', last?.id ?? '']
    const reply = listOf(await this.#driver.run(cutOffScript, args))
    const some: CutOff[] = []
    for (let i = 0; i < reply.length; i += 4) {
      const [node, id, head, bytes] = reply.slice(i, i + 4)
      some.push({
        node: textOf(node),
        id: textOf(id),
        head: textOf(head ?? Buffer.alloc(0)),
        bytes: bytesOf(bytes ?? Buffer.alloc(0)),
      })
    }
    return some
  }

  /** Undefined if another node was faster, or its own came back; what cannot be read ends too, as it is. */
  async #end(
    { node, id, head, bytes }: CutOff,
    end: (record: InvalidationResult) => InvalidationResult,
  ): Promise<InvalidationResult | undefined> {
    const row = this.#read(bytes, id)
    const ended = row && end(placedBy(head, row.record))
    const args = ended === undefined ? this.#rowOfDamaged(id, bytes) : this.rowOf(ended)
    const isEnded = numberOf(await this.#driver.run(endScript, [this.#node, head, ...args, node])) === 1
    return isEnded ? ended : undefined
  }

  #rowOfDamaged(id: string, bytes: Buffer): readonly Arg[] {
    const now = this.#clock.now()
    return [id, 'failed', timeText(now), now, '', bytes, now - this.#keepForMs, this.#keepCount]
  }
}

/** The log gave its position when the record had been made. */
function placedBy(head: string, record: InvalidationResult): InvalidationResult {
  const [, n, generation] = /^\S+ \S+ \S* \S* (\d+):(.+)$/.exec(head) ?? []
  if (generation === undefined) return record
  const position = { generation, n: Number(n) }
  return { ...record, position, token: tokenOf(position) }
}

function sealedRecord(row: KeptRecord): Buffer {
  return sealedPlain(packRecord(row))
}

function isFiltered({ status, name, strategy, actor }: HistoryQuery): boolean {
  return [status, name, strategy, actor].some((each) => each !== undefined)
}

/** The place that the page ends before. */
function startOf({ cursor, until }: HistoryQuery): string {
  const ends = [
    ...(until === undefined ? [] : [timeText(until)]),
    ...(cursor === undefined ? [] : [placeText(placeOf(cursor))]),
  ].sort()
  return ends[0] === undefined ? '+' : `(${ends[0]}`
}
