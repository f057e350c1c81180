/**
 * Format: the bytes of an entry. Version 1, little endian:
 *
 *    0  u32  seal (codec.ts)
 *    4  u8   version
 *    5  u8   bits 0-2 form of the value, 3 it is in a file, 4 an error, 5-6 encoding of the names
 *    6  u16  length of the policy's name
 *    8  u32  life: CRC-32 of the generation
 *   12  u32  dependencies that are direct
 *   16  u32  dependencies
 *   20  u32  bytes of the names
 *   24  f64  stamp, keyStamp, storedAt, ttlMs, capAt, goneAt, sequence, sizeBytes, storedBytes
 *   96  u16  length of the key, and of each dependency, in UTF-16 units
 *       the names as one text: key, policy, dependencies
 *       the value, or of its file: f64 writer, f64 number, f64 length, u32 CRC-32
 *
 * Invariants: what is read was proved by the seal first, but for `salvage`, which may give anything; nothing that is
 * read refers to the bytes that it was read from.
 */
import { crc32 } from 'node:zlib'
import type { EntryParts } from '../model/entry.ts'
import { StaleproofError } from '../model/errors.ts'
import type { Policy } from '../model/policy.ts'
import { seal, unseal } from './codec.ts'
import { decoded, encodedText, encodingOf, forms, writeEncoded, type Encoded, type Form } from './encoded.ts'

export const entryVersion = 1

/** A file with a value: the name it has, and what proves that it is what was written. */
export interface ValueFile {
  readonly writer: number
  readonly number: number
  readonly length: number
  readonly crc: number
}

/** An entry as it stands in its row. Of another generation than the reader's: '' stands for that. */
export interface StoredEntry extends EntryParts {
  readonly form: Form
  readonly file: ValueFile | undefined
  /** Latest moment at which any copy of it can be served, ms since 1970. */
  readonly goneAt: number
  /** Its place in the order of eviction when it was stored. */
  readonly sequence: number
  /** What it takes on the disk, index and file included. */
  readonly storedBytes: number
}

export interface ToStore {
  readonly entry: EntryParts
  readonly value: Encoded
  readonly file: ValueFile | undefined
  readonly sequence: number
  /** Bytes that the index of it takes. */
  readonly indexBytes: number
}

const fixedBytes = 96
const fileBytes = 28
const isInFile = 8
const isError = 16
const encodings = ['ascii', 'text', 'wide'] as const

export class Format {
  readonly #generation: string
  readonly #life: number
  readonly #policyOf: (name: string) => Policy

  constructor(generation: string, policyOf: (name: string) => Policy) {
    this.#generation = generation
    this.#life = crc32(generation)
    this.#policyOf = policyOf
  }

  encode({ entry, value, file, sequence, indexBytes }: ToStore): Buffer {
    const names = encodedText(entry.key + entry.policy.name + entry.dependencies.join(''))
    const lengthsBytes = 2 * (1 + entry.dependencies.length)
    const valueAt = fixedBytes + lengthsBytes + names.length
    const bytes = Buffer.allocUnsafe(valueAt + (file === undefined ? value.length : fileBytes))
    bytes[4] = entryVersion
    bytes[5] =
      forms.indexOf(value.form) |
      (file === undefined ? 0 : isInFile) |
      (entry.kind === 'error' ? isError : 0) |
      (encodings.indexOf(names.form) << 5)
    bytes.writeUInt16LE(entry.policy.name.length, 6)
    bytes.writeUInt32LE(this.#life, 8)
    bytes.writeUInt32LE(entry.directCount, 12)
    bytes.writeUInt32LE(entry.dependencies.length, 16)
    bytes.writeUInt32LE(names.length, 20)
    const goneAt = goneAtOf(entry, entry.kind === 'value' && entry.value !== undefined)
    const storedBytes = pageBytesOf(bytes.length) + (file?.length ?? 0) + indexBytes
    writeNumbers(bytes, [
      ...[entry.stamp, entry.keyStamp, entry.storedAt, entry.ttlMs, entry.capAt, goneAt],
      ...[sequence, entry.sizeBytes, storedBytes],
    ])
    writeLengths(bytes, entry)
    writeEncoded(names, bytes, fixedBytes + lengthsBytes)
    if (file === undefined) writeEncoded(value, bytes, valueAt)
    else writeFile(bytes, valueAt, file)
    return seal(bytes)
  }

  /** With its value, if that is in the row. @throws E_DISK_DAMAGED */
  decode(bytes: Buffer): StoredEntry {
    return this.#read(prove(bytes), true)
  }

  /** Without its value. @throws E_DISK_DAMAGED */
  head(bytes: Buffer): StoredEntry {
    return this.#read(prove(bytes), false)
  }

  /** What can be read of bytes that do not prove themselves, to find what belonged to them. */
  salvage(bytes: Buffer): StoredEntry | undefined {
    try {
      return this.#read(bytes, false)
    } catch {
      return undefined
    }
  }

  #read(bytes: Buffer, withValue: boolean): StoredEntry {
    const flags = bytes[5] as number
    const count = bytes.readUInt32LE(16)
    const namesAt = fixedBytes + 2 * (1 + count)
    const valueAt = namesAt + bytes.readUInt32LE(20)
    const names = bytes.toString(encodingOf[encodings[(flags >> 5) & 3] ?? 'text'], namesAt, valueAt)
    const keyEnd = bytes.readUInt16LE(fixedBytes)
    const policyEnd = keyEnd + bytes.readUInt16LE(6)
    const form = forms[flags & 7] ?? 'none'
    const isHere = (flags & isInFile) === 0
    return {
      key: names.slice(0, keyEnd),
      value: withValue && isHere ? decoded(form, bytes, { start: valueAt, end: bytes.length }) : undefined,
      kind: (flags & isError) === 0 ? 'value' : 'error',
      policy: this.#policyOf(names.slice(keyEnd, policyEnd)),
      dependencies: count === 0 ? [] : readNames(bytes, names, { count, from: policyEnd }),
      directCount: bytes.readUInt32LE(12),
      generation: bytes.readUInt32LE(8) === this.#life ? this.#generation : '',
      stamp: bytes.readDoubleLE(24),
      keyStamp: bytes.readDoubleLE(32),
      storedAt: bytes.readDoubleLE(40),
      ttlMs: bytes.readDoubleLE(48),
      capAt: bytes.readDoubleLE(56),
      goneAt: bytes.readDoubleLE(64),
      sequence: bytes.readDoubleLE(72),
      sizeBytes: bytes.readDoubleLE(80),
      storedBytes: bytes.readDoubleLE(88),
      form,
      file: isHere ? undefined : readFile(bytes, valueAt),
    }
  }
}

