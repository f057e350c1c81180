/**
 * Places of the history as text whose bytes sort as places do.
 *
 *   16 digits of the time, as a number of base 16, then 16 of the order of arrival, as one of base 10
 */
import type { Place } from '../invalidation/contract.ts'

const timeDigits = 16
export const placeDigits = 32

/** Negative numbers have their bits turned round, others their sign: then they compare as numbers do (IEEE 754). */
export function timeText(time: number): string {
  const bytes = Buffer.allocUnsafe(8)
  bytes.writeDoubleBE(time)
  const bits = bytes.readBigUInt64BE()
  const sign = 1n << 63n
  const sortable = (bits & sign) === 0n ? bits | sign : bits ^ (2n ** 64n - 1n)
  return sortable.toString(16).padStart(timeDigits, '0')
}

export function placeText({ requestedAt, seq }: Place): string {
  return timeText(requestedAt) + String(seq).padStart(16, '0')
}

export function placeIn(text: string): Place {
  const sortable = BigInt(`0x${text.slice(0, timeDigits)}`)
  const sign = 1n << 63n
  const bytes = Buffer.allocUnsafe(8)
  bytes.writeBigUInt64BE((sortable & sign) === 0n ? sortable ^ (2n ** 64n - 1n) : sortable ^ sign)
  return { requestedAt: bytes.readDoubleBE(), seq: Number(text.slice(timeDigits)) }
}
