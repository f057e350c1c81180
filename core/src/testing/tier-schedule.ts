/**
 * Schedules of puts and deletes: those of different keys at once, those of one key one after the other.
 */
import type { Tier } from '../tiers/contract.ts'
import type { EntryParts } from '../model/entry.ts'
import { equal, type Plays } from './case.ts'
import { Chance } from './chance.ts'
import { keysOf, Oracle, partsOf, sorted } from './entries.ts'
import type { TierSubject } from './tier-subject.ts'

const seeds: readonly number[] = [1, 2, 3]
const rounds = 20
const names: readonly string[] = ['a', 'a:1', 'a:2', 'b', 'b:1', 'c', 'd', 'e']

type Write = { readonly put: EntryParts } | { readonly keys: readonly string[] }

export const schedulePlays: Plays<TierSubject> = Object.fromEntries(
  seeds.map((seed) => [
    `holds what was put and not deleted, by a schedule of chance (seed ${seed})`,
    (subject: TierSubject) => play(subject, new Chance(seed)),
  ]),
)

async function play(subject: TierSubject, chance: Chance): Promise<void> {
  const { tier } = subject
  const oracle = new Oracle()
  for (let round = 1; round <= rounds; round++) {
    const writes = writesOf(subject, chance)
    const counts = await Promise.all(writes.map((write) => carryOut(tier, write)))
    for (const [i, write] of writes.entries()) {
      const wanted = 'put' in write ? oracle.put(write.put) : oracle.delete(write.keys)
      if ('keys' in write) equal(`round ${round}: delete(${write.keys.join(', ')})`, counts[i], wanted)
    }
    await compare(`round ${round}: `, tier, oracle)
  }
}

/** No key twice. */
function writesOf({ entry }: TierSubject, chance: Chance): Write[] {
  const keys = chance.some(names, 1)
  const deleted = keys.splice(0, chance.below(3))
  const puts = keys.map((key): Write => {
    const dependencies = chance.some(names).filter((name) => name !== key)
    return { put: entry(key, { value: chance.below(1000), stamp: chance.below(5), dependencies }) }
  })
  return deleted.length > 0 ? [...puts, { keys: deleted }] : puts
}

async function carryOut(tier: Tier, write: Write): Promise<number | undefined> {
  if ('keys' in write) return tier.delete(write.keys)
  await tier.put(write.put)
  return undefined
}

async function compare(when: string, tier: Tier, oracle: Oracle): Promise<void> {
  for (const name of names) {
    const [got, wanted] = [await tier.get(name), oracle.entries.get(name)]
    equal(`${when}parts of get('${name}')`, partsOf(got), partsOf(wanted))
    equal(`${when}value of get('${name}')`, got?.value, wanted?.value)
    equal(`${when}dependents(['${name}'])`, sorted(await tier.dependents([name])), oracle.dependents([name]))
    equal(`${when}withPrefix('${name}')`, sorted(await tier.withPrefix(name)), oracle.withPrefix(name))
  }
  equal(`${when}held of all`, keysOf(await tier.held(names)), keysOf(oracle.entries.values()))
}
