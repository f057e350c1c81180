import { describe, expect, it } from 'vitest'
import { createCache } from '../../src/index.ts'
import { gate, opened } from '../opened.ts'

describe('tracking', () => {
  it('what a loader reads through the cache is what its value depends on, however deep', async () => {
    const { cache } = opened()
    const row = () => cache.getOrSet('row', (load) => (load.dependsOn('table'), 1))
    const list = () => cache.getOrSet('list', row)
    await cache.getOrSet('page', list)
    expect((await cache.explain('page')).dependencies).toMatchObject([
      { name: 'list', kind: 'direct' },
      { name: 'row', kind: 'inherited' },
      { name: 'table', kind: 'inherited' },
    ])
    await cache.invalidate('table')
    expect([cache.peek('row'), cache.peek('list'), cache.peek('page')]).toEqual([
      undefined,
      undefined,
      undefined,
    ])
  })

  it('asking for what is not there is a dependency on its coming', async () => {
    const { cache } = opened()
    await cache.getOrSet('page', async () => (await cache.get('banner')) ?? 'none')
    await cache.set('banner', 'sale')
    expect(cache.peek('page')).toBeUndefined()
  })

  it('peek, has, entry and getMany are reads like any other', async () => {
    const { cache } = opened()
    const reads = {
      peek: () => cache.peek('row'),
      has: () => cache.has('row'),
      entry: () => cache.entry('row'),
      getMany: () => cache.getMany(['row']),
    }
    for (const [name, read] of Object.entries(reads)) {
      await cache.set('row', 1, { dependsOn: 'table' })
      await cache.getOrSet(name, async () => String(await read()))
      const { dependencies } = await cache.explain(name)
      expect(dependencies.map((dependency) => dependency.name)).toEqual(['row', 'table'])
    }
  })

  it('the explicit load tracks without any context, and the context can be switched off', async () => {
    const { cache } = opened({ tracking: 'explicit' })
    await cache.set('row', 1)
    await cache.getOrSet('explicit', (load) => load.get('row'))
    await cache.getOrSet('peeking', (load) => load.peek('row'))
    await cache.getOrSet('nested', (load) => load.getOrSet('inner', (inner) => inner.get('row')))
    await cache.getOrSet('untracked', () => cache.get('row'))
    await cache.invalidate('row')
    expect(cache.peek('explicit')).toBeUndefined()
    expect(cache.peek('peeking')).toBeUndefined()
    expect(cache.peek('nested')).toBeUndefined()
    expect(cache.peek('untracked')).toBe(1)
  })

  it('what is cached of a dependency named by hand is inherited', async () => {
    const { cache } = opened()
    await cache.set('photo', 1, { dependsOn: 'file' })
    await cache.set('thumb', 2, { dependsOn: 'photo' })
    await cache.invalidate('file')
    expect(cache.peek('thumb')).toBeUndefined()
  })

  it('a dependency loaded anew with more dependencies takes those along that were made from it before', async () => {
    const { cache } = opened()
    await cache.set('page', 1, { dependsOn: 'list' })
    await cache.getOrSet('list', (load) => (load.dependsOn('file'), 1))
    expect(cache.peek('page')).toBeUndefined()
    expect(cache.peek('list')).toBe(1)
  })

  it('a read after the loader ended is refused, as it would not be tracked', async () => {
    const { cache } = opened()
    const ended = gate()
    let late: Promise<unknown> | undefined
    await cache.getOrSet('a', () => {
      late = ended.passed.then(() => cache.getOrSet('b', () => 1))
      late.catch(() => undefined)
      return 1
    })
    ended.open()
    await expect(late).rejects.toMatchObject({ code: 'E_LOADING_ENDED', details: { key: 'a', name: 'b' } })
    await expect(cache.getOrSet('b', () => 1)).resolves.toBe(1)
  })

  it('a read that comes too late is refused though others read outside of loaders meanwhile', async () => {
    const { cache } = opened()
    const ended = gate()
    let late: Promise<unknown> | undefined
    await cache.getOrSet('a', () => {
      late = ended.passed.then(() => cache.peek('b'))
      late.catch(() => undefined)
      return 1
    })
    ended.open()
    cache.peek('b')
    await expect(late).rejects.toMatchObject({ code: 'E_LOADING_ENDED', details: { key: 'a', name: 'b' } })
  })

  it('a read in a loader is tracked though its caller has just read outside of it', async () => {
    const { cache } = opened()
    const within = createCache()
    cache.peek('row')
    await cache.getOrSet('at once', () => cache.peek('row') ?? 1)
    await cache.getOrSet(
      'after untracked',
      () => (cache.untracked(() => cache.peek('x')), cache.peek('row') ?? 1),
    )
    await cache.getOrSet('through another', () => within.getOrSet('y', () => cache.peek('row') ?? 1))
    for (const key of ['at once', 'after untracked', 'through another'])
      expect((await cache.explain(key)).dependencies.map(({ name }) => name)).toEqual(['row'])
    await within.close()
  })

  it('work that outlives its loader is let go with untracked', async () => {
    const { cache } = opened()
    let late: Promise<unknown> | undefined
    await cache.getOrSet('a', () => {
      late = cache.untracked(async () => {
        await new Promise((resolve) => setImmediate(resolve))
        return cache.getOrSet('b', () => 1)
      })
      return 1
    })
    expect(await late).toBe(1)
    expect((await cache.explain('a')).dependencies).toEqual([])
  })

  it('caches that are nested in each other track each its own reads', async () => {
    const outer = createCache()
    const inner = createCache()
    await outer.set('x', 1)
    await inner.set('y', 1)
    await outer.getOrSet('a', () =>
      inner.getOrSet('b', async () => [await outer.get('x'), await inner.get('y')]),
    )
    expect((await outer.explain('a')).dependencies.map(({ name }) => name)).toEqual(['x'])
    expect((await inner.explain('b')).dependencies.map(({ name }) => name)).toEqual(['y'])
    await outer.close()
    await inner.close()
  })
})

