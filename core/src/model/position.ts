/**
 * A place in the log of invalidations.
 *
 * Invariants: `n` is dense and grows by 1 within a generation; positions of two generations are never compared.
 */
import { StaleproofError } from './errors.ts'

export interface Position {
  readonly generation: string
  readonly n: number
}

/** What the generation is called while it is not known: nothing is of it. */
export const unknownGeneration = 'unknown'

/** A position as text, for programs that hold it for us: what they loaded is no older than that. */
export function tokenOf({ generation, n }: Position): string {
  // What is in force between two positions is in this process only: nobody else could tell.
  return `${generation}.${Math.floor(n)}`
}

/** @throws E_TOKEN_INVALID */
export function parseToken(token: string): Position {
  const parts = /^([\w-]+)\.(\d{1,15})$/.exec(token)
  if (parts !== null) return { generation: parts[1] as string, n: Number(parts[2]) }
  throw new StaleproofError(
    'E_TOKEN_INVALID',
    `'${String(token).slice(0, 80)}' is not a token of a cache; hand back what cache.token() or a result gave`,
  )
}
