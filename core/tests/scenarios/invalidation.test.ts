import { describe, expect, it } from 'vitest'
import { opened } from '../opened.ts'

describe('invalidation', () => {
  it('says what it reached, in order, and why', async () => {
    const { cache } = opened()
    await cache.set('photo', 1, { dependsOn: 'file' })
    await cache.getOrSet('album', () => cache.get('photo'), { tags: ['albums'] })
    await cache.set('other', 1)
    const plan = await cache.plan('file')
    const result = await cache.invalidate('file', { reason: 'edited', actor: 'me' })
    expect(result).toMatchObject({
      status: 'completed',
      names: ['file'],
      strategy: 'immediate',
      consistency: 'strict',
      reason: 'edited',
      actor: 'me',
      cascade: [
        { name: 'file', depth: 0, because: null },
        { name: 'photo', depth: 1, because: 'file' },
        { name: 'album', depth: 2, because: 'photo' },
      ],
      reached: 3,
      truncated: false,
      tiers: { memory: { status: 'purged', purged: 2, verified: true, held: [] } },
    })
    expect(plan).toMatchObject({ cascade: result.cascade, reached: 3, entries: { memory: 2 } })
    expect(cache.peek('other')).toBe(1)
    expect(await cache.invalidations.get(result.id)).toEqual(result)
    expect((await cache.explain('album')).went).toMatchObject({
      why: 'invalidated',
      because: 'file',
      by: result.id,
    })
    expect(await cache.explain('album')).toMatchObject({ state: 'invalidated', tier: null })
  })

  it('takes tags, several names, a prefix, or everything', async () => {
    const { cache } = opened()
    const fill = () =>
      cache.setMany([
        ['album:7:a', 1, { tags: ['albums'] }],
        ['album:7:b', 1, { tags: ['albums'] }],
        ['album:8:a', 1],
        ['x', 1],
      ])
    const left = async () => [...(await cache.getMany(['album:7:a', 'album:7:b', 'album:8:a', 'x'])).keys()]
    await fill()
    await cache.invalidate('albums')
    expect(await left()).toEqual(['album:8:a', 'x'])
    await fill()
    await cache.invalidate(['album:7:a', 'x'])
    expect(await left()).toEqual(['album:7:b', 'album:8:a'])
    await fill()
    expect((await cache.invalidate({ prefix: 'album:7:' })).tiers['memory']).toMatchObject({ purged: 2 })
    expect(await left()).toEqual(['album:8:a', 'x'])
    await fill()
    await cache.invalidate({ all: true })
    expect(await left()).toEqual([])
  })

  it('that is under way when the cache is closed ends well', async () => {
    const { cache } = opened()
    await cache.set('a', 1)
    const invalidated = cache.invalidate('a')
    await cache.close()
    expect(await invalidated).toMatchObject({ status: 'completed' })
  })

  it('a set is a change of its key: what depends on it goes, it does not', async () => {
    const { cache } = opened()
    await cache.getOrSet('page', async () => (await cache.getOrSet('title', () => 'old')) + '!')
    expect(await cache.set('title', 'new')).toMatchObject({ stored: true, refused: null })
    expect(cache.peek('title')).toBe('new')
    expect(cache.peek('page')).toBeUndefined()
  })

  it('delete takes an entry out, and says whether there was one', async () => {
    const { cache } = opened()
    await cache.set('a', 1)
    expect(await cache.delete('a')).toBe(true)
    expect(await cache.delete('a')).toBe(false)
    expect(cache.peek('a')).toBeUndefined()
  })

  it('lazy makes stale at once and walks nothing; the bytes go when touched or swept', async () => {
    const { cache, clock } = opened()
    for (let i = 0; i < 2500; i++) await cache.set(`thumb:${i}`, i, { dependsOn: 'settings' })
    const result = await cache.invalidate('settings', { strategy: 'lazy' })
    expect(result).toMatchObject({
      status: 'completed',
      reached: null,
      cascade: [],
      tiers: { memory: { status: 'deferred' } },
    })
    expect(cache.stats().memory.entries).toBe(2500)
    expect(cache.peek('thumb:7')).toBeUndefined()
    expect(cache.stats().memory.entries).toBe(2499)
    await clock.advance(60_000)
    expect(cache.stats().memory.entries).toBe(0)
  })

  it('no limit on depth leaves anything stale', async () => {
    const { cache, clock } = opened({ graph: { maxDepth: 2 } })
    for (let i = 1; i < 6; i++) await cache.link(`n${i}`, { dependsOn: `n${i - 1}` })
    for (let i = 0; i < 6; i++) await cache.getOrSet(`n${i}`, () => i)
    const result = await cache.invalidate('n0')
    expect(result).toMatchObject({ reached: 6, beyondDepth: 3 })
    for (let i = 0; i < 6; i++) expect(cache.peek(`n${i}`)).toBeUndefined()
    await clock.advance(60_000)
    expect(cache.stats().memory.entries).toBe(0)
  })

  it('reaches every member of a circle once', async () => {
    for (const cycles of ['break', 'maintain'] as const) {
      const { cache } = opened({ graph: { cycles } })
      await cache.link('a', { dependsOn: 'c' })
      await cache.link('b', { dependsOn: 'a' })
      await cache.link('c', { dependsOn: 'b' })
      const { cascade } = await cache.invalidate('a')
      expect(cascade.map(({ name }) => name).sort()).toEqual(['a', 'b', 'c'])
      expect((await cache.plan('a')).cycles).toHaveLength(1)
    }
  })
})

