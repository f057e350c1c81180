/**
 * Checksum: CRC-32 (ISO 3309, as in zlib) of the first bytes of a buffer.
 *
 * A call of zlib costs as much as some 350 bytes take here, eight at a time by eight tables of 256 (Kounavis and Berry,
 * "A systematic approach to building high performance software-based CRC generators", 2005): table k says what a byte
 * amounts to when k more have followed it.
 */
import { crc32 } from 'node:zlib'

const polynomial = 0xedb88320
const shortBytesMax = 350
const tables = tablesOf()

export function checksum(bytes: Buffer, end: number): number {
  return end > shortBytesMax ? crc32(bytes.subarray(0, end)) : ofShort(viewOf(bytes), end)
}

/** Kept with the buffer: LMDB reads into one and the same. */
export function viewOf(bytes: Buffer & { dataView?: DataView }): DataView {
  return (bytes.dataView ??= new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength))
}

function ofShort(view: DataView, end: number): number {
  let crc = -1
  let at = 0
  for (; at + 8 <= end; at += 8) {
    const a = view.getInt32(at, true) ^ crc
    const b = view.getInt32(at + 4, true)
    crc =
      entry(7, a) ^
      entry(6, a >>> 8) ^
      entry(5, a >>> 16) ^
      entry(4, a >>> 24) ^
      entry(3, b) ^
      entry(2, b >>> 8) ^
      entry(1, b >>> 16) ^
      entry(0, b >>> 24)
  }
  for (; at < end; at++) crc = (crc >>> 8) ^ entry(0, crc ^ view.getUint8(at))
  return ~crc >>> 0
}

function entry(table: number, byte: number): number {
  return tables[(table << 8) | (byte & 255)] as number
}

function tablesOf(): Int32Array {
  const all = new Int32Array(8 * 256)
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte
    for (let bit = 0; bit < 8; bit++) crc = (crc & 1) === 0 ? crc >>> 1 : (crc >>> 1) ^ polynomial
    all[byte] = crc
  }
  for (let i = 256; i < all.length; i++) {
    const before = all[i - 256] as number
    all[i] = (before >>> 8) ^ (all[before & 255] as number)
  }
  return all
}
