import { describe, expect, it } from 'vitest'
import { createCache } from '../../src/index.ts'
import { MapTier } from '../map-tier.ts'
import { gate, opened } from '../opened.ts'

describe('a listener that calls back', () => {
  it.each(['evicted', 'replaced'] as const)(
    'may invalidate what the entry that came is made from (%s)',
    async (why) => {
      const { cache } = opened({ memory: { maxEntries: 1 } })
      const since = cache.token()
      await cache.fill(why === 'evicted' ? 'old' : 'new', 1, { since })
      let invalidated: Promise<unknown> | undefined
      const edgesSeen: number[] = []
      cache.on('departed', (event) => {
        if (event.why !== why) return
        // What came is wholly in place when others are told of who had to go for it.
        edgesSeen.push(cache.stats().graph.tracked)
        invalidated ??= cache.invalidate('row')
      })
      await cache.fill('new', 'made before', { since, dependsOn: 'row' })
      await invalidated
      expect(edgesSeen).toEqual([1])
      expect(cache.peek('new')).toBeUndefined()
      expect(cache.stats().memory).toMatchObject({ entries: 0, bytes: 0 })
    },
  )

  it('sees no half of an invalidation', async () => {
    const { cache } = opened()
    await cache.setMany([
      ['a', 1],
      ['b', 1],
    ])
    const seen: unknown[] = []
    cache.on('departed', () => seen.push(cache.peek('a'), cache.peek('b')))
    await cache.invalidate(['a', 'b'])
    expect(seen).toEqual([undefined, undefined, undefined, undefined])
  })
})

describe('between judging and storing', () => {
  it('an invalidation of the key is not lost while a tier is asked who depends on it', async () => {
    const lower = new MapTier()
    const { cache } = opened({ tiers: [lower] })
    const asked = gate()
    const answer = gate<readonly string[]>()
    lower.dependents = () => (asked.open(), answer.passed)
    const loaded = cache.getOrSet('k', () => 'old', { dependsOn: 'row' })
    await asked.passed
    const invalidated = cache.invalidate('k', { strategy: 'lazy' })
    answer.open(['page'])
    expect(await loaded).toBe('old')
    await invalidated
    expect(await cache.get('k')).toBeUndefined()
  })

  it('a value from below does not replace a newer one that came meanwhile', async () => {
    const lower = new MapTier()
    const { cache } = opened({ tiers: [lower], memory: { maxEntries: 1 } })
    await cache.set('k', 'v1')
    await cache.set('other', 1)
    const old = lower.entries.get('k')
    const asked = gate()
    const answer = gate<typeof old>()
    lower.get = () => (asked.open(), answer.passed)
    const read = cache.getOrSet('k', () => 'loaded')
    await asked.passed
    await cache.fill('k', 'v2', { since: cache.token() })
    answer.open(old)
    expect(await read).toBe('v2')
    expect(cache.peek('k')).toBe('v2')
  })
})

describe('a fill', () => {
  it('is refused if an entry that it was made from was invalidated meanwhile, though its name was not', async () => {
    const { cache } = opened()
    await cache.set('photo', 1, { dependsOn: 'file' })
    const since = cache.token()
    await cache.invalidate('file')
    const filled = await cache.fill('page', 'of the old photo', { since, dependsOn: 'photo' })
    expect(filled).toMatchObject({ stored: false, refused: 'invalidated' })
  })

  it('is refused also if that entry was pushed out, and made anew from something else', async () => {
    const { cache } = opened({ memory: { maxEntries: 1 } })
    await cache.set('photo', 1, { dependsOn: 'file' })
    const since = cache.token()
    await cache.set('other', 1)
    await cache.invalidate('file')
    await cache.getOrSet('photo', () => 2, { dependsOn: 'another file' })
    const filled = await cache.fill('page', 'of the old photo', { since, dependsOn: 'photo' })
    expect(filled).toMatchObject({ stored: false, refused: 'invalidated' })
  })

  it('is refused also if what came after that entry was pushed out in turn', async () => {
    const { cache } = opened({ memory: { maxEntries: 1 } })
    await cache.set('photo', 1, { dependsOn: 'file' })
    const since = cache.token()
    await cache.invalidate('file')
    await cache.getOrSet('photo', () => 2, { dependsOn: 'another file' })
    await cache.set('other', 1)
    expect((await cache.explain('photo')).went).toMatchObject({ why: 'evicted' })
    const filled = await cache.fill('page', 'of the old photo', { since, dependsOn: 'photo' })
    expect(filled).toMatchObject({ stored: false, refused: 'invalidated' })
  })

  it('is kept if nothing happened to it', async () => {
    const { cache } = opened()
    await cache.set('photo', 1, { dependsOn: 'file' })
    const { token = '' } = (await cache.entry('photo')) ?? {}
    expect(await cache.fill('page', 1, { since: token, dependsOn: 'photo' })).toMatchObject({ stored: true })
    await cache.invalidate('file')
    expect(cache.peek('page')).toBeUndefined()
  })
})

