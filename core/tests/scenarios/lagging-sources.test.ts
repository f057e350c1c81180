/**
 * Sources that lag: a replica that has not heard yet of what was written, and invalidated, before it was read.
 */
import { describe, expect, it } from 'vitest'
import { opened, gate } from '../opened.ts'

const dependsOn = 'row'

describe('a loader that says of when its source is', () => {
  it('is kept only if nothing it is made from was invalidated since, clocks being what they are', async () => {
    const { cache, clock, take } = opened({ consistency: { clockSkew: '1s' } })
    await clock.advance(60_000)
    await cache.invalidate('row')
    const at = clock.now()
    await clock.advance(10_000)
    take()
    const read = (asOf: number) => cache.getOrSet('page', (load) => (load.asOf(asOf), asOf), { dependsOn })
    for (const asOf of [at - 1, at, at + 1000]) {
      expect(await read(asOf)).toBe(asOf)
      expect(cache.peek('page')).toBeUndefined()
    }
    expect(take().filter((line) => line.startsWith('load'))).toEqual(Array(3).fill('load page older-source'))
    expect(await read(at + 1001)).toBe(at + 1001)
    expect(cache.peek('page')).toBe(at + 1001)
  })

  it('of several moments counts the oldest, and the key counts too', async () => {
    const { cache, clock } = opened()
    await clock.advance(60_000)
    await cache.set('page', 1)
    await cache.invalidate('page')
    const before = clock.now()
    await clock.advance(10_000)
    await cache.getOrSet('page', (load) => (load.asOf(clock.now()), load.asOf(before), 1))
    expect(cache.peek('page')).toBeUndefined()
    await cache.getOrSet('page', (load) => (load.asOf(clock.now()), 2))
    expect(cache.peek('page')).toBe(2)
  })

  it('is older than what happened before the cache began, which nobody knows', async () => {
    const { cache, clock } = opened()
    const before = clock.now() - 1
    await clock.advance(60_000)
    await cache.getOrSet('page', (load) => (load.asOf(before), 1))
    expect(cache.peek('page')).toBeUndefined()
  })

  it('makes what is made from its value no older than that: it is not kept either', async () => {
    const { cache, clock } = opened()
    await clock.advance(60_000)
    await cache.invalidate('row')
    const at = clock.now()
    await clock.advance(10_000)
    const inner = () => cache.getOrSet('inner', (load) => (load.asOf(at), 1), { dependsOn })
    expect(await cache.getOrSet('outer', inner)).toBe(1)
    expect([cache.peek('inner'), cache.peek('outer')]).toEqual([undefined, undefined])
    expect(
      await cache.getOrSet('skipped', () =>
        cache.getOrSet('x', (load) => (load.asOf(at), load.skipStore(), 1), { dependsOn }),
      ),
    ).toBe(1)
    expect(cache.peek('skipped')).toBeUndefined()
  })

  it('shares with those who came before it said so, and with nobody after', async () => {
    const { cache, clock } = opened()
    await clock.advance(60_000)
    await cache.invalidate('row')
    const at = clock.now()
    const [say, end] = [gate(), gate()]
    let loads = 0
    const read = () =>
      cache.getOrSet(
        'page',
        async (load) => {
          const own = ++loads
          await say.passed
          load.asOf(at)
          await end.passed
          return own
        },
        { dependsOn },
      )
    const early = [read(), read()]
    say.open()
    await clock.settle()
    const late = read()
    end.open()
    expect([await Promise.all(early), await late]).toEqual([[1, 1], 2])
  })

  it('has to say it in ms', async () => {
    const { cache } = opened()
    const read = cache.getOrSet('page', (load) => load.asOf('now' as never))
    await expect(read).rejects.toMatchObject({ code: 'E_MOMENT_INVALID' })
  })
})

describe('a policy that holds off', () => {
  const policies = { lagging: { holdOff: '500ms' } } as const

  it('keeps nothing whose load began too soon after an invalidation, however long it took', async () => {
    const { cache, clock, take } = opened({ policies })
    const read = (load: () => unknown) => cache.getOrSet('page', load, { policy: 'lagging', dependsOn })
    await clock.advance(10_000)
    await cache.invalidate('row')
    await clock.advance(499)
    take()
    const wait = gate<number>()
    const held = read(() => wait.passed)
    await clock.advance(10_000)
    wait.open(1)
    expect(await held).toBe(1)
    expect(cache.peek('page')).toBeUndefined()
    expect(take()).toContain('load page held-off')
    await cache.invalidate('row')
    await clock.advance(500)
    await read(() => 2)
    expect(cache.peek('page')).toBe(2)
  })

  it('does so for what it depends on through others, and what is made from it is not kept either', async () => {
    const { cache, clock } = opened({ policies })
    await clock.advance(10_000)
    await cache.link('inner', { dependsOn })
    await clock.advance(10_000)
    const outer = () => cache.getOrSet('outer', () => cache.getOrSet('inner', () => 1, { policy: 'lagging' }))
    await cache.invalidate('row')
    expect(await outer()).toBe(1)
    expect([cache.peek('inner'), cache.peek('outer')]).toEqual([undefined, undefined])
    await clock.advance(500)
    await outer()
    expect([cache.peek('inner'), cache.peek('outer')]).toEqual([1, 1])
  })

  it('gives a load that began too soon to nobody who begins when it is over', async () => {
    const { cache, clock } = opened({ policies })
    await clock.advance(10_000)
    await cache.invalidate('row')
    let loads = 0
    const [name, first] = [gate(), gate()]
    const read = () =>
      cache.getOrSet(
        'page',
        async (load) => {
          const own = ++loads
          if (own === 1) await name.passed
          load.dependsOn('row')
          if (own === 1) await first.passed
          return own
        },
        { policy: 'lagging' },
      )
    const early = read()
    await clock.advance(400)
    const joins = read()
    await clock.advance(200)
    // It is not known yet what the load reads: joined, and refused at the end.
    const late = read()
    name.open()
    await clock.settle()
    const later = read()
    first.open()
    expect([await early, await joins]).toEqual([1, 1])
    expect(await Promise.all([late, later])).not.toContain(1)
  })

  it('gives it to none of them either if there was another invalidation meanwhile', async () => {
    const { cache, clock } = opened({ policies })
    await clock.advance(10_000)
    await cache.invalidate('row')
    let loads = 0
    const first = gate()
    const read = () =>
      cache.getOrSet(
        'page',
        async (load) => {
          const own = ++loads
          if (own === 1) await first.passed
          load.dependsOn('row')
          return own
        },
        { policy: 'lagging' },
      )
    const early = read()
    await clock.advance(600)
    const late = read()
    await clock.advance(100)
    // Of the two the last is known when the load says what it reads.
    await cache.invalidate('row')
    first.open()
    expect(await early).toBe(1)
    expect(await late).not.toBe(1)
  })

  it('takes what it does not know of for just now: what was before the cache began', async () => {
    const { cache, clock } = opened({ policies })
    const read = () => cache.getOrSet('page', () => 1, { policy: 'lagging' })
    await read()
    expect(cache.peek('page')).toBeUndefined()
    await clock.advance(500)
    await read()
    expect(cache.peek('page')).toBe(1)
  })

  it('leaves what others bring alone', async () => {
    const { cache } = opened({ policies })
    await cache.invalidate('row')
    expect(await cache.set('a', 1, { policy: 'lagging', dependsOn })).toMatchObject({ stored: true })
    const since = cache.token()
    expect(await cache.fill('b', 1, { policy: 'lagging', dependsOn, since })).toMatchObject({ stored: true })
  })
})
