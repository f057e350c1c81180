/**
 * Problems: what is wrong in a configuration, told so that it can be mended without looking anything up.
 *
 * Invariant: one error carries every problem that was found; nobody has to mend, start and read again.
 */
import { StaleproofError } from 'staleproof'

export interface Problem {
  /** `staleproof.yaml:4:9`, `STALEPROOF_PORT`, `--port`. */
  readonly where: string
  /** `sources.files[1].path`; empty for a file that could not be read as YAML. */
  readonly path: string
  readonly found: string
  readonly expected?: string | undefined
  /** The word that was probably meant. */
  readonly suggestion?: string | undefined
}

export type Path = readonly (string | number)[]

/** An error that names every problem; they are in `details.problems` too. */
export function invalidConfig(problems: readonly Problem[]): StaleproofError {
  const count = problems.length === 1 ? 'a problem' : `${problems.length} problems`
  const text = problems.map(describe).join('\n\n')
  return new StaleproofError('E_CONFIG_INVALID', `${count} in the configuration\n\n${text}`, {
    details: { problems },
  })
}

/** `['sources', 'files', 1, 'path']` as `sources.files[1].path`. */
export function pathText(path: Path): string {
  return path.reduce<string>((text, step) => {
    if (typeof step === 'number') return `${text}[${step}]`
    return text === '' ? step : `${text}.${step}`
  }, '')
}

/** What was found, short enough for a line. */
export function show(value: unknown): string {
  if (value === undefined) return 'nothing'
  const text = JSON.stringify(value)
  return text.length > 60 ? `${text.slice(0, 57)}...` : text
}

/** The candidate that is nearest to what was written, if one is near enough to be a slip. */
export function nearest(written: string, candidates: readonly string[]): string | undefined {
  const slipMax = Math.max(1, Math.floor(written.length / 3))
  const ranked = candidates
    .map((candidate) => ({ candidate, distance: distance(written.toLowerCase(), candidate.toLowerCase()) }))
    .filter((one) => one.distance <= slipMax)
    .sort((a, b) => a.distance - b.distance)
  return ranked[0]?.candidate
}

function describe({ where, path, found, expected, suggestion }: Problem): string {
  const lines = [`  ${where}${path === '' ? '' : `  ${path}`}`, `    found     ${found}`]
  if (expected !== undefined) lines.push(`    expected  ${expected}`)
  if (suggestion !== undefined) lines.push(`    did you mean ${suggestion}?`)
  return lines.join('\n')
}

/**
 * Optimal string alignment: insertions, removals, replacements and swaps of neighbours, each part changed once.
 * Source: Boytsov, "Indexing methods for approximate dictionary searching", 2011, section 2.1.
 */
function distance(a: string, b: string): number {
  const rows = [Array.from({ length: b.length + 1 }, (_, column) => column)]
  const at = (i: number, j: number) => rows[i]?.[j] ?? Number.POSITIVE_INFINITY
  for (let i = 1; i <= a.length; i++) {
    rows.push([i])
    for (let j = 1; j <= b.length; j++) {
      const replaced = at(i - 1, j - 1) + (a[i - 1] === b[j - 1] ? 0 : 1)
      const isSwap = a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]
      const swapped = isSwap ? at(i - 2, j - 2) + 1 : Number.POSITIVE_INFINITY
      rows[i]?.push(Math.min(replaced, swapped, at(i - 1, j) + 1, at(i, j - 1) + 1))
    }
  }
  return at(a.length, b.length)
}