describe('a stale input', () => {
  it('gives what is made from it no longer life than its own bound, not even through a load that is joined', async () => {
    const { cache, clock } = opened({ policies: { lenient: { ttl: '1h', grace: '1h' } } })
    await cache.getOrSet('a', () => 'a1', { policy: 'lenient', dependsOn: 'row' })
    await cache.invalidate('row', { mode: 'soft' })
    const wait = gate()
    const page = () =>
      cache.getOrSet('page', async () => {
        const made = await cache.getOrSet('a', () => 'a2', { policy: 'lenient', dependsOn: 'row' })
        if (made === 'a1') await wait.passed
        return `page of ${made}`
      })
    const before = page()
    await clock.advance(60_000)
    expect(await page()).toBe('page of a2')
    wait.open()
    expect(await before).toBe('page of a1')
    expect(cache.peek('page')).toBe('page of a2')
  })

  it('refreshed in the background is no part of the loader that read it', async () => {
    const { cache, clock, take } = opened({ policies: { lenient: { ttl: '60s', grace: '1h' } } })
    const a = (version: number) =>
      cache.getOrSet('a', async () => (await cache.get('x'), version), { policy: 'lenient' })
    await a(1)
    await clock.advance(60_000)
    await cache.getOrSet('b', () => a(2))
    await clock.settle()
    expect(take().filter((line) => line.startsWith('error'))).toEqual([])
    expect(cache.peek('a')).toBe(2)
  })
})

describe('dependencies', () => {
  it('of a dependency that was made anew, however far below, are inherited when storing', async () => {
    const { cache } = opened({ memory: { maxEntries: 1 } })
    const row = (dependsOn: string[]) => cache.getOrSet('row', () => 1, { dependsOn })
    const waiting = gate()
    const page = cache.getOrSet('page', async () => {
      await cache.getOrSet('list', () => row(['a']))
      await waiting.passed
      return 'page'
    })
    await new Promise((resolve) => setImmediate(resolve))
    await cache.set('other', 1)
    await row(['a', 'b'])
    waiting.open()
    await page
    expect((await cache.explain('page')).dependencies.map(({ name }) => name)).toContain('b')
    await cache.invalidate('b')
    expect(cache.peek('page')).toBeUndefined()
  })

  it('of an entry that was pushed out are inherited by who names it then', async () => {
    const { cache } = opened({ memory: { maxEntries: 2 } })
    const photo = () => cache.getOrSet('photo', () => 1, { dependsOn: 'file' })
    await photo()
    await cache.setMany([
      ['x', 1],
      ['y', 1],
    ])
    expect((await cache.explain('photo')).went).toMatchObject({ why: 'evicted' })
    await cache.set('page', 'of that photo', { dependsOn: 'photo' })
    await photo()
    expect(cache.peek('page')).toBe('of that photo')
    await cache.invalidate('file')
    expect(cache.peek('page')).toBeUndefined()
  })

  it('of caches nested in each other never make loaders wait for each other for ever', async () => {
    const [one, two] = [createCache(), createCache()]
    const loop = (): Promise<unknown> => one.getOrSet('a', () => two.getOrSet('b', () => loop()))
    await expect(loop()).rejects.toMatchObject({ code: 'E_LOADING_CYCLE' })
    await Promise.all([one.close(), two.close()])
  })
})

describe('an invalidation that is tried again', () => {
  it('keeps its record, and ends nothing that was loaded since', async () => {
    const lower = new MapTier()
    const { cache, clock } = opened({ tiers: [lower] })
    await cache.set('page', 1, { dependsOn: 'row' })
    lower.failure = new Error('away')
    const invalidated = cache.invalidate('row')
    await clock.settle()
    await cache.getOrSet('page', () => 2, { dependsOn: 'row' })
    expect((await cache.invalidations.list()).records[0]).toMatchObject({ status: 'running' })
    lower.failure = undefined
    await clock.advance(1000)
    expect(await invalidated).toMatchObject({
      status: 'completed',
      attempts: 2,
      cascade: [{ name: 'row' }, { name: 'page' }],
      tiers: { memory: { purged: 1 } },
    })
    expect(cache.stats().invalidations).toBe(1)
  })
})

describe('what a tier of another generation holds', () => {
  it('is not served, and not called clean', async () => {
    const lower = new MapTier()
    const first = opened({ tiers: [lower] }).cache
    await first.set('a', 1)
    await first.close()
    lower.forgetsDeletes = true
    const { cache } = opened({ tiers: [lower], consistency: { strict: { retries: 0 } } })
    expect(await cache.get('a')).toBeUndefined()
    expect((await cache.explain('a')).state).toBe('invalidated')
    await expect(cache.invalidate('a')).rejects.toMatchObject({ code: 'E_INVALIDATION_INCOMPLETE' })
  })
})
