/**
 * The rows of the history and their indexes: from id, name and end to the place of a record.
 *
 * A write should touch few pages, since each is written whole: what is added at one time lies together. So the index by
 * name is cut into buckets of those that came after one another; a name is looked for in each.
 *
 * Invariants: an id has one place, for good; what is said of a record beside its row (its number among the ended, who
 * has it under way) is what its row says; a sequence number is given out once.
 */
import { isQueued, type Place } from '../invalidation/contract.ts'
import type { RecordHead } from '../bytes/record.ts'
import type { Environment, Table } from './environment.ts'
import { type Head, headOf, withHead } from './history-rows.ts'
import {
  afterPrefix,
  idBytes,
  numberBytes,
  readNumber,
  seqBytes,
  seqKey,
  seqMax,
  shortHash,
  writeNumber,
} from './keys.ts'

export interface Known extends Head {
  readonly place: Buffer
}

/** How a record is put. */
export interface Put {
  readonly known: Known | undefined
  /** Lacking its head. */
  readonly bytes: Buffer
  /** When it ended; null: it has not. */
  readonly keptFrom: number | null
  /** Whose process has it under way, unless it has ended or a queue has it. */
  readonly node: string
}

/** An ended record, and what has to go with it. */
export interface Ended {
  readonly n: number
  readonly keptFrom: number
  readonly place: Buffer
  readonly id: Buffer
  readonly hashes: readonly number[]
}

const placeBytes = numberBytes + seqBytes
const hashesAt = numberBytes + placeBytes + 4
/** Records of a bucket of names: few pages to write, few buckets to look into. */
const bucketBits = 9
const nothing = Buffer.alloc(0)
const idLetter = Buffer.from('i')
const nameLetter = Buffer.from('n')
const underWayLetter = Buffer.from('u')
const lastKey = Buffer.from('last')

export class HistoryIndex {
  readonly #rows: Table<Buffer>
  readonly #keys: Table<Buffer>
  readonly #ended: Table<number>
  /** The last numbers given out; known within a transaction. */
  #lastSeq: number | undefined
  #lastEnded: number | undefined

  constructor(environment: Environment) {
    this.#rows = environment.table('history', 'bytes')
    this.#keys = environment.table('historyKeys', 'bytes')
    this.#ended = environment.table('historyEnded', 'numbers')
  }

  /** A transaction begins: others may have written since the last. */
  begin(): void {
    this.#lastSeq = undefined
    this.#lastEnded = undefined
  }

