/**
 * What a tier promises that processes share (SharedTier in tiers/contract.ts), beside what every tier does.
 */
import type { Head } from '../tiers/contract.ts'
import { casesOf, equal, isTrue, type Case, type Plays } from './case.ts'
import { headOf, keysOf, partsOf, sorted } from './entries.ts'
import { holdPlays } from './hold.ts'
import { caughtUp, type OpenBacking } from './place.ts'
import { openShared, type SharedSubject } from './shared-subject.ts'
import type { TierSubject } from './tier-subject.ts'
import { holdingCases } from './tier.ts'

export function sharedTierCases(open: OpenBacking): readonly Case[] {
  const opened = () => openShared(open)
  const asTier = async (): Promise<TierSubject> => ({ ...(await opened()), cutOff: undefined })
  const own = [settlePlays, otherPlays, holdPlays].flatMap((plays) => casesOf(opened, plays))
  return [...holdingCases(asTier, false), ...own]
}

const settlePlays: Plays<SharedSubject> = {
  'keeps what is admitted, and tells what that was': async ({ tier, entry }) => {
    const admitted = entry('k', { dependencies: ['d', 'e'], directCount: 1, keyStamp: 8 })
    equal('what settle kept', partsOf(await tier.settle(entry('k'), () => admitted)), partsOf(admitted))
    const got = await tier.get('k')
    equal("get('k')", [partsOf(got), got?.value], [partsOf(admitted), 'value of k'])
    equal("dependents(['e'])", sorted(await tier.dependents(['e'])), ['k'])
  },

  'keeps nothing if nothing is admitted, and leaves what was there': async ({ tier, entry }) => {
    await tier.put(entry('k', { value: 'before' }))
    for (const key of ['k', 'n']) {
      const kept = await tier.settle(entry(key, { stamp: 9, value: 'not admitted' }), () => undefined)
      equal(`what settle kept of '${key}'`, kept, undefined)
    }
    equal("get('k') and get('n')", [(await tier.get('k'))?.value, await tier.get('n')], ['before', undefined])
  },

  'refuses what is older than what is held, and says so': async ({ tier, entry }) => {
    const settle = (stamp: number) => tier.settle(entry('k', { stamp }), () => entry('k', { stamp }))
    const kept: (number | undefined)[] = []
    for (const stamp of [5, 4, 5, 6]) kept.push((await settle(stamp))?.stamp)
    equal('what settle kept of stamps 5, 4, 5 and 6', kept, [5, undefined, 5, 6])
  },

  'keeps what it cannot write without its value, so that others know of it': async ({ tier, entry }) => {
    const value = { send() {} }
    const put = entry('k', { value, dependencies: ['d'], stamp: 3 })
    const kept = await tier.settle(put, () => put)
    equal('what settle kept', partsOf(kept), partsOf(put))
    equal("held(['k'])", (await tier.held(['k'])).map(headOf), [headOf(put)])
    equal("dependents(['d'])", sorted(await tier.dependents(['d'])), ['k'])
    const got = await tier.get('k')
    equal("whether get('k') finds nothing, and withoutValue", kept?.withoutValue ?? false, got === undefined)
    if (got !== undefined) equal("value of get('k'), which is there or not", got.value, value)
  },

  'spares what is valid when it deletes': async ({ tier, entry }) => {
    const asked = new Map<string, Head | undefined>()
    const puts = [1, 2, 3].map((stamp) => entry(`k${stamp}`, { stamp, dependencies: [`d${stamp}`] }))
    for (const put of puts) await tier.put(put)
    const keys = ['k1', 'k2', 'k3', 'none']
    const isValid = (head: Head) => {
      asked.set(head.key, headOf(head))
      return head.stamp > 1
    }
    equal('how many were deleted', await tier.delete(keys, isValid), 1)
    equal('what it asked of', [...asked.values()], puts.map(headOf))
    equal('what is held then', keysOf(await tier.held(keys)), ['k2', 'k3'])
    equal("get('k1'), and get('k2')", [await tier.get('k1'), (await tier.get('k2'))?.stamp], [undefined, 2])
  },

  'keeps the newest of those that are put at once': async ({ tier, entry }) => {
    const stamps = [3, 7, 1, 9, 2, 8]
    const put = (stamp: number) => tier.put(entry('k', { stamp, dependencies: [`d${stamp}`] }))
    await Promise.all(stamps.map(put))
    equal("stamp of get('k')", (await tier.get('k'))?.stamp, 9)
    equal("withPrefix('d')", await tier.withPrefix('d'), ['k'])
    for (const stamp of stamps) {
      equal(`dependents(['d${stamp}'])`, await tier.dependents([`d${stamp}`]), stamp === 9 ? ['k'] : [])
    }
  },

  'is whole when puts and deletes of a key were made at once': async ({ tier, entry }) => {
    const writes = Array.from({ length: 20 }, (_, i) => {
      return i % 3 === 2 ? tier.delete(['k']) : tier.put(entry('k', { stamp: i, dependencies: [`d${i}`] }))
    })
    await Promise.all(writes)
    const got = await tier.get('k')
    const found = got === undefined ? [] : ['k']
    equal("held(['k']) beside get('k')", keysOf(await tier.held(['k'])), found)
    equal("withPrefix('d') beside get('k')", await tier.withPrefix('d'), found)
    equal('dependents of what it is made from', await tier.dependents(got?.dependencies ?? []), found)
    equal("delete(['k'])", await tier.delete(['k']), found.length)
    equal("get('k') when it is deleted", await tier.get('k'), undefined)
  },
}

const otherPlays: Plays<SharedSubject> = {
  'shows at once what another process put, and not what it deleted': async ({ node, tier, entry, other }) => {
    const { shared, log } = await other()
    equal('the generation of the other', log.generation, node.log.generation)
    for (const [here, there] of [
      [tier, shared],
      [shared, tier],
    ] as const) {
      equal("get('k') there, at first", await there.get('k'), undefined)
      await here.put(entry('k', { dependencies: ['d'] }))
      equal("get('k') there", (await there.get('k'))?.value, 'value of k')
      equal("held(['k']) there", keysOf(await there.held(['k'])), ['k'])
      equal("dependents(['d']) there", await there.dependents(['d']), ['k'])
      equal("delete(['k']) there", await there.delete(['k']), 1)
      equal("get('k') here", await here.get('k'), undefined)
      equal("withPrefix('d') here", await here.withPrefix('d'), [])
    }
  },

  'says that it is shared while another process has it open': async ({ node, tier, other }) => {
    const { shared, log } = await other()
    for (const each of [node.log, log]) await caughtUp(each)
    isTrue('isShared here', tier.isShared)
    isTrue('isShared there', shared.isShared)
  },
}
