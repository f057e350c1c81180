/**
 * Options that nobody knows are mistakes, and JavaScript would not tell.
 */
import { StaleproofError } from './errors.ts'

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
