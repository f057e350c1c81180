/**
 * Edit: what one transaction does to the tables of the tier.
 *
 * Invariants: an entry has its rows in `dependents`, `order` and `files`, and is counted, or it is not there at all;
 * what cannot be read is set aside when it is met, with whatever can still be told to belong to it; files are removed
 * by whoever carries the edit out, when it is committed.
 */
import type { EntryParts } from '../model/entry.ts'
import { sealed, seal, unseal } from '../bytes/codec.ts'
import { encodeCounts, noCounts, type Counts } from './counts.ts'
import type { Encoded } from '../bytes/encoded.ts'
import { pageFill, storedBytesOf, type StoredEntry, type ValueFile } from '../bytes/format.ts'
import { keyOf, pairOf } from '../bytes/names.ts'
import { countsKey, type Rows } from './rows.ts'

export const endedMax = 100_000
export const asideMax = 1000

/** Bytes that LMDB keeps beside each row: a header, and a place in its page. */
const nodeBytes = 10
const noBytes = Buffer.alloc(0)
const sequenceBytes = 9

export interface ToInsert {
  readonly entry: EntryParts
  readonly value: Encoded
  readonly file: ValueFile | undefined
}

/** What was found damaged, and is to be told of. */
export interface Damage {
  readonly name: string
  readonly why: unknown
}

export interface Moment {
  /** ms since 1970. */
  readonly nowMs: number
  /** Position up to which the log is applied here. */
  readonly n: number
}

export class Edit {
  readonly counts: Counts
  /** Files that nothing refers to when this is committed. */
  readonly dropped: ValueFile[] = []
  /** Files that were not what was written. */
  readonly spoiled: ValueFile[] = []
  readonly damage: Damage[] = []
  readonly #rows: Rows
  readonly #at: Moment
  readonly #counted: Buffer

  /** Within a transaction, and for it only. */
  constructor(rows: Rows, at: Moment) {
    this.#rows = rows
    this.#at = at
    this.counts = this.#read()
    this.#counted = encodeCounts(this.counts)
  }

