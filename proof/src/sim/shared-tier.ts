/**
 * The tier that the nodes of the simulation share, on the simulated Redis, as one node has it.
 *
 * An entry is settled in two steps: what there is, is read together with how the log stands; what was decided by that
 * is written if nothing has changed since.
 *
 *   look -> admit (here) -> write, if log and tier are as they were -> else look again
 */
import type { Admit, EntryParts as Entry, Head, Hold, SharedTier } from 'staleproof'
import type { Connection } from './link.ts'
import type { Change, Member, Said, Since, Told } from './parts.ts'
import type { Redis } from './redis.ts'
import type { Store } from './store.ts'

export interface SimulatedTierParts {
  readonly asking: Connection
  readonly member: Member
  readonly isAlwaysShared: boolean
}

/** What was seen of the server in one step; nothing of it is altered later. */
interface Seen extends Pick<Store, 'entries' | 'ended'> {
  readonly said: Said
  readonly since: Since
}

interface Announced {
  readonly record: Omit<Told, 'n'>
}

const roundsMax = 4

export class SimulatedTier implements SharedTier {
  readonly name = 'shared'
  readonly #parts: SimulatedTierParts

  constructor(parts: SimulatedTierParts) {
    this.#parts = parts
  }

  get isShared(): boolean {
    return this.#parts.isAlwaysShared || this.#parts.member.others > 0
  }

  get(key: string): Promise<Entry | undefined> {
    return this.#parts.asking.ask((redis) => redis.entry(key))
  }

  async put(entry: Entry): Promise<void> {
    await this.settle(entry, () => entry)
  }

  async settle(entry: Entry, admit: Admit): Promise<Entry | undefined> {
    for (let round = 0; round < roundsMax; round++) {
      const seen = await this.#look()
      if (entry.generation !== this.#parts.member.generation) return undefined
      const announced: Announced[] = []
      const admitted = admit(this.#hold(seen, announced))
      if (admitted === undefined) return undefined
      const settled = await this.#write(admitted, { seen, announced: announced[0] })
      if (settled !== 'again') return settled
    }
    throw new Error('others write to the tier again and again')
  }

  async delete(keys: readonly string[], isValid: (head: Head) => boolean = () => false): Promise<number> {
    const { asking, member } = this.#parts
    const found = await asking.ask((redis) => heldBy(redis, keys))
    const invalid = found.filter((entry) => entry.generation !== member.generation || !isValid(entry))
    if (invalid.length === 0) return 0
    const n = Math.floor(member.applied)
    const { generation } = member
    return asking.ask((redis) => deleteAll(redis, invalid, redis.generation() === generation ? n : undefined))
  }

  held(keys: readonly string[]): Promise<readonly Entry[]> {
    return this.#parts.asking.ask((redis) => heldBy(redis, keys))
  }

  dependents(names: readonly string[]): Promise<readonly string[]> {
    return this.#parts.asking.ask((redis) =>
      [...redis.store.entries.values()]
        .filter(({ key, dependencies }) => names.some((name) => name === key || dependencies.includes(name)))
        .map(({ key }) => key),
    )
  }

  withPrefix(prefix: string): Promise<readonly string[]> {
    return this.#parts.asking.ask((redis) =>
      [...redis.store.entries.values()]
        .filter(({ key, dependencies }) => [key, ...dependencies].some((name) => name.startsWith(prefix)))
        .map(({ key }) => key),
    )
  }

  async close(): Promise<void> {}

  async #look(): Promise<Seen> {
    const { asking, member } = this.#parts
    const since = member.since()
    const seen = await asking.ask((redis) => ({
      entries: redis.store.entries,
      ended: redis.store.ended,
      said: redis.say(since),
    }))
    return { ...seen, since }
  }

  #hold({ entries, ended, said }: Seen, announced: Announced[]): Hold {
    const { member } = this.#parts
    const isCurrent = member.take(said)
    const { generation } = member
    return {
      headOf: (name) => {
        const entry = entries.get(name)
        return entry?.generation === generation ? entry : undefined
      },
      endedAt: (name) => ended.get(name) ?? 0,
      dependentsOf: (name) =>
        [...entries.values()].filter((entry) => {
          return entry.generation === generation && entry.dependencies.includes(name)
        }),
      isCurrent,
      announce: (key, before) => {
        const change: Change = { kind: 'change', names: [key] }
        announced.push({ record: member.own(change, before) })
        return Math.floor(member.applied) + 1
      },
    }
  }

  /** @returns undefined: what is held is newer */
  async #write(
    entry: Entry,
    { seen, announced }: { readonly seen: Seen; readonly announced: Announced | undefined },
  ): Promise<Entry | undefined | 'again'> {
    const { asking, member } = this.#parts
    const since = member.since()
    try {
      const { done, said } = await asking.ask((redis) => {
        return { done: writeTo(redis, { entry, seen, since, announced }), said: redis.say(since) }
      })
      member.take(said)
      if (done === 'older') return undefined
      return done === 'written' ? entry : 'again'
    } finally {
      if (announced !== undefined) member.disown(announced.record.nonce)
    }
  }
}

interface Write {
  readonly entry: Entry
  readonly seen: Seen
  readonly since: Since
  readonly announced: Announced | undefined
}

/** One atomic step. */
function writeTo(redis: Redis, { entry, seen, since, announced }: Write): 'written' | 'older' | 'again' {
  const { entries } = redis.store
  const isSame = entries === seen.entries && redis.store.ended === seen.ended
  if (!isSame && sightOf(redis.store, entry) !== sightOf(seen, entry)) return 'again'
  if (redis.generation() !== entry.generation) return 'older'
  if (announced !== undefined && !redis.isAt(since)) return 'again'
  const known = entries.get(entry.key)
  if (known !== undefined && known.generation === entry.generation && known.stamp > entry.stamp)
    return 'older'
  redis.putEntry(entry)
  if (announced !== undefined) redis.appendAt(since, announced.record)
  return 'written'
}

/** All that a decision about the entry rests on, as text. */
function sightOf({ entries, ended }: Pick<Store, 'entries' | 'ended'>, { key, dependencies }: Entry): string {
  const names = [key, ...dependencies].flatMap((name) => {
    const entry = entries.get(name)
    return [
      name,
      entry?.generation,
      entry?.stamp,
      entry?.keyStamp,
      ...(entry?.dependencies ?? []),
      ended.get(name),
    ]
  })
  const dependents = [...entries.values()].filter((entry) => entry.dependencies.includes(key))
  return [...names, ...dependents.map((entry) => `${entry.key} ${entry.stamp} ${entry.generation}`)].join()
}

function heldBy(redis: Redis, keys: readonly string[]): readonly Entry[] {
  return [...new Set(keys)].flatMap((key) => redis.entry(key) ?? [])
}

/** Those that are still what was judged. */
function deleteAll(redis: Redis, judged: readonly Entry[], n: number | undefined): number {
  const same = judged.filter((entry) => redis.entry(entry.key) === entry)
  for (const { key } of same) redis.deleteEntry(key, n)
  return same.length
}
