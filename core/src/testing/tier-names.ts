/**
 * What a tier knows of names: who depends on one, what begins with a prefix; and that two names are two.
 */
import { equal, type Plays } from './case.ts'
import { keysOf, Oracle, sorted } from './entries.ts'
import type { TierSubject } from './tier-subject.ts'

const long = 'x'.repeat(8191)

/** Names that something between a cache and its bytes may take for one, or for a pattern. */
const alike: readonly string[] = [
  ...['a', 'A', 'á', 'a\u0301', '\uff41', ' a', 'a ', 'a\n', 'a\0', 'a\0b', 'a/b', 'a//b', './a'],
  ...['a%', 'a_', 'a*', 'a?', '[a]', '^a', 'a$', '(a|b)', 'a\\', 'a\\b', "a'", 'a"', 'a,b', 'a:b', 'a{b}'],
  ...['null', 'undefined', '0', '00', '__proto__', 'constructor', '\ufffd', '\uffff'],
  ...[long.slice(0, 500), `${long.slice(0, 500)}:1`, `${long}y`, `${long}z`],
]

/** Names that have half a surrogate pair in them, and so no UTF-8 of their own; and what may be made of them. */
const halves: readonly string[] = ['\ud83d', '\ude00', '\ud83d\ude00', '\ufffd', 'a\ud83d', 'a\ud83db']

const manyCount = 1000

export const namePlays: Plays<TierSubject> = {
  'knows who depends on a name, and what begins with a prefix': async ({ tier, entry }) => {
    await tier.put(entry('page:1', { dependencies: ['photo:1', 'file:1'], directCount: 1 }))
    await tier.put(entry('page:2', { dependencies: ['photo:2'] }))
    const dependents = async (...names: string[]) => sorted(await tier.dependents(names))
    equal("dependents(['file:1'])", [...(await tier.dependents(['file:1']))], ['page:1'])
    equal("dependents(['page:2'])", [...(await tier.dependents(['page:2']))], ['page:2'])
    equal('dependents of two', await dependents('photo:2', 'file:1'), ['page:1', 'page:2'])
    equal('dependents of nobody', await dependents('file', 'file:10'), [])
    equal("withPrefix('photo:')", sorted(await tier.withPrefix('photo:')), ['page:1', 'page:2'])
    equal("withPrefix('page:1')", [...(await tier.withPrefix('page:1'))], ['page:1'])
    equal("withPrefix('')", sorted(await tier.withPrefix('')), ['page:1', 'page:2'])
  },

  'forgets what an entry depended on that was replaced or deleted': async ({ tier, entry }) => {
    const knows = async (...names: string[]) => {
      return Promise.all(names.map(async (name) => sorted(await tier.dependents([name]))))
    }
    await tier.put(entry('k', { dependencies: ['row:1', 'row:2'] }))
    await tier.put(entry('k', { stamp: 2, dependencies: ['row:2', 'row:3'] }))
    const [one, two, three] = await knows('row:1', 'row:2', 'row:3')
    equal('dependents of what it was, is and became made from', [one, two, three], [[], ['k'], ['k']])
    await tier.delete(['k'])
    equal('dependents when it is deleted', await knows('row:2', 'row:3', 'k'), [[], [], []])
    equal("withPrefix('row:') when it is deleted", await tier.withPrefix('row:'), [])
  },

  'takes no two names for one, and no name for a pattern': (subject) => putAndAsk(subject, alike),

  'takes no two names for one that have half a surrogate pair in them': (subject) => {
    return putAndAsk(subject, halves)
  },

  [`answers for ${manyCount} names at once`]: async ({ tier, entry }) => {
    const keys = Array.from({ length: manyCount }, (_, i) => `k${i}`)
    await Promise.all(keys.map((key) => tier.put(entry(key, { dependencies: ['all', `row of ${key}`] }))))
    equal("dependents(['all'])", sorted(await tier.dependents(['all'])), sorted(keys))
    const rows = keys.map((key) => `row of ${key}`)
    equal('dependents of all rows', sorted(await tier.dependents(rows)), sorted(keys))
    equal("withPrefix('k')", sorted(await tier.withPrefix('k')), sorted(keys))
    equal('held of all', keysOf(await tier.held(keys)), sorted(keys))
    equal('delete of all', await tier.delete(keys), manyCount)
    equal('held when all are deleted', await tier.held(keys), [])
  },
}

async function putAndAsk({ tier, entry }: TierSubject, names: readonly string[]): Promise<void> {
  const oracle = new Oracle()
  for (const [i, key] of names.entries()) {
    const put = entry(key, { value: i, dependencies: [names[(i + 1) % names.length] as string] })
    await tier.put(put)
    oracle.put(put)
  }
  for (const [i, key] of names.entries()) {
    const shown = JSON.stringify(key)
    equal(`value of get(${shown})`, (await tier.get(key))?.value, i)
    equal(`dependents([${shown}])`, sorted(await tier.dependents([key])), oracle.dependents([key]))
    equal(`withPrefix(${shown})`, sorted(await tier.withPrefix(key)), oracle.withPrefix(key))
  }
  const gone = names.filter((_, i) => i % 2 === 0)
  equal('delete of every other', await tier.delete(gone), oracle.delete(gone))
  equal('held of all', keysOf(await tier.held(names)), keysOf(oracle.entries.values()))
}
