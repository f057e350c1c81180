/**
 * Options, and words of them, that nobody knows are mistakes, and JavaScript would not tell.
 */
import { StaleproofError, type ErrorCode } from './errors.ts'

/** @throws E_OPTIONS_INVALID if `options` has a member that is not among `known` */
export function checkKnown(options: object | undefined, known: readonly string[], what: string): void {
  for (const name of Object.keys(options ?? {})) {
    if (known.includes(name)) continue
    throw new StaleproofError(
      'E_OPTIONS_INVALID',
      `${what} has no option '${name}'; it has ${known.join(', ')}`,
      { details: { what, option: name, known } },
    )
  }
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
