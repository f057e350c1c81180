import { describe, expect, it } from 'vitest'
import { gate, opened } from '../opened.ts'

describe('lifetimes', () => {
  it("an entry lives for its policy's TTL: the seed's numbers", async () => {
    const { cache } = opened()
    const lifetimeOf = async (policy: 'default' | 'media' | 'metadata' | 'config') => {
      await cache.set(policy, 1, { policy })
      return (await cache.explain(policy)).lifetimeMs
    }
    expect(await lifetimeOf('default')).toBe(3_600_000)
    expect(await lifetimeOf('media')).toBe(86_400_000)
    expect(await lifetimeOf('metadata')).toBe(300_000)
    expect(await lifetimeOf('config')).toBe(1_800_000)
  })

  it('each read extends it, up to the bound, counted from the time of storing', async () => {
    const { cache, clock } = opened()
    await cache.set('a', 1, { policy: 'metadata' })
    cache.peek('a')
    await clock.advance(599_999)
    expect(cache.peek('a')).toBe(1)
    expect((await cache.explain('a')).lifetimeMs).toBe(1_200_000)
    for (let reads = 0; reads < 10; reads++) cache.peek('a')
    await clock.advance(3_000_000)
    expect(cache.peek('a')).toBe(1)
    await clock.advance(1)
    expect(cache.peek('a')).toBeUndefined()
  })

  it('reads of what has expired extend nothing', async () => {
    const { cache, clock } = opened()
    await cache.set('a', 1, { policy: 'metadata' })
    await clock.advance(300_000)
    for (let reads = 0; reads < 10; reads++) expect(cache.peek('a')).toBeUndefined()
  })

  it('a TTL that a caller gives is kept within the bounds of its policy', async () => {
    const { cache } = opened({ policies: { quick: { ttl: '2s', minTtl: '1s' } } })
    const ttlOf = async (ttl: '1s' | '2m' | '30d', policy: 'default' | 'quick' = 'default') => {
      await cache.set('a', 1, { ttl, policy })
      return (await cache.explain('a')).ttlMs
    }
    expect(await ttlOf('1s')).toBe(60_000)
    expect(await ttlOf('2m')).toBe(120_000)
    expect(await ttlOf('30d')).toBe(86_400_000)
    expect(await ttlOf('1s', 'quick')).toBe(1000)
  })

  it('a loader may choose the TTL of what it loaded, or have it not kept', async () => {
    const { cache, take } = opened()
    await cache.getOrSet('a', (load) => (load.setTtl('2m'), 1))
    expect((await cache.explain('a')).ttlMs).toBe(120_000)
    await cache.getOrSet('b', (load) => (load.skipStore(), 1))
    expect(take()).toContain('load b skipped')
    expect(cache.peek('b')).toBeUndefined()
  })

  it('jitter takes a part of the lifetime off', async () => {
    const { cache } = opened({ policies: { spread: { ttl: '100s', jitter: 0.2 } } })
    await cache.set('a', 1, { policy: 'spread' })
    expect((await cache.explain('a')).lifetimeMs).toBe(90_000)
  })

  it('nothing outlives what it was made from, and no read extends it beyond', async () => {
    const { cache, clock } = opened()
    const page = () =>
      cache.getOrSet('page', () => cache.getOrSet('photo', () => 1, { policy: 'metadata' }), {
        policy: 'media',
      })
    await page()
    expect((await cache.explain('page')).lifetimeMs).toBe(300_000)
    for (let reads = 0; reads < 5; reads++) await page()
    await clock.advance(300_000)
    expect(cache.peek('page')).toBeUndefined()
  })
})

