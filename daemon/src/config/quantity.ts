/**
 * Quantities as people write them, for the settings that the daemon itself needs as numbers.
 *
 * Invariant: the words are those of the library (`Duration`, `Size`), which reads its own options again.
 */
import type { Duration, Size } from 'staleproof'

const lengthsMs: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }
const lengthsBytes: Readonly<Record<string, number>> = { b: 1, kb: 1024, mb: 1024 ** 2, gb: 1024 ** 3 }

/** Ten years, the library's limit. */
const durationMsMax = 10 * 365 * 86_400_000

export function isDuration(value: unknown): value is Duration {
  const ms = amount(value, lengthsMs)
  return ms !== undefined && ms >= 0 && ms <= durationMsMax
}

export function isSize(value: unknown): value is Size {
  const bytes = amount(value, lengthsBytes)
  return bytes !== undefined && bytes >= 1
}

export function durationMs(value: Duration): number {
  return amount(value, lengthsMs) ?? Number.NaN
}

export function sizeBytes(value: Size): number {
  return Math.floor(amount(value, lengthsBytes) ?? Number.NaN)
}

function amount(value: unknown, units: Readonly<Record<string, number>>): number | undefined {
  if (typeof value === 'number') return Number.isFinite(value) ? value : undefined
  const [, digits, unit = ''] = /^\s*(\d+(?:\.\d+)?)\s*([a-z]+)\s*$/i.exec(String(value)) ?? []
  const length = units[unit.toLowerCase()]
  return length === undefined ? undefined : Number(digits) * length
}
