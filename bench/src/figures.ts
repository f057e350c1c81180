/**
 * Figures: what was measured, how far it scattered, and whether it is what was promised.
 *
 * A speed is a ratio: the machine is shared and drifts, so that absolute times of two runs say little about
 * each other. What is compared has run in turns, and the ratio is taken round by round.
 */

export interface Figure {
  readonly median: number
  /** The middle 80 % of the rounds lie between these. */
  readonly low: number
  readonly high: number
  readonly min: number
  readonly max: number
  readonly rounds: number
  readonly unit: string
}

export interface Row {
  readonly name: string
  /** Column -> what was measured; a column that is missing was not. */
  readonly figures: Readonly<Record<string, Figure>>
}

export interface Table {
  readonly title: string
  readonly rows: readonly Row[]
}

export interface Target {
  readonly what: string
  readonly measured: Figure
  readonly limit: number
  readonly met: boolean
}

export interface Report {
  readonly tables: readonly Table[]
  readonly targets: readonly Target[]
}

export function figureOf(values: readonly number[], unit: string): Figure {
  const sorted = values.toSorted((a, b) => a - b)
  const at = (share: number) => sorted[Math.round(share * (sorted.length - 1))] ?? Number.NaN
  return {
    median: at(0.5),
    low: at(0.1),
    high: at(0.9),
    min: at(0),
    max: at(1),
    rounds: values.length,
    unit,
  }
}

/** Round by round: `values` over `base`. */
export function ratioOf(values: readonly number[], base: readonly number[]): Figure {
  return figureOf(
    values.map((value, round) => value / (base[round] as number)),
    'x',
  )
}

/** Met if the median is at most `limit`. */
export function atMost(what: string, measured: Figure, limit: number): Target {
  return { what, measured, limit, met: measured.median <= limit }
}

export function textOf({ median, low, high, rounds, unit }: Figure): string {
  const spread = rounds > 1 && low !== high ? ` (${short(low)}-${short(high)})` : ''
  return `${short(median)}${spread} ${unit}`
}

/** Three digits that count. */
function short(value: number): string {
  if (!Number.isFinite(value)) return String(value)
  if (Math.abs(value) >= 100) return Math.round(value).toLocaleString('en')
  return String(Number(value.toPrecision(value < 0.1 ? 1 : 3)))
}

export function printed({ tables, targets }: Report): string {
  const parts = tables.map((table) => [`\n${table.title}`, ...linesOf(table)].join('\n'))
  const verdicts = targets.map(
    ({ what, measured, limit, met }) =>
      `  ${met ? 'met   ' : 'MISSED'}  ${what}: ${textOf(measured)}, at most ${short(limit)} ${measured.unit}`,
  )
  return [...parts, ...(verdicts.length > 0 ? ['\nTargets', ...verdicts] : [])].join('\n')
}

function linesOf({ rows }: Table): string[] {
  const columns = [...new Set(rows.flatMap(({ figures }) => Object.keys(figures)))]
  const cells = rows.map(({ name, figures }) => [
    name,
    ...columns.map((column) => (figures[column] === undefined ? '' : textOf(figures[column]))),
  ])
  const all = [['', ...columns], ...cells]
  const widths = ['', ...columns].map((_, at) => Math.max(...all.map((line) => (line[at] as string).length)))
  return all.map(
    (line) =>
      `  ${line
        .map((cell, at) => cell.padEnd(widths[at] as number))
        .join('  ')
        .trimEnd()}`,
  )
}
