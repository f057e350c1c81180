/**
 * The indexes of the history: from id, name, time of end and process to the place of a record.
 *
 * Invariants: an id has one entry, and one place for good; of the marks of a record (when it is kept from, or who has it
 * under way) there is the one that its entry says; a place is greater than all of its time that are there.
 */
import type { HistoryQuery, InvalidationResult, Status } from '../model/invalidation.ts'
import type { Place } from '../invalidation/contract.ts'
import type { Environment, Table } from './environment.ts'
import { afterPrefix, idBytes, numberBytes, readNumber, seqBytes, shortHash, writeNumber } from './keys.ts'

/** The number of a record among those that ended, the node that has it under way, or neither. */
type Mark = number | string | undefined

export interface Known {
  readonly status: Status
  readonly place: Buffer
  readonly mark: Mark
}

/** What a record is marked by: when it is kept from, or who has it under way. */
export interface Marks {
  readonly known: Known | undefined
  readonly keptFrom: number | null
  readonly node: string | null
}

/** An ended record, and what has to go with it. */
export interface Ended {
  readonly n: number
  readonly keptFrom: number
  readonly place: Buffer
  readonly id: Buffer
  readonly hashes: readonly number[]
}

const statuses: readonly Status[] = ['pending', 'running', 'completed', 'failed', 'cancelled']
const placeBytes = numberBytes + seqBytes
const nothing = Buffer.alloc(0)
const i = Buffer.from('i')
const n = Buffer.from('n')
const u = Buffer.from('u')
const markAt = 1 + placeBytes
const hashesAt = numberBytes + placeBytes + 4

export class HistoryIndex {
  readonly #rows: Table<Buffer>
  readonly #keys: Table<Buffer>
  readonly #ended: Table<number>
  /** The last number given out in the transaction under way. */
  #last: number | undefined

  constructor(environment: Environment) {
    this.#rows = environment.table('history', 'bytes')
    this.#keys = environment.table('historyKeys', 'bytes')
    this.#ended = environment.table('historyEnded', 'numbers')
  }

  /** A transaction begins: others may have written since the last. */
  begin(): void {
    this.#last = undefined
  }

  find(id: string): Known | undefined {
    const entry = this.#keys.get(idKey(idBytes(id)))
    if (entry === undefined) return undefined
    const status = statuses[entry[0] ?? 0] ?? 'pending'
    const mark = entry.subarray(markAt)
    return {
      status,
      place: entry.subarray(1, markAt),
      mark: mark.length === 0 ? undefined : isOpen(status) ? mark.toString() : mark.readDoubleBE(0),
    }
  }

  /** @returns the place of the record: that which it has, or a new one */
  put(record: InvalidationResult, { known, keptFrom, node }: Marks): Buffer {
    const place = known?.place ?? this.#newPlace(record.requestedAt)
    const id = idBytes(record.id)
    const hashes = known === undefined || keptFrom !== null ? record.names.map(shortHash) : []
    if (known !== undefined) this.#unmark(known)
    else for (const hash of hashes) void this.#keys.put(nameKey(hash, place), nothing)
    let mark: Mark = node ?? undefined
    if (keptFrom !== null) {
      mark = this.#nextEnded()
      void this.#ended.put(mark, endedBytes({ keptFrom, place, id, hashes }))
    } else if (node !== null) void this.#keys.put(underWayKey(node, place), nothing)
    void this.#keys.put(idKey(id), entryOf(record.status, { place, mark }))
    return place
  }