  /** The last that is done. */
  end(): void {
    const counts = encodeCounts(this.counts)
    if (!counts.equals(this.#counted)) void this.#rows.tier.put(countsKey, counts)
  }

  /** What is held under the key, of whatever generation, without its value. */
  head(key: Buffer): StoredEntry | undefined {
    const bytes = this.#rows.bytesOf(key)
    if (bytes === undefined) return undefined
    try {
      return this.#rows.format.head(bytes)
    } catch (why) {
      this.setAside(key, why)
      return undefined
    }
  }

  /** In place of `before`, which is what is held under its key. */
  insert({ entry, value, file }: ToInsert, before: StoredEntry | undefined): void {
    const rows = this.#rows
    const key = keyOf(entry.key)
    const names = entry.dependencies.map(keyOf)
    if (before !== undefined) this.#leave(key, before, new Set(entry.dependencies))
    const sequence = this.next()
    const bytes = rows.format.encode({ entry, value, file, sequence, indexBytes: indexBytesOf(key, names) })
    void rows.entries.put(key, bytes)
    void rows.order.put(sequence, key)
    for (const name of names) void rows.dependents.put(pairOf(name, key), noBytes)
    if (file !== undefined) void rows.files.put(rows.fileKey(file), key)
    this.counts.entries += 1
    this.counts.bytes += storedBytesOf(bytes)
  }

  remove(key: Buffer, entry: StoredEntry): void {
    void this.#rows.entries.remove(key)
    this.#leave(key, entry, new Set())
  }

  /** Removes an entry whose file is not what was written. */
  removeDamaged(key: Buffer, entry: StoredEntry, why: unknown): void {
    this.remove(key, entry)
    this.counts.damaged += 1
    this.damage.push({ name: entry.key, why })
    const file = this.dropped.pop()
    if (file !== undefined) this.spoiled.push(file)
  }

  /** To the end of the order of eviction. */
  move(key: Buffer, place: number): void {
    const rows = this.#rows
    const sequence = this.next()
    void rows.order.remove(place)
    void rows.order.put(sequence, key)
    void rows.places.put(key, bytesOfNumber(sequence))
  }

  /** Remembers that an entry of the key was removed by an invalidation that is applied here. */
  ended(key: Buffer): void {
    const { ended, endedOrder } = this.#rows
    const before = this.#endedRow(key)
    if (before !== undefined) void endedOrder.remove(before.sequence)
    else this.counts.ended += 1
    const row = { n: Math.max(this.#at.n, before?.n ?? 0), sequence: this.next() }
    void ended.put(key, encodeEnded(row))
    void endedOrder.put(row.sequence, key)
    if (this.counts.ended > endedMax) this.#forgetOldestEnded()
  }

  /** Position at or after that of the last invalidation that removed an entry of the key. */
  endedAt(key: Buffer): number {
    return this.#endedRow(key)?.n ?? this.counts.endedLow
  }

  forgetEnded(sequence: number): void {
    const key = this.#rows.endedOrder.get(sequence)
    if (key !== undefined) void this.#rows.ended.remove(key)
    void this.#rows.endedOrder.remove(sequence)
    this.counts.ended = Math.max(0, this.counts.ended - 1)
  }

  /** Takes a row out that is not what was written, and keeps it among the damaged ones. */
  setAside(key: Buffer, why: unknown): void {
    const rows = this.#rows
    const bytes = rows.entries.get(key)
    if (bytes === undefined) return
    const entry = rows.format.salvage(bytes)
    void rows.entries.remove(key)
    const storedBytes = plausible(entry, bytes.length)
    if (entry === undefined) this.#count(-1, -storedBytes)
    else this.#leave(key, { ...entry, storedBytes }, new Set())
    this.keepAside(key, { why, bytes })
  }

  keepAside(key: Buffer, { why, bytes }: { why: unknown; bytes: Buffer }): void {
    const { damaged } = this.#rows
    const row = { key, why: String(why), atMs: this.#at.nowMs, bytes }
    void damaged.put(this.next(), sealed(row))
    this.counts.damaged += 1
    this.counts.aside += 1
    this.damage.push({ name: key.toString(), why })
    if (this.counts.aside <= asideMax) return
    for (const oldest of [...damaged.getKeys({ limit: 1 })]) void damaged.remove(oldest)
    this.counts.aside -= 1
  }

  next(): number {
    this.counts.sequence += 1
    return this.counts.sequence
  }

  /** What belonged to an entry that goes, or is replaced by one with these dependencies. */
  #leave(key: Buffer, { dependencies, file, ...entry }: StoredEntry, staying: ReadonlySet<string>): void {
    const rows = this.#rows
    const place = rows.placeOf(key, entry.sequence)
    // A damaged row may have said anything.
    if (rows.order.get(place)?.equals(key) === true) void rows.order.remove(place)
    void rows.places.remove(key)
    for (const name of dependencies)
      if (!staying.has(name)) void rows.dependents.remove(pairOf(keyOf(name), key))
    if (file !== undefined && rows.files.get(rows.fileKey(file))?.equals(key) === true) {
      void rows.files.remove(rows.fileKey(file))
      this.dropped.push(file)
    }
    this.#count(-1, -entry.storedBytes)
  }

  #count(entries: number, bytes: number): void {
    this.counts.entries = Math.max(0, this.counts.entries + entries)
    this.counts.bytes = Math.max(0, this.counts.bytes + bytes)
  }

  #endedRow(key: Buffer): Ended | undefined {
    const bytes = this.#rows.ended.get(key)
    if (bytes === undefined) return undefined
    try {
      return decodeEnded(bytes)
    } catch (why) {
      // It says no more what it was: the newest position is at or after any.
      this.damage.push({ name: key.toString(), why })
      return { n: this.#at.n, sequence: 0 }
    }
  }

  #forgetOldestEnded(): void {
    const [oldest] = [...this.#rows.endedOrder.getRange({ limit: 1 })]
    if (oldest === undefined) return
    this.counts.endedLow = Math.max(this.counts.endedLow, this.endedAt(oldest.value))
    this.forgetEnded(oldest.key)
  }

  /** All of it is counted anew if the counts are damaged, which may take seconds. */
  #read(): Counts {
    try {
      return this.#rows.counts()
    } catch (why) {
      this.damage.push({ name: 'the counts', why })
      return recounted(this.#rows, this.#at.n)
    }
  }
}

function recounted(rows: Rows, n: number): Counts {
  const counts = { ...noCounts(), endedLow: n }
  for (const { value } of rows.entries.getRange()) {
    counts.entries += 1
    counts.bytes += plausible(rows.format.salvage(value), value.length)
  }
  for (const key of rows.files.getKeys()) counts.writers = Math.max(counts.writers, rows.writerOf(key))
  for (const _ of rows.ended.getKeys()) counts.ended += 1
  for (const _ of rows.damaged.getKeys()) counts.aside += 1
  for (const table of [rows.order, rows.endedOrder, rows.damaged]) {
    for (const last of table.getKeys({ limit: 1, reverse: true })) {
      counts.sequence = Math.max(counts.sequence, last)
    }
  }
  // Some numbers may have been given out that nothing tells of.
  return { ...counts, writers: counts.writers + 1000 }
}

/** Estimate of what its index takes of the disk: a row for the order, and one for each dependency. */
function indexBytesOf(key: Buffer, names: readonly Buffer[]): number {
  let bytes = key.length * 2 + nodeBytes * 2 + sequenceBytes
  for (const name of names) bytes += nodeBytes + name.length + key.length
  return Math.ceil(bytes / pageFill)
}

/** What a damaged row says that it takes, if that can be. */
function plausible(entry: StoredEntry | undefined, rowBytes: number): number {
  const bytes = entry?.storedBytes ?? rowBytes
  return Number.isSafeInteger(bytes) && bytes >= rowBytes && bytes < 2 ** 40 ? bytes : rowBytes
}

interface Ended {
  readonly n: number
  readonly sequence: number
}

function encodeEnded({ n, sequence }: Ended): Buffer {
  const bytes = Buffer.alloc(20)
  bytes.writeDoubleLE(n, 4)
  bytes.writeDoubleLE(sequence, 12)
  return seal(bytes)
}

/** @throws E_DISK_DAMAGED */
function decodeEnded(bytes: Buffer): Ended {
  const proved = unseal(bytes, 'a row of what ended')
  return { n: proved.readDoubleLE(0), sequence: proved.readDoubleLE(8) }
}

function bytesOfNumber(number: number): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeDoubleLE(number, 0)
  return bytes
}
