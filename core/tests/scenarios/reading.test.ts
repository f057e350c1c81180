import { describe, expect, it } from 'vitest'
import type { Tier } from '../../src/index.ts'
import { gate, opened } from '../opened.ts'

describe('reading', () => {
  it('a miss loads once, however many ask, and a hit does not load', async () => {
    const { cache, take } = opened()
    const source = gate<string>()
    const asked = [1, 2, 3].map(() => cache.getOrSet('a', () => source.passed))
    source.open('A')
    expect(await Promise.all(asked)).toEqual(['A', 'A', 'A'])
    expect(take()).toEqual(['miss a', 'miss a', 'miss a', 'load a stored'])
    expect(await cache.getOrSet('a', () => 'other')).toBe('A')
    expect(cache.peek('a')).toBe('A')
    expect(await cache.get('a')).toBe('A')
    expect(await cache.has('a')).toBe(true)
    expect(take()).toEqual(['hit a', 'hit a', 'hit a'])
  })

  it('what is not there is undefined, and asking does not load', async () => {
    const { cache, take } = opened()
    expect(cache.peek('a')).toBeUndefined()
    expect(await cache.get('a')).toBeUndefined()
    expect(await cache.has('a')).toBe(false)
    expect(await cache.entry('a')).toBeUndefined()
    expect(take()).toEqual(['miss a', 'miss a', 'miss a'])
  })

  it('many keys are read and set at once', async () => {
    const { cache } = opened()
    await cache.setMany([
      ['a', 1],
      ['b', 2, { ttl: '2m' }],
    ])
    expect(await cache.getMany(['a', 'b', 'c'])).toEqual(
      new Map([
        ['a', 1],
        ['b', 2],
      ]),
    )
  })

  it('of many keys none is given that was invalidated while another was waited for', async () => {
    const slow = gate()
    const none = async () => []
    const tier: Tier = {
      ...{ name: 'slow', held: none, dependents: none, withPrefix: none },
      get: (key) => (key === 'b' ? slow.passed.then(() => undefined) : undefined),
      put: () => Promise.resolve(),
      delete: () => Promise.resolve(0),
      close: () => Promise.resolve(),
    }
    const { cache } = opened({ tiers: [tier] })
    await cache.getOrSet('a', () => 'old')
    const many = cache.getMany(['a', 'b'])
    await cache.invalidate(['a', 'b'])
    await cache.set('b', 'new')
    slow.open()
    expect((await many).get('a')).toBeUndefined()
  })

  it('an error of a loader reaches every caller and is not remembered', async () => {
    const { cache, take } = opened()
    const source = gate<string>()
    const asked = [1, 2].map(() => cache.getOrSet('a', () => source.passed))
    source.fail(new Error('source is down'))
    const outcomes = await Promise.allSettled(asked)
    expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected'])
    expect(take()).toContain('load a error')
    expect(await cache.getOrSet('a', () => 'A')).toBe('A')
  })

  it('an error is remembered for its own time if the policy asks for it', async () => {
    const { cache, clock } = opened({ policies: { flaky: { errorTtl: '10s' } } })
    let loads = 0
    const read = () =>
      cache.getOrSet('a', () => Promise.reject(new Error(`down ${++loads}`)), { policy: 'flaky' })
    await expect(read()).rejects.toThrow('down 1')
    await expect(read()).rejects.toThrow('down 1')
    expect(cache.peek('a')).toBeUndefined()
    await clock.advance(10_000)
    await expect(read()).rejects.toThrow('down 2')
  })

  it('undefined is not kept, unless the policy remembers what is not there', async () => {
    const { cache, clock } = opened({ policies: { lookup: { negativeTtl: '30s' } } })
    let loads = 0
    const read = (policy: 'lookup' | 'default') =>
      cache.getOrSet(`a:${policy}`, () => void loads++, { policy })
    await read('default')
    await read('default')
    expect(loads).toBe(2)
    await read('lookup')
    await read('lookup')
    expect(loads).toBe(3)
    expect(await cache.has('a:lookup')).toBe(true)
    await clock.advance(30_000)
    await read('lookup')
    expect(loads).toBe(4)
  })

  it('values are handed out as they are, frozen or copied, as the cache was told', async () => {
    const asIs = opened().cache
    const frozen = opened({ memory: { values: 'freeze' } }).cache
    const cloned = opened({ memory: { values: 'clone' } }).cache
    const load = () => ({ list: [1] })
    const first = await asIs.getOrSet('a', load)
    expect(await asIs.getOrSet('a', load)).toBe(first)
    expect(Object.isFrozen((await frozen.getOrSet('a', load)).list)).toBe(true)
    const copy = await cloned.getOrSet('a', load)
    copy.list.push(2)
    expect(await cloned.getOrSet('a', load)).toEqual({ list: [1] })
    expect(cloned.peek('a')).toEqual({ list: [1] })
  })

  it('without memory every read loads, and nothing is kept', async () => {
    const { cache, take } = opened({ memory: false })
    await cache.getOrSet('a', () => 'A')
    await cache.getOrSet('a', () => 'A')
    expect(take()).toEqual(['miss a', 'load a no-room', 'miss a', 'load a no-room'])
  })

  it('entries that nobody read go first when memory is full', async () => {
    const { cache, take } = opened({ memory: { maxEntries: 2 } })
    await cache.set('a', 1)
    await cache.set('b', 2)
    cache.peek('a')
    await cache.set('c', 3)
    expect(take()).toContain('departed b evicted')
    expect((await cache.explain('b')).went).toMatchObject({ why: 'evicted' })
    expect(cache.stats().memory).toMatchObject({ entries: 2, evictions: 1 })
  })

  it.each([[[]], [{}], [new Date(0)], [new Map()], [''], [[[]]]])('%o can be stored', async (value) => {
    const { cache } = opened()
    expect(await cache.set('a', value)).toMatchObject({ stored: true })
    expect(cache.peek('a')).toBe(value)
  })

  it('after close everything is refused, and loads under way end', async () => {
    const { cache } = opened()
    let aborted: unknown
    const asked = cache.getOrSet('a', (load) => {
      load.signal.addEventListener('abort', () => (aborted = load.signal.reason))
      return new Promise(() => {})
    })
    const outcome = expect(asked).rejects.toMatchObject({ code: 'E_CACHE_CLOSED' })
    await Promise.resolve()
    await cache.close()
    await outcome
    expect(aborted).toMatchObject({ code: 'E_CACHE_CLOSED' })
    await expect(cache.get('a')).rejects.toMatchObject({ code: 'E_CACHE_CLOSED' })
    await expect(cache.invalidate('a')).rejects.toMatchObject({ code: 'E_CACHE_CLOSED' })
    await cache.close()
  })
})