describe('soft invalidation', () => {
  const policies = { lenient: { ttl: '10m', grace: '10m' } } as const

  it('lets the old value be served while it is loaded again, for its bound and no longer', async () => {
    const { cache, clock } = opened({ policies })
    const read = (value: number, wait?: Promise<void>) =>
      cache.getOrSet('a', async () => (await wait, value), { policy: 'lenient', dependsOn: 'row' })
    await read(1)
    const result = await cache.invalidate('row', { mode: 'soft' })
    expect(result).toMatchObject({
      mode: 'soft',
      consistency: 'eventual',
      tiers: { memory: { status: 'deferred' } },
    })
    expect(cache.peek('a')).toBeUndefined()
    expect(await read(2, new Promise(() => {}))).toBe(1)
    await clock.advance(5000)
    expect(cache.peek('a')).toBeUndefined()
    expect((await cache.explain('a')).state).toBe('invalidated')
  })

  it('is not served for longer, nor as fresh, when the clock is set back', async () => {
    const { cache, clock } = opened({ policies })
    const load = (value: number) => async () => {
      if (value === 2) throw new Error('the source is down')
      return value
    }
    const read = (value: number) =>
      cache.getOrSet('a', load(value), { policy: 'lenient', dependsOn: 'row' }).catch(() => 'failed')
    await read(1)
    await cache.invalidate('row', { mode: 'soft' })
    expect(await read(2)).toBe(1)
    clock.step(-3_600_000)
    expect(await cache.entry('a')).toMatchObject({ state: 'stale' })
    expect(await read(2)).toBe(1)
    await clock.advance(5000)
    expect(await cache.entry('a')).toBeUndefined()
    expect(await read(2)).toBe('failed')
  })

  it('a later one gives an earlier one no more time', async () => {
    const { cache, clock } = opened({ policies })
    await cache.getOrSet('a', () => 1, { policy: 'lenient', dependsOn: 'row' })
    await cache.invalidate('row', { mode: 'soft' })
    await clock.advance(4000)
    await cache.invalidate('row', { mode: 'soft' })
    await clock.advance(1000)
    expect(await cache.entry('a')).toBeUndefined()
  })

  it('of two names, the one that ends sooner ends it', async () => {
    const { cache, clock } = opened({ policies })
    await cache.getOrSet('a', () => 1, { policy: 'lenient', dependsOn: ['x', 'y'] })
    await cache.invalidate('x', { mode: 'soft', consistency: 'relaxed' })
    await cache.invalidate('y', { mode: 'soft' })
    expect(await cache.entry('a')).toMatchObject({ state: 'stale' })
    await clock.advance(5000)
    expect(await cache.entry('a')).toBeUndefined()
  })

  it('is refused where it would break its word', async () => {
    const { cache } = opened()
    const refused = { code: 'E_MODE_UNSUPPORTED' }
    await expect(cache.invalidate('a', { mode: 'soft', consistency: 'strict' })).rejects.toMatchObject(
      refused,
    )
    await expect(cache.invalidate({ prefix: 'a' }, { mode: 'soft' })).rejects.toMatchObject(refused)
  })
})

