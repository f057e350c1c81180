/**
 * Options, and words of them, that nobody knows are mistakes, and JavaScript would not tell. Nor would it tell well of what is
 * no options at all, or no function.
 */
import { StaleproofError, type ErrorCode } from './errors.ts'

/** Options may be left out. @throws E_OPTIONS_INVALID if they are no object, or have a member that is not among `known` */
export function checkKnown(options: unknown, known: readonly string[], what: string): void {
  if (options === undefined) return
  checkObject(options, what)
  for (const name of Object.keys(options)) {
    if (known.includes(name)) continue
    throw new StaleproofError(
      'E_OPTIONS_INVALID',
      `${what} has no option '${name}'; it has ${known.join(', ')}`,
      { details: { what, option: name, known } },
    )
  }
}

/** @throws E_OPTIONS_INVALID */
export function checkObject(options: unknown, what: string): asserts options is object {
  if (typeof options === 'object' && options !== null && !Array.isArray(options)) return
  throw wrongKind(`${what} takes an object of options`, options)
}

/** @param wanted what takes a function, and which. @throws E_OPTIONS_INVALID */
export function checkFunction(given: unknown, wanted: string): void {
  if (typeof given !== 'function') throw wrongKind(wanted, given)
}

/** @param wanted what takes something to go through, and of what. @throws E_OPTIONS_INVALID */
export function checkList(given: unknown, wanted: string): void {
  if (typeof given !== 'object' || given === null || !(Symbol.iterator in given))
    throw wrongKind(wanted, given)
}

/** Text may be left out. @throws E_OPTIONS_INVALID */
export function checkText(text: unknown, what: string): void {
  if (text === undefined || typeof text === 'string') return
  throw wrongKind(`${what} takes text`, text)
}

/** The word, if it is one of those. @param what it is of, and the code of the error */
export function oneOf<T extends string>(
  word: T,
  all: readonly T[],
  [what, code]: readonly [string, ErrorCode],
): T {
  if (all.includes(word)) return word
  throw new StaleproofError(code, `there is no ${what} '${String(word)}'; use one of ${all.join(', ')}`, {
    details: { [what]: word, known: all },
  })
}

/** What was given, in a word. Not itself: it may be an address with a password in it. */
export function kindOf(given: unknown): string {
  if (given === undefined || given === null) return String(given)
  if (Array.isArray(given)) return 'a list'
  return typeof given === 'object' ? 'an object' : `a ${typeof given}`
}

function wrongKind(wanted: string, given: unknown): StaleproofError {
  return new StaleproofError('E_OPTIONS_INVALID', `${wanted}; ${kindOf(given)} was given`)
}