describe('grace', () => {
  const policies = {
    lenient: { ttl: '60s', grace: '60s' },
    patient: { ttl: '60s', grace: '60s', softTimeout: '1s' },
  } as const

  it('serves the stale value at once while it is loaded again', async () => {
    const { cache, clock, take } = opened({ policies })
    let version = 1
    const read = () => cache.getOrSet('a', () => version, { policy: 'lenient' })
    await read()
    await clock.advance(60_000)
    version = 2
    take()
    expect(cache.peek('a')).toBeUndefined()
    expect(await read()).toBe(1)
    await clock.settle()
    expect(take()).toEqual(['miss a', 'stale a loading', 'departed a replaced', 'load a stored'])
    expect(await read()).toBe(2)
  })

  it('ends', async () => {
    const { cache, clock } = opened({ policies })
    await cache.getOrSet('a', () => 1, { policy: 'lenient' })
    await clock.advance(120_000)
    expect(await cache.getOrSet('a', () => 2, { policy: 'lenient' })).toBe(2)
  })

  it('waits for the loader as long as the soft timeout says, and the load goes on behind', async () => {
    const { cache, clock, take } = opened({ policies })
    const source = gate<number>()
    await cache.getOrSet('a', () => 1, { policy: 'patient' })
    await clock.advance(60_000)
    take()
    const asked = cache.getOrSet('a', () => source.passed, { policy: 'patient' })
    await clock.advance(1000)
    expect(await asked).toBe(1)
    source.open(2)
    await clock.settle()
    expect(take()).toEqual(['stale a timeout', 'departed a replaced', 'load a stored'])
    expect(cache.peek('a')).toBe(2)
  })

  it('serves the stale value if the source fails', async () => {
    const { cache, clock, take } = opened({ policies })
    await cache.getOrSet('a', () => 1, { policy: 'patient' })
    await clock.advance(60_000)
    take()
    const down = () => Promise.reject(new Error('down'))
    expect(await cache.getOrSet('a', down, { policy: 'patient' })).toBe(1)
    expect(take()).toEqual(['load a error', "error  refresh of 'a'", 'stale a error'])
  })

  it('never serves what was invalidated, be it while the loader is waited for', async () => {
    const { cache, clock } = opened({ policies })
    const source = gate<number>()
    const options = { policy: 'patient', dependsOn: 'row' } as const
    await cache.getOrSet('a', () => 1, options)
    await clock.advance(60_000)
    const asked = cache.getOrSet('a', () => source.passed, options)
    await clock.settle()
    await cache.invalidate('row')
    expect(await cache.getOrSet('a', () => 2, options)).toBe(2)
    await clock.advance(1000)
    expect(await asked).toBe(2)
    source.open(1)
    await clock.settle()
    expect(cache.peek('a')).toBe(2)
  })

  it('is for good values: an error is not remembered in their place, nor served past its own time', async () => {
    const { cache, clock } = opened({
      policies: {
        flaky: { ttl: '60s', grace: '60s', softTimeout: '1s', errorTtl: '10s', negativeTtl: '10s' },
      },
    })
    const down = () => Promise.reject(new Error('down'))
    await cache.getOrSet('a', () => 1, { policy: 'flaky' })
    await clock.advance(60_000)
    expect(await cache.getOrSet('a', down, { policy: 'flaky' })).toBe(1)
    expect(await cache.getOrSet('a', down, { policy: 'flaky' })).toBe(1)
    await expect(cache.getOrSet('b', down, { policy: 'flaky' })).rejects.toThrow('down')
    await cache.getOrSet('c', () => undefined, { policy: 'flaky' })
    await clock.advance(10_000)
    expect(await cache.getOrSet('b', () => 2, { policy: 'flaky' })).toBe(2)
    expect(await cache.getOrSet('c', () => 3, { policy: 'flaky' })).toBe(3)
  })

  it('is not undone by looking at the entry', async () => {
    const { cache, clock } = opened({
      policies: { growing: { ttl: '60s', accessMultiplier: 2, maxExtension: '1h', grace: '60s' } },
    })
    await cache.set('a', 1, { policy: 'growing' })
    await clock.advance(60_000)
    expect(await cache.entry('a')).toMatchObject({ state: 'stale' })
    expect(await cache.get('a')).toBeUndefined()
    expect(cache.stats()).toMatchObject({ hits: 0, stale: 1, misses: 1 })
  })

  it('a loader is shown the stale value, for a conditional request', async () => {
    const { cache, clock } = opened({ policies })
    await cache.getOrSet('a', () => 'etag-1', { policy: 'lenient' })
    await clock.advance(60_000)
    let shown: unknown
    await cache.getOrSet('a', (load) => (shown = load.stale), { policy: 'lenient' })
    expect(shown).toMatchObject({ value: 'etag-1' })
  })
})

describe('loaders that take long', () => {
  it('fail at the hard timeout, and are told', async () => {
    const { cache, clock } = opened({ policies: { bounded: { hardTimeout: '5s' } } })
    let signal: AbortSignal | undefined
    const asked = cache.getOrSet('a', (load) => ((signal = load.signal), new Promise(() => {})), {
      policy: 'bounded',
    })
    const outcome = expect(asked).rejects.toMatchObject({ code: 'E_LOADING_TIMEOUT' })
    await clock.advance(5000)
    await outcome
    expect(signal?.aborted).toBe(true)
    expect(await cache.getOrSet('a', () => 1, { policy: 'bounded' })).toBe(1)
  })

  it('are begun ahead of expiry by a hit, if the policy says so', async () => {
    const { cache, clock, take } = opened({ policies: { ahead: { ttl: '100s', refreshAhead: 0.8 } } })
    let version = 1
    const read = () => cache.getOrSet('a', () => version++, { policy: 'ahead' })
    await read()
    await clock.advance(79_999)
    expect(await read()).toBe(1)
    await clock.advance(1)
    take()
    expect(await read()).toBe(1)
    await clock.settle()
    expect(take()).toEqual(['hit a', 'departed a replaced', 'load a stored'])
    expect(await read()).toBe(2)
  })
})
