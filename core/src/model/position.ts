/**
 * A place in the log of invalidations.
 *
 * Invariants: `n` is dense and grows by 1 within a generation; positions of two generations are never compared.
 */
export interface Position {
  readonly generation: string
  readonly n: number
}