describe('queued invalidation', () => {
  it('scheduled waits for its tick, background for its own, several calls for a name are one', async () => {
    const { cache, clock } = opened()
    await cache.set('a', 1)
    await cache.set('b', 1)
    const scheduled = await cache.invalidate('a', { strategy: 'scheduled' })
    const background = await Promise.all(
      [1, 2, 3].map(() => cache.invalidate('b', { strategy: 'background' })),
    )
    expect(scheduled).toMatchObject({ status: 'pending', position: null, token: null })
    expect([cache.peek('a'), cache.peek('b')]).toEqual([1, 1])
    const before = cache.stats().log.n
    await clock.advance(60_000)
    expect([cache.peek('a'), cache.peek('b')]).toEqual([1, undefined])
    expect(cache.stats().log.n).toBe(before + 1)
    await clock.advance(240_000)
    expect(cache.peek('a')).toBeUndefined()
    for (const { id } of [scheduled, ...background]) {
      expect(await cache.invalidations.get(id)).toMatchObject({ id, status: 'completed' })
    }
  })

  it('may come by cron, be taken back, and be done again', async () => {
    const { cache, clock } = opened({
      strategies: { scheduled: { cron: '0 3 * * *' } },
      history: { keepFor: '7d' },
    })
    await cache.set('a', 1)
    const { id } = await cache.invalidate('a', { strategy: 'scheduled' })
    expect(await cache.invalidations.cancel(id)).toMatchObject({ status: 'cancelled' })
    await clock.advance(24 * 3_600_000)
    await cache.set('a', 1)
    expect(await cache.invalidations.retry(id)).toMatchObject({ status: 'pending' })
    await clock.advance(24 * 3_600_000)
    expect(await cache.invalidations.get(id)).toMatchObject({ status: 'completed' })
  })

  it('is refused when too many wait', async () => {
    const { cache } = opened({ strategies: { queueMax: 1 } })
    await cache.invalidate('a', { strategy: 'background' })
    await expect(cache.invalidate('b', { strategy: 'background' })).rejects.toMatchObject({
      code: 'E_INVALIDATION_QUEUE_FULL',
    })
  })

  it('is found in the history by what it was', async () => {
    const { cache } = opened()
    await cache.invalidate('a', { actor: 'me' })
    await cache.invalidate('b', { strategy: 'lazy' })
    await cache.invalidate('c', { strategy: 'background' })
    const namesOf = async (query: object) =>
      (await cache.invalidations.list(query)).records.map(({ names }) => names[0])
    expect(await namesOf({})).toEqual(['c', 'b', 'a'])
    expect(await namesOf({ actor: 'me' })).toEqual(['a'])
    expect(await namesOf({ status: 'pending' })).toEqual(['c'])
    expect(await namesOf({ strategy: 'lazy' })).toEqual(['b'])
    expect(await namesOf({ name: 'b' })).toEqual(['b'])
  })
})

describe('a large invalidation', () => {
  it('lists the front of its cascade, counts all of it, and purges it in slices', async () => {
    const { cache, clock } = opened()
    const count = 7000
    for (let i = 0; i < count; i++) await cache.set(`thumb:${i}`, i, { dependsOn: 'settings' })
    await cache.set('other', 1)
    expect(await cache.plan('settings')).toMatchObject({ reached: count + 1, entries: { memory: count } })
    const before = clock.turns
    const result = await cache.invalidate('settings')
    expect(result).toMatchObject({
      reached: count + 1,
      truncated: true,
      tiers: { memory: { purged: count, verified: true } },
    })
    expect(result.cascade.slice(0, 2)).toMatchObject([
      { name: 'settings', depth: 0 },
      { depth: 1, because: 'settings' },
    ])
    expect(clock.turns).toBeGreaterThan(before)
    expect(cache.stats().memory.entries).toBe(1)
  })
})
