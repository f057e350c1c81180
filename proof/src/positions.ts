/**
 * Positions: the log moves one by one, the ledger only grows, generations have nothing to do with each other.
 *
 * The ledger is held against a Map that forgets nothing: wherever the ledger still claims to know, both say the
 * same; below `low` it says that everything was invalidated.
 */
import fc from 'fast-check'
import { HandClock } from './clock.ts'
import type { Library } from './library.ts'
import { atOnce, settle } from './steady.ts'
import { MapTier } from './tier.ts'

const name = fc
  .tuple(fc.constantFrom('a', 'ab', 'b', ''), fc.integer({ min: 0, max: 60 }))
  .map(([head, i]) => `${head}${i}`)
const entry = fc.record({
  name,
  isPrefix: fc.boolean(),
  /** A link makes a name share an invalidation of long ago. */
  back: fc.oneof({ weight: 4, arbitrary: fc.constant(0) }, fc.integer({ min: 0, max: 30 })),
})

/** The ledger, with a budget or without, against a Map. */
export const ledgerLikeMap = (library: Library) =>
  fc.asyncProperty(
    fc.array(entry, { maxLength: 150, size: 'max' }),
    fc.constantFrom(512, 1024, 2 ** 20),
    fc.array(fc.record({ name, stamp: fc.integer({ min: 0, max: 160 }) }), { minLength: 10, maxLength: 20 }),
    async (entries, bytesMax, questions) => {
      const ledger = new library.Ledger(bytesMax)
      const records: { name: string; isPrefix: boolean; n: number }[] = []
      let low = 0
      entries.forEach(({ name, isPrefix, back }, i) => {
        const n = Math.max(1, i + 1 - back)
        records.push({ name, isPrefix, n })
        if (isPrefix) ledger.recordPrefix(name, n)
        else ledger.record(name, n)
        if (ledger.low < low) throw new Error(`low fell from ${low} to ${ledger.low}`)
        low = ledger.low
        if (ledger.bytes > bytesMax) throw new Error(`${ledger.bytes} bytes, of ${bytesMax}`)
      })
      for (const { name, stamp } of questions) {
        const newest = Math.max(0, ...records.filter((record) => speaksOf(record, name)).map(({ n }) => n))
        const told = ledger.after(stamp, name)
        if (stamp < low && told === 0)
          throw new Error(`${name} after ${stamp}: unknown, and said to be valid`)
        const expected = newest > stamp ? newest : 0
        if (stamp >= low && told !== expected)
          throw new Error(`${name} after ${stamp}: ${told}, not ${expected}`)
      }
    },
  )

function speaksOf(record: { name: string; isPrefix: boolean }, name: string): boolean {
  return record.isPrefix ? name.startsWith(record.name) : name === record.name
}

const call = fc.constantFrom('invalidate', 'lazy', 'soft', 'prefix', 'set', 'link', 'rule')

/** Every call that changes something is one record, and nobody sees the position before it is applied. */
export const oneByOne = (library: Library) =>
  fc.asyncProperty(
    fc.array(call, { maxLength: 20 }),
    fc.integer({ min: 0, max: 19 }),
    async (calls, from) => {
      const cache = library.createCache({ clock: new HandClock() })
      await cache.set('held', 0, { dependsOn: 'a' })
      let before = cache.stats().log.n
      for (const [i, kind] of calls.entries()) {
        const position = await make(cache, kind, i + from)
        const { n } = cache.stats().log
        if (n !== before + 1) throw new Error(`${kind} moved the log from ${before} to ${n}`)
        if (position !== undefined && position !== n)
          throw new Error(`${kind} is at ${position}, the log at ${n}`)
        before = n
      }
    },
  )

type Cache = ReturnType<Library['createCache']>

async function make(cache: Cache, kind: string, i: number): Promise<number | undefined> {
  switch (kind) {
    case 'set':
      return (await cache.set(`key${i}`, i)).position.n
    case 'link':
      await cache.link(`name${i}`, { dependsOn: `other${i}` })
      return undefined
    case 'rule':
      await cache.rule(`made${i}:{x}`, { dependsOn: 'file:{x}' })
      return undefined
    case 'prefix':
      return (await cache.invalidate({ prefix: 'name' })).position?.n
    case 'soft':
      return (await cache.invalidate('a', { mode: 'soft' })).position?.n
    default:
      return (await cache.invalidate(['a', 'held'], { strategy: kind === 'lazy' ? 'lazy' : 'immediate' }))
        .position?.n
  }
}

/** What another life of the cache left behind, in a tier or as a token, is worth nothing in this one. */
export const noOtherLife = (library: Library) =>
  fc.asyncProperty(fc.nat({ max: 3 }), fc.nat({ max: 6 }), async (ours, theirs) => {
    const tier = new MapTier(atOnce)
    const open = () => library.createCache({ clock: new HandClock(), tiers: [tier] })
    const [first, second] = [open(), open()]
    for (let i = 0; i < theirs; i++) await first.invalidate(`name${i}`)
    for (let i = 0; i < ours; i++) await second.invalidate(`name${i}`)
    await first.set('key', 'of another life')
    await settle()
    const { refused } = await second.fill('other', 1, { since: first.token() })
    if (refused !== 'unknown-token') throw new Error(`a token of another life: ${String(refused)}`)
    const value = await second.get('key')
    if (value !== undefined) throw new Error('an entry of another life was served')
  })
