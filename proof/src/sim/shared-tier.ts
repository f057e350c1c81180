/**
 * The tier that the nodes of the simulation share, on the simulated Redis, as one node has it: the way of redis/settle.ts
 * and redis/removal.ts.
 *
 *   settle: look -> admit (here) -> store, if all that was asked for is as it was -> else look again
 *   delete: look at what stands -> judge (here) -> remove what is as it was -> look at the others again
 */
import type { Admit, EntryParts as Entry, Head, SharedTier } from 'staleproof'
import type { Connection } from './link.ts'
import type { Member } from './parts.ts'
import type { Operation } from './operation.ts'
import { SeenHold } from './seen-hold.ts'

export interface SimulatedTierParts {
  readonly asking: Connection
  readonly member: Member
  readonly isAlwaysShared: boolean
  readonly isInvalid: (head: Head) => boolean
}

const roundsMax = 50

export class SimulatedTier implements SharedTier {
  readonly name = 'shared'
  readonly #parts: SimulatedTierParts

  constructor(parts: SimulatedTierParts) {
    this.#parts = parts
  }

  get isShared(): boolean {
    return this.#parts.isAlwaysShared || this.#parts.member.others > 0
  }

  /** Of whatever generation: the library's tier on Redis would leave that out, and so does who reads. */
  get(key: string): Promise<Entry | undefined> {
    return this.#parts.asking.ask('value', [key], this.#operation)
  }

  async put(entry: Entry): Promise<void> {
    await this.settle(entry, () => entry)
  }

  async settle(entry: Entry, admit: Admit): Promise<Entry | undefined> {
    const { asking, member, isInvalid } = this.#parts
    if (entry.generation !== member.generation) return undefined
    // What others get is what there was when it was sent.
    const operation: Operation = { ...this.#operation, entry: { ...entry } }
    const names = new Set([entry.key, ...entry.dependencies.slice(0, entry.directCount)])
    for (let round = 0; round < roundsMax; round++) {
      const look = await asking.ask('look', [member.since()], operation)
      const hold = new SeenHold(look, { member, names, isInvalid })
      if (entry.generation !== member.generation) return undefined
      const settled = await this.#store(admit(hold), hold, operation)
      if (settled !== 'again') return settled
    }
    throw new Error('others write to the tier again and again')
  }

  async delete(keys: readonly string[], isValid: (head: Head) => boolean = () => false): Promise<number> {
    const { asking, member } = this.#parts
    const operation = this.#operation
    let [left, removed] = [[...new Set(keys)], 0]
    while (left.length > 0) {
      const standing = await asking.ask('standing', [left], operation)
      const { generation } = member
      const rows = standing.flatMap((one) => {
        if (one === undefined) return []
        const isOurs = one.entry.generation === generation
        return isOurs && isValid(one.entry) ? [] : [{ key: one.entry.key, version: one.version, isOurs }]
      })
      if (rows.length === 0) break
      const outcomes = await asking.ask('removeIf', [{ generation, rows }], operation)
      removed += outcomes.filter((outcome) => outcome === 'removed').length
      left = rows.flatMap(({ key }, i) => (outcomes[i] === 'changed' ? [key] : []))
    }
    return removed
  }

  async ended(keys: readonly string[]): Promise<void> {
    const operation = this.#operation
    await this.#parts.asking.ask('end', [keys, operation.generation], operation)
  }

  async held(keys: readonly string[]): Promise<readonly Entry[]> {
    const standing = await this.#parts.asking.ask('standing', [[...new Set(keys)]], this.#operation)
    const { generation } = this.#parts.member
    return standing.flatMap((one) => (one?.entry.generation === generation ? [one.entry] : []))
  }

  dependents(names: readonly string[]): Promise<readonly string[]> {
    const operation = this.#operation
    return this.#parts.asking.ask('dependents', [names, operation.generation], operation)
  }

  withPrefix(prefix: string): Promise<readonly string[]> {
    return this.#parts.asking.ask('withPrefix', [prefix], this.#operation)
  }

  async close(): Promise<void> {}

  get #operation(): Operation {
    return { generation: this.#parts.member.generation, asked: [] }
  }

  /** @returns undefined: nothing is to be kept */
  async #store(
    admitted: Entry | undefined,
    hold: SeenHold,
    operation: Operation,
  ): Promise<Entry | undefined | 'again'> {
    const { asking, member } = this.#parts
    let isStored = false
    try {
      if (!hold.hasLog || admitted === undefined || hold.isNewer(admitted)) return undefined
      if (hold.announced.length > 0 && hold.tail === undefined) return 'again'
      operation.asked.push(hold.asked)
      const entry = { ...admitted }
      const stored = await asking.ask('storeIf', [hold.storing(entry, member.since())], operation)
      isStored = stored.isStored
      member.take(stored.said)
      return isStored ? admitted : 'again'
    } finally {
      if (!isStored) for (const { nonce } of hold.announced) member.disown(nonce)
    }
  }
}
