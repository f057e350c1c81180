/**
 * What a Hold promises: the tier and the log beside it, as they are while nobody else can write to either.
 *
 * A tier may ask twice what is to be admitted, if it could not commit what was admitted first: what is seen is noted
 * in place of what was seen before.
 */
import type { Hold } from '../tiers/contract.ts'
import { equal, isTrue, type Plays } from './case.ts'
import { headOf, keysOf } from './entries.ts'
import { caughtUp } from './place.ts'
import type { SharedNode, SharedSubject } from './shared-subject.ts'

const writers = 15

export const holdPlays: Plays<SharedSubject> = {
  'shows to who settles what is held': async (subject) => {
    const { tier, entry } = subject
    const list = entry('list', { dependencies: ['a', 'b'], stamp: 3, keyStamp: 4 })
    const page = entry('page', { dependencies: ['list', 'a'], directCount: 1 })
    for (const put of [list, page]) await tier.put(put)
    const seen = await look(subject, (hold) => ({
      heads: ['list', 'none'].map((name) => headOf(hold.headOf(name))),
      dependents: ['list', 'a', 'page'].map((name) => keysOf(hold.dependentsOf(name))),
      of: Array.from(hold.dependentsOf('list'), headOf),
    }))
    equal('headOf list, and of what is not held', seen.heads, [headOf(list), undefined])
    // Not the entry of the name itself.
    equal('keys of dependentsOf list, a and page', seen.dependents, [['page'], ['list', 'page'], []])
    equal('dependentsOf list', seen.of, [headOf(page)])
  },

  'shows to who settles nothing of what was replaced or deleted': async (subject) => {
    const { tier, entry } = subject
    for (const key of ['replaced', 'deleted']) await tier.put(entry(key, { dependencies: ['d'] }))
    await tier.put(entry('replaced', { stamp: 2, dependencies: ['e'] }))
    await tier.delete(['deleted'])
    const seen = await look(subject, (hold) => ({
      head: hold.headOf('deleted'),
      dependents: ['d', 'e'].map((name) => keysOf(hold.dependentsOf(name))),
    }))
    equal('headOf what was deleted', seen.head, undefined)
    equal('keys of dependentsOf d and e', seen.dependents, [[], ['replaced']])
  },

  'lets nobody else write while one decides': async ({ node, entry, other }) => {
    const nodes = [node, await other()]
    const count = ({ shared }: SharedNode) => {
      return shared.settle(entry('count'), (hold) => {
        return entry('count', { stamp: (hold.headOf('count')?.stamp ?? 0) + 1 })
      })
    }
    const settled = await Promise.all(Array.from({ length: writers }, () => nodes.map(count)).flat())
    equal('how many were kept', settled.filter((kept) => kept !== undefined).length, writers * 2)
    equal('the count', headOf(await node.shared.get('count'))?.stamp, writers * 2)
  },

  'knows of an entry that was removed that it is so, and since which position': async (subject) => {
    const { node, tier, entry } = subject
    const endedAt = (names: readonly string[]) =>
      look(subject, (hold) => names.map((name) => hold.endedAt(name)))
    for (const key of ['a', 'spared']) await tier.put(entry(key, { stamp: key === 'a' ? 0 : 9 }))
    equal('endedAt, when nothing was removed', await endedAt(['a', 'spared', 'none']), [0, 0, 0])
    for (const round of [1, 2]) {
      const { n } = await node.log.append({ kind: 'invalidate', names: ['a'] })
      await tier.delete(['a', 'spared', 'none'], ({ stamp }) => stamp === 9)
      const [a = 0, ...others] = await endedAt(['a', 'spared', 'none'])
      isTrue(`endedAt a (${a}) is ${n} or later, and not in the future`, a >= n && a <= node.log.applied)
      equal('endedAt of what was spared, and of what never was', others, [0, 0])
      await tier.put(entry('a', { stamp: round }))
      const [still = 0] = await endedAt(['a'])
      isTrue(`endedAt a (${still}), when it is there again, is ${n} or later`, still >= n)
    }
  },

  'knows of what was told to have ended, and spares what is held': async (subject) => {
    const { node, tier, entry } = subject
    const { n } = await node.log.append({ kind: 'invalidate', names: ['source'] })
    await tier.put(entry('held', { stamp: n }))
    await tier.ended(['a', 'held'])
    const ends = await look(subject, (hold) => ['a', 'held', 'none'].map((name) => hold.endedAt(name)))
    for (const [i, name] of ['a', 'held'].entries()) {
      const at = ends[i] ?? 0
      isTrue(
        `endedAt ${name} (${at}) is ${n} or later, and not in the future`,
        at >= n && at <= node.log.applied,
      )
    }
    equal('endedAt of what was not told of', ends[2], 0)
    equal('the stamp of what is held', headOf(await tier.get('held'))?.stamp, n)
  },

  'says that it is current only when all records are applied here': async (subject) => {
    const { node, other } = subject
    const { log } = await other()
    const { n } = await log.append({ kind: 'change', names: ['a'] })
    const seen = await look(subject, ({ isCurrent }) => ({ isCurrent, applied: node.log.applied }))
    equal(`isCurrent, with ${seen.applied} of ${n} applied`, seen.isCurrent, seen.applied >= n)
    await caughtUp(node.log)
    equal('isCurrent after catchUp', await look(subject, ({ isCurrent }) => isCurrent), true)
  },

  'declares that the key changed, and calls back right before that is applied': async (subject) => {
    const { node, tier, entry, other } = subject
    const there = await other()
    const { n } = await there.log.append({ kind: 'change', names: ['before'] })
    await caughtUp(node.log)
    const seen: string[] = []
    node.witness.onApply = ({ n, kind, names }) => seen.push(`${kind} ${names.join()} applied at ${n}`)
    let isCurrent: boolean | undefined
    const kept = await tier.settle(entry('k'), (hold) => {
      const keyStamp = hold.announce('k', (n) => seen.push(`before ${n}, after ${node.log.applied}`))
      isCurrent = hold.isCurrent && node.log.applied < keyStamp
      return entry('k', { keyStamp })
    })
    equal('whether it was current when that was not applied', isCurrent, false)
    const own = n + 1
    equal('what was called', seen, [`before ${own}, after ${n}`, `change k applied at ${own}`])
    equal('the keyStamp that was kept', [kept?.keyStamp, (await tier.get('k'))?.keyStamp], [own, own])
    await caughtUp(there.log)
    equal('the records there', there.witness.records, node.witness.records)
    equal('which of them each knows as its own', [there.witness.own, node.witness.own], [[n], [own]])
  },
}

/** What a hold shows; nothing is kept. */
async function look<T>({ tier, entry }: SharedSubject, see: (hold: Hold) => T): Promise<T> {
  let seen: { readonly of: T } | undefined
  await tier.settle(entry('looks'), (hold) => {
    seen = { of: see(hold) }
    return undefined
  })
  if (seen === undefined) throw new Error('settle did not ask what is to be admitted')
  return seen.of
}
