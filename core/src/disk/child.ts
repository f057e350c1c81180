/**
 * Child: a program of this room, to be run by a process of its own, which a page of garbage may end.
 *
 * Invariant: it is what was built, beside what was built, also where the source runs: not every Node runs TypeScript.
 */
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { StaleproofError } from '../model/errors.ts'

/** Exit code of one that could not get the gate: nothing is known of the data then. */
export const keptOut = 9

/** What the reading one says when it begins: who did not get so far tells nothing of the data. */
export const began = 'reading\n'

const here = import.meta.url.replace(/\/src(\/disk\/[^/]+)$/, '/dist$1')

/** @returns its file. @throws E_DISK_FAILED if it is not there: that must not be taken for damage of the data */
export function childProgram(name: 'check-child' | 'salvage-child'): string {
  const file = fileURLToPath(new URL(`${name}.js`, here))
  if (existsSync(file)) return file
  throw new StaleproofError(
    'E_DISK_FAILED',
    `the program ${file}, which reads data that may be damaged, is not there; install staleproof again, and do not bundle it`,
  )
}
