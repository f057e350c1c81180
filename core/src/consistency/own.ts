/**
 * Own: the records of this node on their way into the log, and those that came there a short while ago.
 *
 *   own -> sent -> applied here: forgotten, but kept in the ring
 *   own -> not appended: owed, in force here only, sent again
 *
 * The ring is for a new generation: what was acknowledged in the last one may have been in the tail that was lost. What
 * was declared is not in it, and what was appended for a debt not before that is paid.
 */
import type { Alongside, Change } from '../log/contract.ts'
import type { Position } from '../model/position.ts'
import type { Told } from './contract.ts'

export interface Sending {
  readonly change: Change
  readonly before: ((n: number) => void) | undefined
  readonly alongside: Alongside | undefined
}

/** One whose sender waits for its position. */
export interface Pending extends Sending {
  readonly resolve: (position: Position) => void
  readonly reject: (error: unknown) => void
}

const ringMax = 4096
/** What they amount to is known in one piece: one by one, and out of order, they could undo what came after them. */
export const declaring: ReadonlySet<string> = new Set<Change['kind']>(['link', 'unlink', 'rule', 'unrule'])

export class Own {
  readonly #byNonce = new Map<string, Sending>()
  readonly #ring: Change[] = []
  /** Nonces of what was appended for the debt last. */
  #forDebt: ReadonlySet<string> = new Set()

  expect(nonce: string, sending: Sending): void {
    this.#byNonce.set(nonce, sending)
  }

  disown(nonce: string): void {
    this.#byNonce.delete(nonce)
  }

  /** It is about to be applied here. @returns what was to be done then; undefined: it is not one that is waited for */
  take({ nonce, change }: Told, isOurs: boolean): Sending | undefined {
    if (isOurs && !this.#forDebt.has(nonce)) this.remember(change)
    const sending = this.#byNonce.get(nonce)
    this.#byNonce.delete(nonce)
    return sending
  }

  /** Oldest first; each call gives them once. */
  takeRing(): Change[] {
    return this.#ring.splice(0)
  }

  /** It is in the debt until that is paid. */
  areForDebt(records: readonly Pick<Told, 'nonce'>[]): void {
    this.#forDebt = new Set(records.map(({ nonce }) => nonce))
  }

  remember(change: Change): void {
    if (!declaring.has(change.kind)) this.#ring.push(change)
    if (this.#ring.length > ringMax) this.#ring.shift()
  }
}
