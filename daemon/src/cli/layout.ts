/**
 * How tables, times and quantities look in a terminal: pure functions of what is shown.
 */
import { stripVTControlCharacters } from 'node:util'

/** Columns as wide as their widest cell; the last one is not padded. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => width(row[column] ?? ''))))
  const line = (row: readonly string[]) =>
    row
      .map((cell, column) => cell + ' '.repeat((widths[column] ?? 0) - width(cell)))
      .join('  ')
      .trimEnd()
  return rows.map(line).join('\n')
}

/** What others named, on one line: control characters would play with the terminal. */
export function safe(text: string): string {
  return text.replaceAll(
    /[\u0000-\u001f\u007f-\u009f]/g,
    (char) => `\\x${char.charCodeAt(0).toString(16).padStart(2, '0')}`,
  )
}

/** `2026-01-31 12:00:05`, in local time. */
export function moment(ms: number): string {
  const date = new Date(ms)
  const local = new Date(ms - date.getTimezoneOffset() * 60_000)
  return local.toISOString().slice(0, 19).replace('T', ' ')
}

const units: readonly (readonly [string, number])[] = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1000],
]

/** `1h 5m`, `12s`, `250ms`: the two largest units. */
export function span(ms: number): string {
  if (Math.abs(ms) < 1000) return `${Math.round(ms)}ms`
  let rest = ms
  const parts = units.flatMap(([unit, length]) => {
    const count = Math.trunc(rest / length)
    rest -= count * length
    return count === 0 ? [] : [`${count}${unit}`]
  })
  return parts.slice(0, 2).join(' ')
}

/** `12 B`, `4.0 kB`, `1.5 MB`: powers of 1024. */
export function bytes(count: number): string {
  if (count < 1024) return `${count} B`
  const power = Math.min(3, Math.floor(Math.log(count) / Math.log(1024)))
  return `${(count / 1024 ** power).toFixed(1)} ${['B', 'kB', 'MB', 'GB'][power]}`
}

export function plural(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`
}

function width(cell: string): number {
  return stripVTControlCharacters(cell).length
}
