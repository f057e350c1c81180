/**
 * Keys: numbers and texts as bytes that sort as they do.
 */
import { createHash } from 'node:crypto'
import { crc32 } from 'node:zlib'

export const numberBytes = 8
/** Bytes of a sequence number. */
export const seqBytes = 6
export const seqMax = 2 ** 48 - 1

/** Negative numbers have their bits turned round, others their sign: then bytes compare as numbers do (IEEE 754). */
export function writeNumber(into: Buffer, value: number, at: number): void {
  into.writeDoubleBE(value, at)
  const isNegative = ((into[at] ?? 0) & 0x80) !== 0
  if (!isNegative) into[at] = (into[at] ?? 0) | 0x80
  else for (let i = at; i < at + numberBytes; i++) into[i] = ~(into[i] ?? 0) & 0xff
}

export function readNumber(from: Buffer, at: number): number {
  const bytes = Buffer.from(from.subarray(at, at + numberBytes))
  const isNegative = ((bytes[0] ?? 0) & 0x80) === 0
  if (!isNegative) bytes[0] = (bytes[0] ?? 0) & 0x7f
  else for (let i = 0; i < numberBytes; i++) bytes[i] = ~(bytes[i] ?? 0) & 0xff
  return bytes.readDoubleBE(0)
}

export function seqKey(seq: number): Buffer {
  const key = Buffer.allocUnsafe(seqBytes)
  key.writeUIntBE(seq, 0, seqBytes)
  return key
}

const idBytesMax = 256

/** An id as a key; of one too long for that, a hash. */
export function idBytes(id: string): Buffer {
  const bytes = Buffer.from(id)
  return bytes.length <= idBytesMax ? bytes : createHash('sha256').update(bytes).digest()
}

/** Few bytes for a text: two texts may have the same. */
export function shortHash(text: string): number {
  return crc32(text)
}

/** The least key that is greater than all that begin with this one: a prefix never ends in bytes of 255 only. */
export function afterPrefix(prefix: Buffer): Buffer {
  const end = Buffer.from(prefix)
  end[end.length - 1] = (end.at(-1) ?? 0) + 1
  return end
}

/** The least key that is greater than this one. */
export function afterKey(key: Buffer): Buffer {
  return Buffer.concat([key, Buffer.alloc(1)])
}
