/**
 * Look-ups in the tiers below that are under way: whoever asks for the same key meanwhile shares one.
 *
 * Invariant: nothing that was found is referred to from here when its look-up has ended. A map of promises would not do:
 * tables that it has outgrown still refer to what was in them, and once they are old that keeps every value that was read
 * alive until the next full collection, which made a hit of 7.5 kB cost twice as much.
 */
import type { Answer } from '../tiers/contract.ts'
import type { Found } from './held.ts'

interface LookUp {
  found: Promise<Found | undefined> | undefined
}

export class LookUps {
  readonly #look: (key: string) => Answer<Found | undefined>
  readonly #underWay = new Map<string, LookUp>()

  constructor(look: (key: string) => Answer<Found | undefined>) {
    this.#look = look
  }

  /** What is found at once was judged in this tick. */
  find(key: string): Answer<Found | undefined> {
    const shared = this.#underWay.size === 0 ? undefined : this.#underWay.get(key)?.found
    if (shared !== undefined) return shared
    const found = this.#look(key)
    if (!(found instanceof Promise)) return found
    const lookUp: LookUp = { found: undefined }
    lookUp.found = this.#end(key, found, lookUp)
    this.#underWay.set(key, lookUp)
    return lookUp.found
  }

  async #end(key: string, found: Promise<Found | undefined>, lookUp: LookUp): Promise<Found | undefined> {
    try {
      return await found
    } finally {
      this.#underWay.delete(key)
      lookUp.found = undefined
    }
  }
}
