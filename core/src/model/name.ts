/**
 * Names: anything that can change. Keys, tags, files and table rows share one space of strings.
 */
import { StaleproofError } from './errors.ts'
import { kindOf } from './known.ts'

/** Longest name, in UTF-8 bytes: a path of the longest length that Linux allows (4096), and its prefix, fit. */
const nameBytesMax = 8192
const halfPair = /\p{Surrogate}/u

/** @throws E_NAME_INVALID if `name` is not a string of 1 to `nameBytesMax` bytes of UTF-8. */
export function checkName(name: unknown, what = 'name'): asserts name is string {
  if (typeof name !== 'string') throw invalid(what, `is ${typeof name}`)
  if (name === '') throw invalid(what, 'is empty')
  // It has no UTF-8 of its own: written down, it would be another name.
  if (halfPair.test(name)) throw invalid(what, 'has half a surrogate pair in it')
  // A UTF-16 unit takes 1 to 3 bytes, so that only lengths in between need counting.
  if (name.length * 3 <= nameBytesMax) return
  const bytes = new TextEncoder().encode(name).byteLength
  if (bytes > nameBytesMax) throw invalid(what, `is ${bytes} bytes long ('${name.slice(0, 40)}...')`)
}

/** One name or several, as a list; what is in it is not looked at. @throws E_NAME_INVALID if it is neither */
export function listOf(names: string | readonly string[] | undefined, what = 'names'): readonly string[] {
  if (typeof names === 'string') return [names]
  if (Array.isArray(names)) return names as readonly string[]
  throw new StaleproofError(
    'E_NAME_INVALID',
    `${what} takes a name or a list of names; ${kindOf(names)} was given`,
    { details: { what } },
  )
}

/** @throws E_NAME_INVALID */
export function checkNames(names: readonly string[], what = 'name'): void {
  for (const name of names) checkName(name, what)
}

function invalid(what: string, problem: string): StaleproofError {
  return new StaleproofError(
    'E_NAME_INVALID',
    `the ${what} ${problem}; give a string of 1 to ${nameBytesMax} bytes`,
    { details: { what } },
  )
}
