/**
 * What the properties and the reading of the code have found, each at its smallest. All of it was served stale once,
 * or longer than it may be.
 */
import { createCache } from 'staleproof'
import { describe, expect, it } from 'vitest'
import { HandClock } from './clock.ts'
import { atOnce, settle } from './steady.ts'
import { MapTier } from './tier.ts'

const lasting = { ttl: '1h', grace: '1h' } as const

function open(options: { entriesMax?: number; ledgerBytesMax?: number; withoutMemory?: boolean } = {}) {
  const { entriesMax, ledgerBytesMax = 2 ** 20, withoutMemory = false } = options
  const clock = new HandClock()
  const tier = new MapTier(atOnce)
  const memory = withoutMemory ? false : entriesMax === undefined ? {} : { maxEntries: entriesMax }
  const tiers = entriesMax === undefined && !withoutMemory ? [] : [tier]
  const ledger = { maxBytes: ledgerBytesMax }
  return { clock, tier, cache: createCache({ clock, memory, tiers, ledger, policies: { lasting } }) }
}

/** Pushes all others out of a memory of one entry. */
async function push(cache: ReturnType<typeof open>['cache']): Promise<void> {
  await cache.set('pushes', 'others out')
  await settle()
}

describe('what was found', () => {
  it('a listener that is told of one name of a record sees the end of the others', async () => {
    const { cache } = open()
    await cache.set('a', 'old', { dependsOn: 'source:a' })
    await cache.set('b', 'old', { dependsOn: 'source:b' })
    const seen: unknown[] = []
    cache.on('departed', () => seen.push(cache.peek('a'), cache.peek('b')))
    await cache.invalidate(['source:a', 'source:b'])
    expect(seen).toEqual([undefined, undefined, undefined, undefined])
  })

  it('being judged again does not make an entry newer than it is', async () => {
    const { cache } = open()
    await cache.getOrSet('a', () => 'old', { dependsOn: 'b' })
    await cache.invalidate('c')
    await cache.link('x', { dependsOn: 'y' })
    expect(cache.peek('a')).toBe('old')
    await cache.link('b', { dependsOn: 'c' })
    expect(cache.peek('a')).toBeUndefined()
  })

  it('a named dependency hands on what it was made from, though only the tier below holds it', async () => {
    const { cache } = open({ entriesMax: 1 })
    await cache.set('b', 'b', { dependsOn: 'c' })
    await push(cache)
    await cache.getOrSet('a', () => 'old', { dependsOn: 'b' })
    await cache.invalidate('c')
    expect(cache.peek('a')).toBeUndefined()
  })

  it('a dependent that only the tier below holds is told what its dependency is made from', async () => {
    const { cache } = open({ entriesMax: 1 })
    await cache.getOrSet('a', () => 'old', { dependsOn: 'b' })
    await push(cache)
    await cache.getOrSet('b', () => 'b', { dependsOn: 'c' })
    await cache.invalidate('c', { strategy: 'lazy' })
    expect(await cache.get('a')).toBeUndefined()
  })

  it('what is filled while its dependency is being set knows what that is made from', async () => {
    const { cache } = open()
    const set = cache.set('b', 'b', { dependsOn: 'c' })
    const fill = cache.fill('a', 'old', { since: cache.token(), dependsOn: 'b' })
    await Promise.all([set, fill])
    await cache.invalidate('c')
    expect(cache.peek('a')).toBeUndefined()
  })

  it('unlink leaves what the cached entry itself is made from', async () => {
    const { cache } = open()
    await cache.link('a', { dependsOn: 'b' })
    await cache.set('b', 'b', { dependsOn: 'c' })
    await cache.unlink('b')
    await cache.getOrSet('a', () => 'old')
    await cache.invalidate('c')
    expect(cache.peek('a')).toBeUndefined()
  })

  it('who comes to depend on a name whose entry has gone inherits what that was made from', async () => {
    const { cache } = open()
    const b = () => cache.getOrSet('b', () => 'b', { dependsOn: 'c', ttl: '1m' })
    await b()
    await cache.invalidate('b')
    await cache.getOrSet('a', () => 'old', { dependsOn: 'b' })
    await b()
    await cache.invalidate('c')
    expect(cache.peek('a')).toBeUndefined()
  })

  it('link fails if a tier cannot tell what is to be declared besides', async () => {
    const { cache, tier } = open({ entriesMax: 1 })
    await cache.set('b', 'b', { dependsOn: 'c' })
    await push(cache)
    tier.down = true
    await expect(cache.link('a', { dependsOn: 'b' })).rejects.toMatchObject({ code: 'E_TIERS_UNREACHABLE' })
  })

  it('what is made from a nested load does not outlive it, though memory holds neither', async () => {
    const { cache, clock } = open({ withoutMemory: true })
    const inner = () => cache.getOrSet('inner', () => 'old', { ttl: '1m' })
    await cache.getOrSet('outer', inner, { policy: 'media' })
    await settle()
    clock.advance(61_000)
    expect(await cache.get('outer')).toBeUndefined()
  })

  it('a soft record that the ledger has forgotten leaves no time', async () => {
    const { cache, clock } = open({ entriesMax: 1, ledgerBytesMax: 512 })
    await cache.getOrSet('a', () => 'old', { policy: 'lasting', dependsOn: 'b' })
    await push(cache)
    await cache.invalidate('b', { mode: 'soft', consistency: 'eventual' })
    clock.advance(20_000)
    for (let i = 0; i < 24; i++)
      await cache.invalidate(`other:${i}`, { mode: 'soft', consistency: 'relaxed' })
    expect(await cache.getOrSet('a', () => 'new', { policy: 'lasting' })).toBe('new')
  })

  it('a put that comes late, after a soft record, takes nothing of its bound away', async () => {
    const late: (() => void)[] = []
    const clock = new HandClock()
    const tier = new MapTier((label) =>
      label.startsWith('lower: put a') ? new Promise((resolve) => late.push(resolve)) : Promise.resolve(),
    )
    const cache = createCache({ clock, memory: { maxEntries: 1 }, tiers: [tier], policies: { lasting } })
    await cache.getOrSet('a', () => 'old', { policy: 'lasting', dependsOn: 'b' })
    await cache.invalidate('b', { mode: 'soft', consistency: 'eventual', strategy: 'lazy' })
    expect((await cache.entry('a'))?.state).toBe('stale')
    for (const put of late) put()
    await push(cache)
    expect((await cache.entry('a'))?.state).toBe('stale')
    clock.advance(5001)
    expect(await cache.entry('a')).toBeUndefined()
    expect(await cache.getOrSet('a', () => 'new', { policy: 'lasting' })).toBe('new')
  })

  it('a soft record of a key is not lost while a tier is asked who depends on it', async () => {
    const { cache, clock, tier } = open({ entriesMax: 1 })
    await cache.getOrSet('page', () => 'page', { dependsOn: 'a' })
    await settle()
    let answer = () => {}
    const answered = new Promise<void>((resolve) => (answer = resolve))
    const dependents = tier.dependents.bind(tier)
    tier.dependents = async (names) => (await answered, dependents(names))
    const load = cache.getOrSet('a', () => 'old', { policy: 'lasting', dependsOn: 'b' })
    await settle()
    const soft = cache.invalidate('a', { mode: 'soft', consistency: 'eventual', strategy: 'lazy' })
    answer()
    await Promise.all([load, soft])
    clock.advance(5001)
    expect(await cache.getOrSet('a', () => 'new', { policy: 'lasting' })).toBe('new')
  })

  it('a load whose dependencies cannot be looked up is judged all the same', async () => {
    const { cache, tier } = open({ entriesMax: 1 })
    tier.down = true
    let finish = () => {}
    const finished = new Promise<void>((resolve) => (finish = resolve))
    const inner = () => cache.getOrSet('inner', () => finished.then(() => 'old'), { dependsOn: 'source' })
    void cache.getOrSet('outer', inner)
    await settle()
    await cache.invalidate('source', { strategy: 'lazy' })
    const later = cache.getOrSet('outer', () => 'new')
    await settle()
    finish()
    expect(await later).toBe('new')
  })
})
