/**
 * Tiers behind a guard.
 */
import type { EntryParts } from '../model/entry.ts'
import type { Admit, Answer, Settled, SharedTier, Tier } from '../tiers/contract.ts'
import { Guard, type GuardParts } from './guard.ts'

export class GuardedTier implements Tier {
  readonly name: string
  readonly guard: Guard
  readonly #tier: Tier
  readonly #isValid: GuardParts['isValid']

  constructor(tier: Tier, parts: GuardParts) {
    this.#isValid = parts.isValid
    this.name = tier.name
    this.guard = new Guard(tier, parts)
    this.#tier = tier
  }

  /** At once, if the tier answers at once: on the path of every hit below memory, hence without a closure. */
  get(key: string): Answer<EntryParts | undefined> {
    if (!this.guard.isSound) return this.guard.ask(async () => this.#tier.get(key))
    try {
      const answer = this.#tier.get(key)
      return answer instanceof Promise ? this.guard.judged(answer) : answer
    } catch (error) {
      return this.guard.ask(() => Promise.reject(error))
    }
  }

  put(entry: EntryParts): Promise<void> {
    return this.guard.write(() => this.#tier.put(entry))
  }

  /** What is not deleted is owed. */
  async delete(keys: readonly string[]): Promise<number> {
    try {
      return await this.guard.ask(() => this.#tier.delete(keys, this.#isValid))
    } catch (error) {
      this.guard.owe({ names: keys, prefix: null })
      throw error
    }
  }

  held(keys: readonly string[]): Promise<readonly EntryParts[]> {
    return this.guard.ask(() => this.#tier.held(keys))
  }

  dependents(names: readonly string[]): Promise<readonly string[]> {
    return this.guard.ask(() => this.#tier.dependents(names))
  }

  withPrefix(prefix: string): Promise<readonly string[]> {
    return this.guard.ask(() => this.#tier.withPrefix(prefix))
  }

  async close(): Promise<void> {
    await this.guard.close()
    await this.#tier.close()
  }
}

export class GuardedSharedTier extends GuardedTier implements SharedTier {
  readonly #tier: SharedTier

  constructor(tier: SharedTier, parts: GuardParts) {
    super(tier, parts)
    this.#tier = tier
  }

  get isShared(): boolean {
    return this.#tier.isShared
  }

  settle(entry: EntryParts, admit: Admit): Promise<Settled | undefined> {
    return this.guard.write(() => this.#tier.settle(entry, admit))
  }

  ended(keys: readonly string[]): Promise<void> {
    return this.guard.ask(() => this.#tier.ended(keys))
  }
}
