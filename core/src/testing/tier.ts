/**
 * What every tier below memory promises (tiers/contract.ts).
 *
 * A case asks no more than the cache relies on: of one key, a put or delete begins when the last one has ended.
 */
import type { Answer, Tier } from '../tiers/contract.ts'
import { casesOf, equal, type Case, type Plays } from './case.ts'
import { entryOf, keysOf, partsOf, sorted } from './entries.ts'
import { endingPlays } from './tier-ending.ts'
import { namePlays } from './tier-names.ts'
import { schedulePlays } from './tier-schedule.ts'
import type { TierSubject } from './tier-subject.ts'
import { valuePlays } from './tier-values.ts'

export interface TierCasesOptions<T extends Tier> {
  /** False for a tier that keeps nothing. */
  readonly holds?: boolean
  /**
   * Cuts a tier off from where its bytes are, as an outage would: what is asked from then on, it cannot know or do.
   * Without it nobody tries what the tier answers then.
   */
  readonly cutOff?: (tier: T) => Answer<void>
}

/** @param open a tier that nobody else uses, and that is empty */
export function tierCases<T extends Tier>(
  open: () => Answer<T>,
  { holds = true, cutOff }: TierCasesOptions<T> = {},
): readonly Case[] {
  const opened = async (): Promise<TierSubject> => {
    const tier = await open()
    let closing: Promise<void> | undefined
    return {
      who: `the tier '${tier.name}'`,
      tier,
      entry: entryOf,
      cutOff: cutOff && (() => cutOff(tier)),
      close: () => (closing ??= tier.close()),
    }
  }
  return holds ? holdingCases(opened, cutOff !== undefined) : casesOf(opened, emptyPlays)
}

/** @param breaks whether it is known how to cut it off */
export function holdingCases(open: () => Promise<TierSubject>, breaks: boolean): Case[] {
  const { cutOff, closed } = endingPlays
  const all = [storePlays, valuePlays, namePlays, schedulePlays, closed, breaks ? cutOff : {}]
  return all.flatMap((plays) => casesOf(open, plays))
}

const storePlays: Plays<TierSubject> = {
  'gives back what was put, until it is deleted': async ({ tier, entry }) => {
    equal("get('a') of an empty tier", await tier.get('a'), undefined)
    for (const round of ['first', 'again']) {
      await tier.put(entry('a'))
      equal(`get('a') when it was put ${round}`, (await tier.get('a'))?.value, 'value of a')
      equal("keys of held(['a', 'b'])", keysOf(await tier.held(['a', 'b'])), ['a'])
      equal("delete(['a', 'b'])", await tier.delete(['a', 'b']), 1)
      equal("get('a') when it is deleted", await tier.get('a'), undefined)
      equal("held(['a']) when it is deleted", await tier.held(['a']), [])
      equal("delete(['a']) when it is deleted", await tier.delete(['a']), 0)
    }
  },

  'counts a key that is named twice once': async ({ tier, entry }) => {
    await tier.put(entry('a'))
    equal("delete(['a', 'a'])", await tier.delete(['a', 'a']), 1)
  },

  'has nothing to say of no keys': async ({ tier, entry }) => {
    await tier.put(entry('a'))
    const answers = [await tier.held([]), await tier.dependents([]), await tier.delete([])]
    equal('held, dependents and delete of []', answers, [[], [], 0])
    equal("get('a')", (await tier.get('a'))?.value, 'value of a')
  },

  'gives all parts of an entry; when it reads back, the value may be left out': async ({ tier, entry }) => {
    const more = { dependencies: ['a', 'b', 'c'], directCount: 2, stamp: 3, keyStamp: 4, capAt: 4e12 }
    for (const put of [entry('k', more), entry('endless', { ...more, capAt: Infinity })]) {
      await tier.put(put)
      const [head, ...others] = await tier.held([put.key])
      equal(`parts of get('${put.key}')`, partsOf(await tier.get(put.key)), partsOf(put))
      equal(`parts of held(['${put.key}'])`, [partsOf(head), others.length], [partsOf(put), 0])
      if (head?.value !== undefined) equal('a value that is read back', head.value, put.value)
    }
  },

  'lets no older stamp replace a newer one': async ({ tier, entry }) => {
    const put = (stamp: number, value: string) =>
      tier.put(entry('a', { stamp, value, dependencies: [`made for ${value}`] }))
    await put(5, 'new')
    await put(4, 'old')
    equal("get('a') when 4 was put after 5", (await tier.get('a'))?.value, 'new')
    equal(
      "held(['a']) then",
      (await tier.held(['a'])).map(({ stamp }) => stamp),
      [5],
    )
    const names = ['made for old', 'made for new']
    const found = await Promise.all(names.map(async (name) => sorted(await tier.dependents([name]))))
    equal(`dependents of ${names.join(', of ')}`, found, [[], ['a']])
  },

  'takes what is newer, or as new': async ({ tier, entry }) => {
    for (const [stamp, value] of [
      [5, 'first'],
      [6, 'newer'],
      [6, 'as new'],
    ] as const) {
      await tier.put(entry('a', { stamp, value }))
      equal(`get('a') when the one that is ${value} was put`, (await tier.get('a'))?.value, value)
    }
  },

  'lets no entry of another generation stand in the way': async ({ tier, entry }) => {
    await tier.put(entry('a', { generation: 'another', stamp: 9, value: 'of another' }))
    await tier.put(entry('a', { stamp: 1, value: 'of this' }))
    equal("get('a')", (await tier.get('a'))?.value, 'of this')
  },
}

const emptyPlays: Plays<TierSubject> = {
  'keeps nothing, and says so': async ({ tier, entry }) => {
    await tier.put(entry('page:1', { stamp: 5, dependencies: ['photo:1', 'file:1'] }))
    await tier.put(entry('page:1', { stamp: 4 }))
    equal("get('page:1')", await tier.get('page:1'), undefined)
    equal("held(['page:1'])", await tier.held(['page:1']), [])
    for (const name of ['page:1', 'file:1']) {
      equal(`dependents(['${name}'])`, [...(await tier.dependents([name]))], [])
    }
    for (const prefix of ['photo:', 'page:1', '']) {
      equal(`withPrefix('${prefix}')`, [...(await tier.withPrefix(prefix))], [])
    }
    equal("delete(['page:1'])", await tier.delete(['page:1', 'page:2']), 0)
    equal("get('page:1') when it is deleted", await tier.get('page:1'), undefined)
  },
}
