import { describe, expect, it } from 'vitest'
import type { Cache } from '../../src/index.ts'
import { opened } from '../opened.ts'

describe('a source that fails', () => {
  const policies = {
    lenient: { ttl: '1m', grace: '1h' },
    patient: { ttl: '1m', grace: '1h', softTimeout: '1s' },
    ahead: { ttl: '100s', refreshAhead: 0.5 },
  } as const

  /** A read of `a`, and how often its source was asked. */
  function reading(cache: Cache<keyof typeof policies>, policy: keyof typeof policies) {
    const source = { loads: 0, isDown: false }
    const load = () => {
      source.loads++
      if (source.isDown) throw new Error('down')
      return source.loads
    }
    return { source, read: () => cache.getOrSet('a', load, { policy }) }
  }

  it('is not asked by every read of a value in grace, but after waits that double to a minute', async () => {
    const { cache, clock, take } = opened({ policies })
    const { source, read } = reading(cache, 'lenient')
    await read()
    await clock.advance(60_000)
    source.isDown = true
    expect(await read()).toBe(1)
    await clock.settle()
    take()
    for (let reads = 0; reads < 100; reads++) expect(await read()).toBe(1)
    expect(source.loads).toBe(2)
    expect(take()).toEqual(Array(100).fill('stale a error'))
    const waits: number[] = []
    for (let failure = 0; failure < 9; failure++) {
      const { loads } = source
      let seconds = 0
      for (; source.loads === loads; seconds += 0.25) {
        await clock.advance(250)
        await read()
        await clock.settle()
      }
      waits.push(seconds)
    }
    expect(waits).toEqual([0.75, 1.5, 3, 6, 12, 24, 45, 45, 45])
  })

  it('is asked as ever once it gave a value', async () => {
    const { cache, clock } = opened({ policies })
    const { source, read } = reading(cache, 'lenient')
    await read()
    for (let outage = 0; outage < 2; outage++) {
      await clock.advance(60_000)
      source.isDown = true
      await read()
      await clock.advance(750)
      source.isDown = false
      await read()
      await clock.settle()
    }
    expect(source.loads).toBe(5)
    expect(await read()).toBe(5)
  })

  it('is waited for by no soft timeout meanwhile', async () => {
    const { cache, clock, take } = opened({ policies })
    const { source, read } = reading(cache, 'patient')
    await read()
    await clock.advance(60_000)
    source.isDown = true
    await read()
    take()
    expect([await read(), take()]).toEqual([1, ['stale a error']])
  })

  it('is not asked ahead by every hit', async () => {
    const { cache, clock } = opened({ policies })
    const { source, read } = reading(cache, 'ahead')
    await read()
    await clock.advance(60_000)
    source.isDown = true
    for (let reads = 0; reads < 10; reads++) {
      expect(await read()).toBe(1)
      await clock.settle()
    }
    expect(source.loads).toBe(2)
  })

  it('is not left alone for loads that failed when there was nothing to serve', async () => {
    const { cache, clock } = opened({ policies })
    const { source, read } = reading(cache, 'lenient')
    source.isDown = true
    for (let reads = 0; reads < 3; reads++) await expect(read()).rejects.toThrow('down')
    await cache.set('a', 1, { policy: 'lenient' })
    await clock.advance(60_000)
    await read()
    await clock.advance(750)
    await read()
    await clock.settle()
    expect(source.loads).toBe(5)
  })

  it('is asked at once by a read that has nothing to serve', async () => {
    const { cache, clock } = opened({ policies })
    const { source, read } = reading(cache, 'lenient')
    await read()
    await clock.advance(60_000)
    source.isDown = true
    await read()
    await clock.settle()
    await cache.invalidate('a')
    await expect(read()).rejects.toThrow('down')
    await expect(read()).rejects.toThrow('down')
    expect(source.loads).toBe(4)
    source.isDown = false
    expect(await read()).toBe(5)
  })

  it('is not left alone because somebody sets the wall clock back', async () => {
    const { cache, clock } = opened({ policies })
    const { source, read } = reading(cache, 'lenient')
    await read()
    await clock.advance(60_000)
    source.isDown = true
    await read()
    await clock.settle()
    clock.step(-120_000)
    await cache.invalidate('a', { mode: 'soft', consistency: 'relaxed' })
    source.isDown = false
    await read()
    await clock.settle()
    expect(source.loads).toBe(3)
  })
})
