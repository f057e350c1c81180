/**
 * Rows: the tables of the disk tier, and how they are read.
 *
 *   entries     key -> entry (format.ts)
 *   dependents  name and key: the entry of the key depends on the name; no value
 *   order       sequence -> key: the order of eviction, the oldest first
 *   places      key -> sequence, if it was moved in the order since it was stored
 *   files       file of a value -> key of the entry that refers to it
 *   ended       key -> position at which an entry of that name was removed; ended-order: sequence -> key
 *   damaged     sequence -> a row that was not what was written, newest stay
 *   tier        the counts, the place of the sweeper
 *
 * Keys are names as in names.ts. What is written is written by an edit (edit.ts), all tables at once.
 *
 * Invariant: nothing that is given out refers to LMDB's own buffers, which the next read overwrites.
 */
import { unknownGeneration } from '../model/position.ts'
import type { Policy } from '../model/policy.ts'
import { decodeCounts, noCounts, type Counts } from './counts.ts'
import type { Environment, Table } from './environment.ts'
import { CurrentFormat, type Format, type StoredEntry, type ValueFile } from '../bytes/format.ts'
import { pairsOf, splitPair } from '../bytes/names.ts'
import { fileName } from './values.ts'

export const countsKey = Buffer.from('counts')

export class Rows {
  readonly entries: Table<Buffer>
  readonly dependents: Table<Buffer>
  readonly order: Table<number>
  readonly places: Table<Buffer>
  readonly files: Table<Buffer>
  readonly ended: Table<Buffer>
  readonly endedOrder: Table<number>
  readonly damaged: Table<number>
  readonly tier: Table<Buffer>
  readonly environment: Environment

  readonly #generation: () => string
  readonly #format: CurrentFormat

  /** @param generation of the log now: what is of another is known as foreign */
  constructor(environment: Environment, generation: () => string, policyOf: (name: string) => Policy) {
    this.environment = environment
    this.#generation = generation
    this.#format = new CurrentFormat(generation, policyOf)
    this.entries = environment.table('entries', 'bytes')
    this.dependents = environment.table('dependents', 'bytes')
    this.order = environment.table('order', 'numbers')
    this.places = environment.table('places', 'bytes')
    this.files = environment.table('files', 'bytes')
    this.ended = environment.table('ended', 'bytes')
    this.endedOrder = environment.table('ended-order', 'numbers')
    this.damaged = environment.table('damaged', 'numbers')
    this.tier = environment.table('tier', 'bytes')
  }

  get format(): Format {
    return this.#format.now
  }

  /** False: whose entries they are cannot be told yet. */
  get isGenerationKnown(): boolean {
    return this.#generation() !== unknownGeneration
  }

  /** LMDB's own buffer: to be decoded before anything else is read. @param key as text, if it has the same bytes */
  bytesOf(key: Buffer | string): Buffer | undefined {
    const bytes = this.entries.getBinaryFast(key as Buffer)
    return bytes === undefined || Buffer.isBuffer(bytes) ? bytes : asBuffer(bytes)
  }

  /** What is held under the key, of this generation and readable; without its value. */
  head(key: Buffer): StoredEntry | undefined {
    const bytes = this.bytesOf(key)
    if (bytes === undefined) return undefined
    try {
      const entry = this.format.head(bytes)
      return entry.generation === '' ? undefined : entry
    } catch {
      return undefined
    }
  }

  /** Keys of entries that depend on the name. */
  *dependentsOf(name: Buffer): Generator<Buffer, void, undefined> {
    for (const pair of this.dependents.getKeys(pairsOf(name))) yield splitPair(pair).key
  }

  /** Where an entry stands in the order of eviction. */
  placeOf(key: Buffer, sequence: number): number {
    return this.places.getBinaryFast(key)?.readDoubleLE(0) ?? sequence
  }

  /** @throws E_DISK_DAMAGED */
  counts(): Counts {
    const bytes = this.tier.get(countsKey)
    return bytes === undefined ? noCounts() : decodeCounts(bytes)
  }

  /** The ends of the order of eviction. */
  orderEnds(): { readonly first: number; readonly last: number } {
    const [first = 0] = this.order.getKeys({ limit: 1 })
    const [last = first] = this.order.getKeys({ limit: 1, reverse: true })
    return { first, last }
  }

  fileKey(file: Pick<ValueFile, 'writer' | 'number'>): Buffer {
    return Buffer.from(fileName(file))
  }

  writerOf(fileKey: Buffer): number {
    return Number.parseInt(fileKey.toString(), 10)
  }
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
