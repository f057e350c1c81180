/**
 * Logged: what was acknowledged, against what a replica has that is promoted.
 *
 * With replicas that are waited for, whatever was acknowledged stands in the log of the one that is promoted. Positions are
 * compared within one generation only; what was asked for before the primary lost something itself is not counted.
 */
import type { Word } from './said.ts'

/** The end of the log of a replica, when it was promoted. */
export interface Promotion {
  readonly generation: string
  readonly n: number
}

type Acknowledged = Extract<Word, { say: 'logged' }>

export class Logged {
  readonly #acknowledged: Acknowledged[] = []
  readonly #promotions: (Promotion & { readonly lostAt: number })[] = []
  readonly #fault: (text: string) => void
  /** When the primary lost something last, by itself. */
  #lostAt = 0
  /** Acknowledgements that were held against a promotion. */
  compared = 0

  constructor(fault: (text: string) => void) {
    this.#fault = fault
  }

  lost(at: number): void {
    this.#lostAt = at
  }

  take(word: Acknowledged): void {
    this.#acknowledged.push(word)
    // Said before the promotion, perhaps, and read after it.
    for (const promotion of this.#promotions) this.#compare(word, promotion)
  }

  promoted(promotion: Promotion): void {
    const known = { ...promotion, lostAt: this.#lostAt }
    this.#promotions.push(known)
    for (const word of this.#acknowledged) this.#compare(word, known)
  }

  #compare({ token, began }: Acknowledged, { generation, n, lostAt }: Promotion & { lostAt: number }): void {
    const [of, position] = token.split('.')
    if (of !== generation || began <= lostAt) return
    this.compared++
    if (Number(position) > n)
      this.#fault(`record ${token} was acknowledged, and the promoted replica has ${n} records of that log`)
  }
}
