/**
 * Format: the bytes of an entry. Version 1, little endian; the value comes first, so that it is decoded where it lies:
 *
 *         the value, or of its file: f64 writer, f64 number, f64 length, u32 CRC-32
 *         u16 length of the key, and of each dependency, in UTF-16 units
 *         the names as one text: key, policy, dependencies
 *   -100  f64  stamp, keyStamp, storedAt, ttlMs, capAt, goneAt, sequence, sizeBytes, storedBytes
 *    -28  u32  bytes of the names
 *    -24  u32  dependencies
 *    -20  u32  dependencies that are direct
 *    -16  u32  life: CRC-32 of the generation
 *    -12  u32  length of the policy's name
 *     -8  u8   0
 *     -7  u8   form of the value
 *     -6  u8   bit 0 it is in a file, 1 an error, 2-3 encoding of the names
 *     -5  u8   version
 *     -4  u32  seal: CRC-32 of all before it
 *
 * Invariants: what is read was proved by the seal first, but for `salvage`, which may give anything; nothing that is
 * read refers to the bytes that it was read from.
 */
import { crc32 } from 'node:zlib'
import type { EntryParts } from '../model/entry.ts'
import { StaleproofError } from '../model/errors.ts'
import type { Policy } from '../model/policy.ts'
import { checksum, viewOf } from './checksum.ts'
import { sealBytes } from './codec.ts'
import { decoded, encodedText, forms, textOf, writeEncoded, type Encoded, type Form } from './encoded.ts'

const entryVersion = 1

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

const fixedBytes = 100
const fileBytes = 28
const isInFile = 1
const isError = 2
const encodings = ['ascii', 'text', 'wide'] as const

export class Format {
  readonly generation: string
  readonly #life: number
  readonly #policyOf: (name: string) => Policy

  constructor(generation: string, policyOf: (name: string) => Policy) {
    this.generation = generation
    this.#life = crc32(generation)
    this.#policyOf = policyOf
  }

  encode({ entry, value, file, sequence, indexBytes }: ToStore): Buffer {
    const names = encodedText(entry.key + entry.policy.name + entry.dependencies.join(''))
    const lengthsAt = file === undefined ? value.length : fileBytes
    const namesAt = lengthsAt + 2 * (1 + entry.dependencies.length)
    const fixedAt = namesAt + names.length
    const bytes = Buffer.allocUnsafe(fixedAt + fixedBytes)
    if (file === undefined) writeEncoded(value, bytes, 0)
    else writeFile(bytes, file)
    writeLengths(bytes, lengthsAt, entry)
    writeEncoded(names, bytes, namesAt)
    const goneAt = goneAtOf(entry, entry.kind === 'value' && entry.value !== undefined)
    const storedBytes = pageBytesOf(bytes.length) + (file?.length ?? 0) + indexBytes
    writeNumbers(bytes, fixedAt, [
      ...[entry.stamp, entry.keyStamp, entry.storedAt, entry.ttlMs, entry.capAt, goneAt],
      ...[sequence, entry.sizeBytes, storedBytes],
    ])
    bytes.writeUInt32LE(names.length, fixedAt + 72)
    bytes.writeUInt32LE(entry.dependencies.length, fixedAt + 76)
    bytes.writeUInt32LE(entry.directCount, fixedAt + 80)
    bytes.writeUInt32LE(this.#life, fixedAt + 84)
    bytes.writeUInt32LE(entry.policy.name.length, fixedAt + 88)
    bytes[fixedAt + 92] = 0
    bytes[fixedAt + 93] = forms.indexOf(value.form)
    bytes[fixedAt + 94] =
      (file === undefined ? 0 : isInFile) |
      (entry.kind === 'error' ? isError : 0) |
      (encodings.indexOf(names.form) << 2)
    bytes[fixedAt + 95] = entryVersion
    bytes.writeUInt32LE(crc32(bytes.subarray(0, fixedAt + 96)), fixedAt + 96)
    return bytes
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
    const view = viewOf(bytes)
    const at = bytes.length - fixedBytes
    const flags = view.getUint8(at + 94)
    const count = view.getUint32(at + 76, true)
    const namesAt = at - view.getUint32(at + 72, true)
    const lengthsAt = namesAt - 2 * (1 + count)
    const names = textOf(encodings[flags >> 2], bytes, { start: namesAt, end: at })
    const keyEnd = view.getUint16(lengthsAt, true)
    const policyEnd = keyEnd + view.getUint32(at + 88, true)
    const form = forms[view.getUint8(at + 93)] ?? 'none'
    const isHere = (flags & isInFile) === 0
    return {
      key: names.slice(0, keyEnd),
      value: withValue && isHere ? decoded(form, bytes, lengthsAt) : undefined,
      kind: (flags & isError) === 0 ? 'value' : 'error',
      policy: this.#policyOf(names.slice(keyEnd, policyEnd)),
      dependencies: count === 0 ? [] : readNames(view, names, { count, lengthsAt, from: policyEnd }),
      directCount: view.getUint32(at + 80, true),
      generation: view.getUint32(at + 84, true) === this.#life ? this.generation : '',
      stamp: view.getFloat64(at, true),
      keyStamp: view.getFloat64(at + 8, true),
      storedAt: view.getFloat64(at + 16, true),
      ttlMs: view.getFloat64(at + 24, true),
      capAt: view.getFloat64(at + 32, true),
      goneAt: view.getFloat64(at + 40, true),
      sequence: view.getFloat64(at + 48, true),
      sizeBytes: view.getFloat64(at + 56, true),
      storedBytes: view.getFloat64(at + 64, true),
      form,
      file: isHere ? undefined : readFile(view),
    }
  }
}

/** The format of the generation that a log is in now: what is of another is known as foreign. */
export class CurrentFormat {
  readonly #generation: () => string
  readonly #policyOf: (name: string) => Policy
  #format: Format | undefined

