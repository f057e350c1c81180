/**
 * Quantities as people write them: durations in milliseconds, sizes in bytes.
 */
import { StaleproofError } from './errors.ts'

/** Milliseconds, or a number with a unit: `'250ms'`, `'30s'`, `'5m'`, `'1h'`, `'7d'`. */
export type Duration = number | `${number}${'ms' | 's' | 'm' | 'h' | 'd'}`

/** Bytes, or a number with a unit (powers of 1024): `'512b'`, `'64kb'`, `'256mb'`, `'2gb'`. */
export type Size = number | `${number}${'b' | 'kb' | 'mb' | 'gb'}`

const MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }
const BYTES: Readonly<Record<string, number>> = { b: 1, kb: 1024, mb: 1024 ** 2, gb: 1024 ** 3 }

/** Ten years. A longer time is a mistake in units, not a wish. */
const durationMsMax = 10 * 365 * 86_400_000

/**
 * A duration in milliseconds.
 * @throws E_DURATION_INVALID if it is not a finite number >= 0 (or text with a unit) of at most ten years.
 */
export function durationMs(value: Duration, what = 'duration'): number {
  const ms = amount(value, MS)
  if (ms === undefined || ms < 0 || ms > durationMsMax) {
    throw new StaleproofError(
      'E_DURATION_INVALID',
      `${what} is ${show(value)}; give milliseconds >= 0 or a text such as '250ms', '30s', '5m', '1h' or '7d', at most ten years`,
      { details: { what, value } },
    )
  }
  return ms
}

/** A duration that has to be longer than zero, in milliseconds. @throws E_DURATION_INVALID */
export function positiveDurationMs(value: Duration, what: string): number {
  const ms = durationMs(value, what)
  if (ms > 0) return ms
  throw new StaleproofError('E_DURATION_INVALID', `${what} is ${show(value)}; it must be longer than zero`, {
    details: { what, value },
  })
}

/** A size in bytes. @throws E_SIZE_INVALID if it is not a finite number > 0 (or text with a unit). */
export function sizeBytes(value: Size, what = 'size'): number {
  const bytes = amount(value, BYTES)
  if (bytes === undefined || bytes < 1) {
    throw new StaleproofError(
      'E_SIZE_INVALID',
      `${what} is ${show(value)}; give bytes > 0 or a text such as '64kb', '256mb' or '2gb'`,
      { details: { what, value } },
    )
  }
  return Math.floor(bytes)
}

/** A whole number of at least `min`. @throws E_COUNT_INVALID */
export function count(value: number, what: string, min = 1): number {
  if (Number.isSafeInteger(value) && value >= min) return value
  throw new StaleproofError('E_COUNT_INVALID', `${what} is ${show(value)}; give a whole number >= ${min}`, {
    details: { what, value },
  })
}

/** A moment in ms since 1970. @throws E_MOMENT_INVALID */
export function momentMs(ms: number, what: string): number {
  if (typeof ms === 'number' && Number.isFinite(ms)) return ms
  throw new StaleproofError(
    'E_MOMENT_INVALID',
    `${what} is ${show(ms)}; give ms since 1970, as Date.now() does`,
    { details: { what, value: ms } },
  )
}

function amount(value: unknown, units: Readonly<Record<string, number>>): number | undefined {
  if (typeof value === 'number') return Number.isFinite(value) ? value : undefined
  const parts = typeof value === 'string' ? /^\s*(\d+(?:\.\d+)?)\s*([a-z]+)\s*$/i.exec(value) : null
  const unit = parts?.[2] === undefined ? undefined : units[parts[2].toLowerCase()]
  return unit === undefined ? undefined : Number(parts?.[1]) * unit
}

function show(value: unknown): string {
  return typeof value === 'string' ? `'${value}'` : String(value)
}