export function storedBytesOf(bytes: Buffer): number {
  return bytes.readDoubleLE(88)
}

function prove(bytes: Buffer): Buffer {
  unseal(bytes, 'an entry')
  if (bytes.length >= fixedBytes && bytes[4] === entryVersion) return bytes
  throw new StaleproofError(
    'E_DISK_DAMAGED',
    `an entry is of format ${bytes[4] ?? 'none'}, and this version knows ${entryVersion} only`,
  )
}

function writeNumbers(bytes: Buffer, numbers: readonly number[]): void {
  let at = 24
  for (const number of numbers) at = bytes.writeDoubleLE(number, at)
}

function writeLengths(bytes: Buffer, { key, dependencies }: EntryParts): void {
  let at = bytes.writeUInt16LE(key.length, fixedBytes)
  for (const name of dependencies) at = bytes.writeUInt16LE(name.length, at)
}

function readNames(bytes: Buffer, names: string, { count, from }: { count: number; from: number }): string[] {
  const found: string[] = []
  let start = from
  for (let i = 1; i <= count; i++) {
    const end = start + bytes.readUInt16LE(fixedBytes + 2 * i)
    found.push(names.slice(start, end))
    start = end
  }
  return found
}

function writeFile(bytes: Buffer, at: number, { writer, number, length, crc }: ValueFile): void {
  bytes.writeDoubleLE(writer, at)
  bytes.writeDoubleLE(number, at + 8)
  bytes.writeDoubleLE(length, at + 16)
  bytes.writeUInt32LE(crc, at + 24)
}

function readFile(bytes: Buffer, at: number): ValueFile {
  return {
    writer: bytes.readDoubleLE(at),
    number: bytes.readDoubleLE(at + 8),
    length: bytes.readDoubleLE(at + 16),
    crc: bytes.readUInt32LE(at + 24),
  }
}

/** Extended to the utmost, and served in grace to the end; what is no good is neither (ttl/lifetime.ts). */
export function goneAtOf(entry: EntryParts, isGood: boolean): number {
  const { policy, storedAt, ttlMs, capAt } = entry
  const isExtended = isGood && policy.accessMultiplier > 1
  const lifetimeMs = isExtended ? Math.max(ttlMs, policy.maxExtensionMs) : ttlMs
  return Math.min(storedAt + lifetimeMs, capAt) + (isGood ? policy.graceMs : 0)
}

/**
 * What LMDB takes for a row of so many bytes (mdb.c): a node in a page that is shared, three quarters of which are
 * used on average; or pages of its own, if fewer than two would fit in one.
 */
export function pageBytesOf(rowBytes: number): number {
  return rowBytes > sharedRowBytesMax
    ? Math.ceil((rowBytes + 16) / pageBytes) * pageBytes
    : Math.ceil(rowBytes / pageFill)
}

const pageBytes = 4096
const sharedRowBytesMax = 1950
export const pageFill = 0.75