  constructor(generation: () => string, policyOf: (name: string) => Policy) {
    this.#generation = generation
    this.#policyOf = policyOf
  }

  get now(): Format {
    const generation = this.#generation()
    if (this.#format?.generation === generation) return this.#format
    this.#format = new Format(generation, this.#policyOf)
    return this.#format
  }
}

export function storedBytesOf(bytes: Buffer): number {
  return bytes.readDoubleLE(bytes.length - fixedBytes + 64)
}

function prove(bytes: Buffer): Buffer {
  const end = bytes.length - sealBytes
  if (end < 0 || viewOf(bytes).getUint32(end, true) !== checksum(bytes, end)) {
    throw new StaleproofError('E_DISK_DAMAGED', 'an entry is not what was written: its checksum does not fit')
  }
  const version = bytes[end - 1]
  if (version === entryVersion && bytes.length >= fixedBytes) return bytes
  throw new StaleproofError(
    'E_DISK_DAMAGED',
    `an entry is of format ${version ?? 'none'}, and this version knows ${entryVersion} only`,
  )
}

function writeNumbers(bytes: Buffer, from: number, numbers: readonly number[]): void {
  let at = from
  for (const number of numbers) at = bytes.writeDoubleLE(number, at)
}

function writeLengths(bytes: Buffer, from: number, { key, dependencies }: EntryParts): void {
  let at = bytes.writeUInt16LE(key.length, from)
  for (const name of dependencies) at = bytes.writeUInt16LE(name.length, at)
}

interface NamesAt {
  readonly count: number
  readonly lengthsAt: number
  readonly from: number
}

function readNames(view: DataView, names: string, { count, lengthsAt, from }: NamesAt): string[] {
  const found: string[] = []
  let start = from
  for (let i = 1; i <= count; i++) {
    const end = start + view.getUint16(lengthsAt + 2 * i, true)
    found.push(names.slice(start, end))
    start = end
  }
  return found
}

function writeFile(bytes: Buffer, { writer, number, length, crc }: ValueFile): void {
  bytes.writeDoubleLE(writer, 0)
  bytes.writeDoubleLE(number, 8)
  bytes.writeDoubleLE(length, 16)
  bytes.writeUInt32LE(crc, 24)
}

function readFile(view: DataView): ValueFile {
  return {
    writer: view.getFloat64(0, true),
    number: view.getFloat64(8, true),
    length: view.getFloat64(16, true),
    crc: view.getUint32(24, true),
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
function pageBytesOf(rowBytes: number): number {
  return rowBytes > sharedRowBytesMax
    ? Math.ceil((rowBytes + 16) / pageBytes) * pageBytes
    : Math.ceil(rowBytes / pageFill)
}

const pageBytes = 4096
const sharedRowBytesMax = 1950
export const pageFill = 0.75