describe('loaders that wait for each other', () => {
  it('in a circle are an error that names the circle', async () => {
    const { cache } = opened()
    const load = (key: string, next: string): Promise<unknown> => cache.getOrSet(key, () => load(next, key))
    await expect(load('a', 'b')).rejects.toMatchObject({
      code: 'E_LOADING_CYCLE',
      details: { path: ['b', 'a', 'b'] },
    })
    await expect(cache.getOrSet('self', () => cache.getOrSet('self', () => 1))).rejects.toMatchObject({
      code: 'E_LOADING_CYCLE',
    })
  })

  it('from two sides are an error too, and not a hang', async () => {
    const { cache } = opened()
    const both = gate()
    let begun = 0
    const crossing = (key: string, other: string) =>
      cache.getOrSet(key, async () => {
        if (++begun === 2) both.open()
        await both.passed
        return cache.getOrSet(other, () => 1)
      })
    const outcomes = await Promise.allSettled([crossing('a', 'b'), crossing('b', 'a')])
    expect(outcomes).toContainEqual(
      expect.objectContaining({ reason: expect.objectContaining({ code: 'E_LOADING_CYCLE' }) }),
    )
  })

  it('with the explicit load, likewise', async () => {
    const { cache } = opened({ tracking: 'explicit' })
    await expect(cache.getOrSet('a', (load) => load.getOrSet('a', () => 1))).rejects.toMatchObject({
      code: 'E_LOADING_CYCLE',
    })
  })
})

describe('a load that is overtaken by an invalidation', () => {
  it('serves those who asked before, and is not kept', async () => {
    const { cache, take } = opened()
    const source = gate<number>()
    const before = cache.getOrSet('a', () => source.passed, { dependsOn: 'row' })
    await cache.invalidate('row')
    source.open(1)
    expect(await before).toBe(1)
    expect(take()).toEqual(['miss a', 'load a doomed'])
    expect(cache.peek('a')).toBeUndefined()
  })

  it('is not joined by those who ask after', async () => {
    const { cache } = opened()
    const source = gate<number>()
    const before = cache.getOrSet('a', () => source.passed, { dependsOn: 'row' })
    await cache.invalidate('row')
    expect(await cache.getOrSet('a', () => 2, { dependsOn: 'row' })).toBe(2)
    source.open(1)
    expect(await before).toBe(1)
    expect(cache.peek('a')).toBe(2)
  })

  it('is loaded again for those who joined after, if the dependency was declared too late to know', async () => {
    const { cache } = opened()
    const source = gate<number>()
    let loads = 0
    const read = () =>
      cache.getOrSet('a', async (load) => {
        const value = loads++ === 0 ? await source.passed : 2
        load.dependsOn('row')
        return value
      })
    const before = read()
    await cache.invalidate('row')
    const after = read()
    source.open(1)
    expect(await before).toBe(1)
    expect(await after).toBe(2)
    expect(cache.peek('a')).toBe(2)
  })

  it('takes what was being made from it along', async () => {
    const { cache } = opened()
    const source = gate<number>()
    const page = cache.getOrSet('page', () => cache.getOrSet('a', () => source.passed, { dependsOn: 'row' }))
    await cache.invalidate('row')
    source.open(1)
    expect(await page).toBe(1)
    expect(cache.peek('page')).toBeUndefined()
    expect(await cache.getOrSet('page', () => 2)).toBe(2)
  })

  it('that never stops ends in a private load', async () => {
    const { cache } = opened()
    let loads = 0
    const read = () =>
      cache.getOrSet('a', async (load) => {
        const version = ++loads
        await cache.invalidate('row')
        load.dependsOn('row')
        return version
      })
    const [first, second] = await Promise.all([read(), read()])
    expect(first).toBe(1)
    expect(second).toBeGreaterThanOrEqual(1)
    expect(loads).toBeLessThanOrEqual(5)
    expect(cache.peek('a')).toBeUndefined()
  })
})
