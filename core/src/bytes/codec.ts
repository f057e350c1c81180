/**
 * Codec: values as bytes, and bytes that prove that they are what was written.
 *
 *   sealed bytes: CRC-32 of the rest (4 bytes, little endian), then the rest
 *
 * Invariant: what does not prove itself is never decoded.
 */
import { crc32 } from 'node:zlib'
import { Encoder } from 'cbor-x'
import { StaleproofError } from '../model/errors.ts'

/** Keeps Date, Map, Set, BigInt, undefined, typed arrays and references; records would need a dictionary to be kept. */
// Bytes are copied out: what is decoded may stand in a buffer that the next read overwrites.
const cbor = new Encoder({ structuredClone: true, useRecords: false, copyBuffers: true })

/** Keeps no references: for rows of our own, in which there are none. Half as dear. */
const plain = new Encoder({ useRecords: false })

export const sealBytes = 4

export function encode(value: unknown): Buffer {
  return cbor.encode(value)
}

/** Of data of our own: lists, plain objects, text and numbers. @param gap bytes that are left free in front */
export function encodePlain(value: unknown, gap: number): Buffer {
  const written = (plain as unknown as ReusingEncoder).encode(value, reuse | reset)
  const bytes = Buffer.allocUnsafe(gap + written.end - written.start)
  written.copy(bytes, gap, written.start, written.end)
  return bytes
}

/** Its types do not say that it writes into one and the same buffer if it is told to. */
interface ReusingEncoder {
  encode(value: unknown, options: number): Buffer & { readonly start: number; readonly end: number }
}

/** REUSE_BUFFER_MODE: tells where in its buffer it wrote. RESET_BUFFER_MODE: begins at the same place the next time. */
const reuse = 512
const reset = 1024

/** @param end of what is decoded; all of it by default */
export function decode(bytes: Uint8Array, end = bytes.length): unknown {
  return (cbor as unknown as EndedDecoder).decode(bytes, end)
}

/** Its types do not say that it takes an end. */
interface EndedDecoder {
  decode(bytes: Uint8Array, end: number): unknown
}

/** Writes the seal into the first bytes, which are left free for it. */
export function seal(bytes: Buffer): Buffer {
  bytes.writeUInt32LE(crc32(bytes.subarray(sealBytes)), 0)
  return bytes
}

/** @throws E_DISK_DAMAGED */
export function unseal(bytes: Buffer, what: string): Buffer {
  const rest = bytes.subarray(sealBytes)
  if (bytes.length >= sealBytes && bytes.readUInt32LE(0) === crc32(rest)) return rest
  throw new StaleproofError('E_DISK_DAMAGED', `${what} is not what was written: its checksum does not fit`, {
    details: { what },
  })
}

export function sealed(value: unknown): Buffer {
  return seal(Buffer.concat([Buffer.alloc(sealBytes), encode(value)]))
}

/** The same of data of our own. */
export function sealedPlain(value: unknown): Buffer {
  return seal(encodePlain(value, sealBytes))
}

/** @throws E_DISK_DAMAGED */
export function unsealed<T>(bytes: Buffer, what: string): T {
  return decode(unseal(bytes, what)) as T
}
