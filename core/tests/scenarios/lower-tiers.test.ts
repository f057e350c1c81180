import { describe, expect, it } from 'vitest'
import { MapTier } from '../map-tier.ts'
import { opened } from '../opened.ts'

describe('tiers below memory', () => {
  it('are written through, and read when memory has nothing', async () => {
    const lower = new MapTier()
    const { cache } = opened({ tiers: [lower], memory: { maxEntries: 1 } })
    await cache.set('a', 1, { dependsOn: 'row' })
    await cache.set('b', 2)
    const tiers: string[] = []
    cache.on('hit', ({ tier }) => tiers.push(tier))
    expect(await cache.getOrSet('a', () => 'not asked')).toBe(1)
    expect(await cache.getOrSet('a', () => 'not asked')).toBe(1)
    expect(tiers).toEqual(['lower', 'memory'])
    expect(await cache.explain('b')).toMatchObject({ state: 'fresh', tier: 'lower' })
    await cache.invalidate('row')
    expect(lower.entries.has('a')).toBe(false)
  })

  it('serve nothing that was invalidated, whatever they still hold', async () => {
    const lower = new MapTier()
    const { cache } = opened({ tiers: [lower], memory: { maxEntries: 1 } })
    await cache.set('a', 1, { dependsOn: 'row' })
    await cache.set('b', 2)
    await cache.invalidate('row', { strategy: 'lazy' })
    expect(lower.entries.has('a')).toBe(true)
    expect(await cache.get('a')).toBeUndefined()
    expect(await cache.getOrSet('a', () => 3, { dependsOn: 'row' })).toBe(3)
  })

  it('work without memory in between', async () => {
    const lower = new MapTier()
    const { cache } = opened({ tiers: [lower], memory: false })
    await cache.getOrSet('a', () => 1, { dependsOn: 'row' })
    expect(await cache.getOrSet('a', () => 2)).toBe(1)
    await cache.invalidate('row')
    expect(await cache.getOrSet('a', () => 2)).toBe(2)
  })

  it('that fail are passed by, told of, and make an invalidation say that it is not complete', async () => {
    const lower = new MapTier()
    const { cache, clock, take } = opened({ tiers: [lower], consistency: { strict: { retries: 1 } } })
    await cache.set('a', 1)
    lower.failure = new Error('disk is gone')
    expect(await cache.getOrSet('b', () => 2)).toBe(2)
    await clock.settle()
    expect(take().filter((line) => line.startsWith('error'))).toEqual([
      "error  get 'b' from lower",
      "error  put 'b' into lower",
    ])
    const invalidated = cache.invalidate('a').catch((error: unknown) => error)
    await clock.advance(1000)
    const error = await invalidated
    expect(error).toMatchObject({
      code: 'E_INVALIDATION_INCOMPLETE',
      details: {
        result: {
          status: 'failed',
          attempts: 2,
          tiers: { memory: { status: 'purged' }, lower: { status: 'failed', error: 'disk is gone' } },
        },
      },
    })
    lower.failure = undefined
    expect(await cache.get('a')).toBeUndefined()
    const [record] = (await cache.invalidations.list({ status: 'failed' })).records
    expect(await cache.invalidations.retry(record?.id ?? '')).toMatchObject({ status: 'completed' })
  })

  it('that keep what they were told to delete are found out', async () => {
    const lower = new MapTier()
    lower.forgetsDeletes = true
    const { cache } = opened({ tiers: [lower], consistency: { strict: { retries: 0 } } })
    await cache.set('a', 1)
    await expect(cache.invalidate('a')).rejects.toMatchObject({
      details: { result: { tiers: { lower: { status: 'failed', held: ['a'] } } } },
    })
    expect(await cache.get('a')).toBeUndefined()
  })

  it('are closed with the cache, after what is being written', async () => {
    const lower = new MapTier()
    const { cache } = opened({ tiers: [lower] })
    await cache.set('a', 1)
    await cache.close()
    expect([lower.closed, lower.entries.has('a')]).toEqual([true, true])
  })
})