  /** It ends. */
  end(): void {
    if (this.#lastSeq !== undefined) void this.#keys.put(lastKey, seqKey(this.#lastSeq))
  }

  find(id: string): Known | undefined {
    const place = this.#keys.get(idKey(idBytes(id)))
    const bytes = place && this.#rows.get(place)
    return bytes && { ...headOf(bytes), place }
  }

  row(place: Buffer): Buffer | undefined {
    return this.#rows.get(place)
  }

  /** Gives a new record its place; it is to be put in the same transaction. */
  arrive(record: RecordHead): Known {
    return { status: record.status, isUnderWay: false, n: 0, place: this.#insert(record) }
  }

  put(record: RecordHead, { known, bytes, keptFrom, node }: Put): void {
    const place = known?.place ?? this.#insert(record)
    const isUnderWay = keptFrom === null && !isQueued(record.strategy)
    if (known !== undefined && known.n > 0) void this.#ended.remove(known.n)
    if (known?.isUnderWay === true && !isUnderWay) void this.#keys.remove(underWayKey(place))
    if (isUnderWay) void this.#keys.put(underWayKey(place), Buffer.from(node))
    const n = keptFrom === null ? 0 : this.#end(record, { keptFrom, place })
    void this.#rows.put(place, withHead(bytes, { status: record.status, isUnderWay, n }))
  }

  /** Newest first. */
  placesBetween(from: Buffer, { below, limit }: { below: Buffer; limit: number }): Buffer[] {
    const range = { start: below, end: from, reverse: true, limit: limit + 1 }
    const places = keysOf(this.#rows, range)
    return places.filter((place) => !place.equals(below)).slice(0, limit)
  }

  /** Those of a name, and perhaps of another of the same hash, in no order. @returns the bucket to look into next */
  placesOfName(name: string, { bucket, places }: { bucket: number; places: Buffer[] }): number | undefined {
    const start = nameKey({ bucket, hash: 0, place: nothing })
    const [first] = keysOf(this.#keys, { start, end: afterPrefix(nameLetter), limit: 1 })
    if (first === undefined) return undefined
    const found = first.readUIntBE(1, seqBytes)
    const prefix = nameKey({ bucket: found, hash: shortHash(name), place: nothing })
    for (const key of this.#keys.getKeys({ start: prefix, end: Buffer.concat([prefix, allOnes]) })) {
      places.push(Buffer.from(key).subarray(prefix.length))
    }
    return found + 1
  }

  get endedCount(): number {
    return (this.#ended.getStats() as { entryCount: number }).entryCount
  }

  get firstKeptFrom(): number | undefined {
    return this.firstEnded(1)[0]?.keptFrom
  }

  firstEnded(limit: number): Ended[] {
    return Array.from(this.#ended.getRange({ limit }), ({ key, value }) => endedOf(key, value))
  }

  drop({ n, place, id, hashes }: Ended): void {
    void this.#ended.remove(n)
    void this.#rows.remove(place)
    void this.#keys.remove(idKey(id))
    for (const hash of hashes) void this.#keys.remove(nameKey({ bucket: bucketOf(place), hash, place }))
  }

  /** Those that a process has, or had, under way. */
  underWay(): { readonly place: Buffer; readonly node: string }[] {
    const range = { start: underWayLetter, end: afterPrefix(underWayLetter) }
    return Array.from(this.#keys.getRange(range), ({ key, value }) => ({
      place: Buffer.from(key).subarray(1),
      node: value.toString(),
    }))
  }

  /** Who has it under way now. */
  nodeOf(place: Buffer): string | undefined {
    return this.#keys.get(underWayKey(place))?.toString()
  }

  #insert({ id, names, requestedAt }: RecordHead): Buffer {
    const place = placeKey({ requestedAt, seq: this.#nextSeq() })
    void this.#keys.put(idKey(idBytes(id)), place)
    for (const name of names) {
      void this.#keys.put(nameKey({ bucket: bucketOf(place), hash: shortHash(name), place }), nothing)
    }
    return place
  }

  #end({ id, names }: RecordHead, { keptFrom, place }: { keptFrom: number; place: Buffer }): number {
    const last = this.#lastEnded ?? [...this.#ended.getKeys({ reverse: true, limit: 1 })][0] ?? 0
    const n = last + 1
    this.#lastEnded = n
    void this.#ended.put(n, endedBytes({ keptFrom, place, id: idBytes(id), hashes: names.map(shortHash) }))
    return n
  }

  #nextSeq(): number {
    this.#lastSeq = (this.#lastSeq ?? this.#keys.get(lastKey)?.readUIntBE(0, seqBytes) ?? 0) + 1
    return this.#lastSeq
  }
}

export function placeKey({ requestedAt, seq }: Place): Buffer {
  const key = Buffer.allocUnsafe(placeBytes)
  writeNumber(key, requestedAt, 0)
  key.writeUIntBE(Math.min(seq, seqMax), numberBytes, seqBytes)
  return key
}

export function placeOfKey(key: Buffer): Place {
  return { requestedAt: readNumber(key, 0), seq: key.readUIntBE(numberBytes, seqBytes) }
}

interface Range {
  readonly start: Buffer
  readonly end: Buffer
  readonly reverse?: boolean
  readonly limit: number
}

function keysOf(table: Table<Buffer>, range: Range): Buffer[] {
  return Array.from(table.getKeys(range), (key) => Buffer.from(key))
}

const allOnes = Buffer.alloc(placeBytes + 1, 0xff)

function idKey(id: Buffer): Buffer {
  return Buffer.concat([idLetter, id])
}

function underWayKey(place: Buffer): Buffer {
  return Buffer.concat([underWayLetter, place])
}

function bucketOf(place: Buffer): number {
  return Math.floor(place.readUIntBE(numberBytes, seqBytes) / 2 ** bucketBits)
}

function nameKey({ bucket, hash, place }: { bucket: number; hash: number; place: Buffer }): Buffer {
  const key = Buffer.allocUnsafe(nameLetter.length + seqBytes + 4 + place.length)
  nameLetter.copy(key)
  key.writeUIntBE(bucket, 1, seqBytes)
  key.writeUInt32BE(hash, 1 + seqBytes)
  place.copy(key, 5 + seqBytes)
  return key
}

function endedBytes({ keptFrom, place, id, hashes }: Omit<Ended, 'n'>): Buffer {
  const bytes = Buffer.allocUnsafe(hashesAt + 4 * hashes.length + id.length)
  bytes.writeDoubleBE(keptFrom, 0)
  place.copy(bytes, numberBytes)
  bytes.writeUInt32BE(hashes.length, hashesAt - 4)
  for (const [at, hash] of hashes.entries()) bytes.writeUInt32BE(hash, hashesAt + 4 * at)
  id.copy(bytes, hashesAt + 4 * hashes.length)
  return bytes
}

function endedOf(n: number, bytes: Buffer): Ended {
  const idAt = hashesAt + 4 * bytes.readUInt32BE(hashesAt - 4)
  const hashes: number[] = []
  for (let at = hashesAt; at < idAt; at += 4) hashes.push(bytes.readUInt32BE(at))
  const place = bytes.subarray(numberBytes, numberBytes + placeBytes)
  return { n, keptFrom: bytes.readDoubleBE(0), place, id: bytes.subarray(idAt), hashes }
}