  /** Newest first. */
  placesBelow(below: Buffer, { query, limit }: { query: HistoryQuery; limit: number }): Buffer[] {
    const { name, since = Number.NEGATIVE_INFINITY } = query
    const from = placeKey({ requestedAt: since, seq: 0 })
    if (name === undefined) return this.#placesBetween(from, { below, limit })
    const hash = shortHash(name)
    const range = { start: nameKey(hash, below), end: nameKey(hash, from), reverse: true, limit: limit + 1 }
    const places = keysOf(this.#keys, range).map((key) => key.subarray(-placeBytes))
    return places.filter((place) => !place.equals(below)).slice(0, limit)
  }

  // What ended

  get endedCount(): number {
    return (this.#ended.getStats() as { entryCount: number }).entryCount
  }

  get firstKeptFrom(): number | undefined {
    return this.firstEnded(1)[0]?.keptFrom
  }

  firstEnded(limit: number): Ended[] {
    return Array.from(this.#ended.getRange({ limit }), ({ key, value }) => endedOf(key, value))
  }

  drop({ n: number, place, id, hashes }: Ended): void {
    void this.#ended.remove(number)
    void this.#keys.remove(idKey(id))
    for (const hash of hashes) void this.#keys.remove(nameKey(hash, place))
  }

  // What is under way

  /** The processes that have, or had, something under way. */
  nodesUnderWay(): string[] {
    const nodes: string[] = []
    for (let start: Buffer = u; ; ) {
      const [key] = keysOf(this.#keys, { start, end: afterPrefix(u), limit: 1 })
      if (key === undefined) return nodes
      const node = key.subarray(1, -placeBytes - 1)
      nodes.push(node.toString())
      start = afterPrefix(Buffer.concat([u, node, nothingElse]))
    }
  }

  placesUnderWay(node: string, limit: number): Buffer[] {
    const prefix = underWayKey(node, nothing)
    return keysOf(this.#keys, { start: prefix, end: afterPrefix(prefix), limit }).map((key) =>
      key.subarray(-placeBytes),
    )
  }

  forgetUnderWay(node: string, place: Buffer): void {
    void this.#keys.remove(underWayKey(node, place))
  }

  #unmark({ mark, place }: Known): void {
    if (typeof mark === 'number') void this.#ended.remove(mark)
    if (typeof mark === 'string') this.forgetUnderWay(mark, place)
  }

  #nextEnded(): number {
    for (const last of this.#last === undefined ? this.#ended.getKeys({ reverse: true, limit: 1 }) : []) {
      this.#last = last
    }
    this.#last = (this.#last ?? 0) + 1
    return this.#last
  }

  #placesBetween(from: Buffer, { below, limit }: { below: Buffer; limit: number }): Buffer[] {
    const places = keysOf(this.#rows, { start: below, end: from, reverse: true, limit: limit + 1 })
    return places.filter((place) => !place.equals(below)).slice(0, limit)
  }

  /** After all of its time. */
  #newPlace(requestedAt: number): Buffer {
    const start = placeKey({ requestedAt, seq: 2 ** 48 - 1 })
    const [last] = keysOf(this.#rows, { start, reverse: true, limit: 1 })
    const place = last && placeOfKey(last)
    return placeKey({ requestedAt, seq: place?.requestedAt === requestedAt ? place.seq + 1 : 1 })
  }
}

export function placeKey({ requestedAt, seq }: Place): Buffer {
  const key = Buffer.allocUnsafe(placeBytes)
  writeNumber(key, requestedAt, 0)
  key.writeUIntBE(seq, numberBytes, seqBytes)
  return key
}

export function placeOfKey(key: Buffer): Place {
  return { requestedAt: readNumber(key, 0), seq: key.readUIntBE(numberBytes, seqBytes) }
}

interface Range {
  readonly start?: Buffer
  readonly end?: Buffer
  readonly reverse?: boolean
  readonly limit: number
}

function keysOf(table: Table<Buffer>, range: Range): Buffer[] {
  return Array.from(table.getKeys(range), (key) => Buffer.from(key))
}

function isOpen(status: Status): boolean {
  return status === 'pending' || status === 'running'
}

const nothingElse = Buffer.from([0])

function idKey(id: Buffer): Buffer {
  return Buffer.concat([i, id])
}

function nameKey(hash: number, place: Buffer): Buffer {
  const key = Buffer.allocUnsafe(5 + place.length)
  n.copy(key)
  key.writeUInt32BE(hash, 1)
  place.copy(key, 5)
  return key
}

/** An id of a node holds no zero byte. */
function underWayKey(node: string, place: Buffer): Buffer {
  return Buffer.concat([u, Buffer.from(node), nothingElse, place])
}

function entryOf(status: Status, { place, mark }: { place: Buffer; mark: Mark }): Buffer {
  const end =
    typeof mark === 'string' ? Buffer.from(mark) : Buffer.allocUnsafe(mark === undefined ? 0 : numberBytes)
  if (typeof mark === 'number') end.writeDoubleBE(mark, 0)
  return Buffer.concat([Buffer.from([statuses.indexOf(status)]), place, end])
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
