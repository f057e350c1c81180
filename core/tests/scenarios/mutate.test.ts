/**
 * Writes at the source that go through the cache: from before they begin until what was made before is gone.
 */
import { afterEach, describe, expect, it } from 'vitest'
import { createCache, type BuiltInPolicy, type Cache, type CacheOptions } from '../../src/index.ts'
import { disk } from '../../src/disk.ts'
import { TestClock } from '../clock.ts'
import { directory } from '../directories.ts'
import { gate, opened } from '../opened.ts'

type Any = Cache<BuiltInPolicy>

const caches: Any[] = []

afterEach(async () => {
  for (const cache of caches.splice(0)) await cache.close()
})

function onDisk(path: string, clock: TestClock, options: CacheOptions<never> = {}): Any {
  const cache = createCache({ clock, disk: disk({ path }), ...options })
  caches.push(cache)
  return cache
}

/** A write that has begun, and ends when it is told to. */
async function writing(cache: Any, names: string | string[], within?: number) {
  const [begun, end] = [gate(), gate<string>()]
  const written = cache.mutate(names, () => (begun.open(), end.passed), { within })
  written.catch(() => undefined)
  await begun.passed
  return { written, end }
}

describe('a write at the source', () => {
  it('gives what the function gave, and what its invalidation did', async () => {
    const { cache } = opened()
    await cache.set('page', 1, { dependsOn: 'row' })
    const { value, result } = await cache.mutate('row', () => 'written', { reason: 'why', actor: 'who' })
    expect(value).toBe('written')
    expect(result).toMatchObject({
      status: 'completed',
      names: ['row'],
      consistency: 'strict',
      reason: 'why',
    })
    expect((await cache.invalidations.list()).records.map(({ id }) => id)).toEqual([result.id])
    expect(cache.peek('page')).toBeUndefined()
  })

  it('keeps nothing meanwhile that depends on it, by itself, through others, or by a link or rule', async () => {
    const { cache } = opened()
    await cache.link('linked', { dependsOn: 'row' })
    await cache.rule('thumb:{id}', { dependsOn: 'linked' })
    const read = {
      row: () => cache.getOrSet('row', () => 1),
      page: () => cache.getOrSet('page', () => 1, { dependsOn: 'row' }),
      outer: () => cache.getOrSet('outer', () => read.page()),
      linked: () => cache.getOrSet('linked', () => 1),
      'thumb:1': () => cache.getOrSet('thumb:1', () => 1),
      other: () => cache.getOrSet('other', () => 1),
    }
    for (const each of Object.values(read)) await each()
    const { written, end } = await writing(cache, 'row')
    for (const each of Object.values(read)) expect(await each()).toBe(1)
    const held = () => Object.keys(read).filter((key) => cache.peek(key) !== undefined)
    expect(held()).toEqual(['other'])
    expect(await cache.set('page', 2, { dependsOn: 'row' })).toMatchObject({ refused: 'invalidated' })
    end.open('done')
    await written
    expect(held()).toEqual(['other'])
    for (const each of Object.values(read)) await each()
    expect(held()).toEqual(Object.keys(read))
  })

  it('does not let a load that began before, or during it, put its value back', async () => {
    const { cache } = opened()
    const [before, during] = [gate<string>(), gate<string>()]
    const first = cache.getOrSet('a', () => before.passed, { dependsOn: 'row' })
    const { written, end } = await writing(cache, 'row')
    const second = cache.getOrSet('b', () => during.passed, { dependsOn: 'row' })
    const since = cache.token()
    end.open('done')
    await written
    before.open('old')
    during.open('old')
    expect(await Promise.all([first, second])).toEqual(['old', 'old'])
    const filled = await cache.fill('c', 'old', { since, dependsOn: 'row' })
    expect([cache.peek('a'), cache.peek('b'), filled.stored]).toEqual([undefined, undefined, false])
  })

  it('shares a load only with those who asked before it was known what is read', async () => {
    const { cache } = opened()
    const { written, end } = await writing(cache, 'row')
    let loads = 0
    const [first, rest] = [gate(), gate()]
    const read = () =>
      cache.getOrSet('page', async (load) => {
        const own = ++loads
        await first.passed
        load.dependsOn('row')
        await rest.passed
        return own
      })
    const early = [read(), read()]
    first.open()
    await new Promise((resolve) => setImmediate(resolve))
    const late = [read(), read()]
    rest.open()
    expect(await Promise.all(early)).toEqual([1, 1])
    expect(new Set(await Promise.all(late)).has(1)).toBe(false)
    end.open('done')
    await written
  })

  it('gives nobody a load that waits for one of what is being written', async () => {
    const { cache } = opened()
    let source = 'old'
    const { written, end } = await writing(cache, 'row')
    const inner = gate()
    const read = (isFirst = false) =>
      cache.getOrSet('outer', () =>
        cache.getOrSet(
          'inner',
          async () => {
            const value = source
            if (isFirst) await inner.passed
            return value
          },
          { dependsOn: 'row' },
        ),
      )
    const first = read(true)
    await new Promise((resolve) => setImmediate(resolve))
    source = 'new'
    const second = read()
    inner.open()
    expect([await first, await second]).toEqual(['old', 'new'])
    end.open('done')
    await written
  })

  it('that fails has perhaps written: the names are invalidated, and its error is thrown', async () => {
    const { cache } = opened()
    await cache.set('page', 1, { dependsOn: 'row' })
    await expect(cache.mutate('row', () => Promise.reject(new Error('constraint')))).rejects.toThrow(
      'constraint',
    )
    expect(cache.peek('page')).toBeUndefined()
    expect((await cache.invalidations.list()).records).toMatchObject([
      { names: ['row'], status: 'completed' },
    ])
    await cache.getOrSet('page', () => 2, { dependsOn: 'row' })
    expect(cache.peek('page')).toBe(2)
  })

  it('by two writers ends when both have ended', async () => {
    const { cache } = opened()
    const [one, two] = [await writing(cache, 'row'), await writing(cache, ['row', 'other'])]
    one.end.open('done')
    await one.written
    await cache.getOrSet('page', () => 1, { dependsOn: 'row' })
    expect(cache.peek('page')).toBeUndefined()
    two.end.open('done')
    await two.written
    await cache.getOrSet('page', () => 1, { dependsOn: 'row' })
    expect(cache.peek('page')).toBe(1)
  })

  it('follows links that come and go meanwhile', async () => {
    const { cache } = opened()
    await cache.link('leaving', { dependsOn: 'row' })
    const load = gate<number>()
    const { written, end } = await writing(cache, 'row')
    const before = cache.getOrSet('reader', () => load.passed, { dependsOn: 'leaving' })
    await cache.getOrSet('coming', () => 1)
    expect(cache.peek('coming')).toBe(1)
    await cache.link('coming', { dependsOn: 'row' })
    expect(cache.peek('coming')).toBeUndefined()
    await cache.getOrSet('coming', () => 1)
    expect(cache.peek('coming')).toBeUndefined()
    await cache.unlink('leaving', { dependsOn: 'row' })
    load.open(1)
    await before
    expect(cache.peek('reader')).toBeUndefined()
    end.open('done')
    await written
    await cache.getOrSet('coming', () => 2)
    expect(cache.peek('coming')).toBe(2)
  })

  it('of a name with very many dependents keeps none of them', async () => {
    const { cache } = opened()
    const thumbs = Array.from({ length: 3000 }, (_, i) => `thumb:${i}`)
    for (const thumb of thumbs) await cache.link(thumb, { dependsOn: 'album' })
    const { written, end } = await writing(cache, 'album')
    for (const thumb of [thumbs[0], thumbs[2999]] as string[]) {
      await cache.getOrSet(thumb, () => 1)
      expect(cache.peek(thumb)).toBeUndefined()
    }
    await cache.getOrSet('other', () => 1)
    expect(cache.peek('other')).toBe(1)
    end.open('done')
    await written
  })

  it('is asked for with options that it has', async () => {
    const { cache } = opened()
    const mutate = (options: object, names: string | string[] = 'a') => cache.mutate(names, () => 1, options)
    await expect(mutate({ strategy: 'background' })).rejects.toMatchObject({ code: 'E_STRATEGY_UNSUPPORTED' })
    await expect(mutate({ within: '0s' })).rejects.toMatchObject({ code: 'E_DURATION_INVALID' })
    await expect(mutate({ mode: 'soft' })).rejects.toMatchObject({ code: 'E_OPTIONS_INVALID' })
    await expect(mutate({}, [])).rejects.toMatchObject({ code: 'E_TARGET_EMPTY' })
    expect((await mutate({ strategy: 'lazy', consistency: 'eventual' })).result.status).toBe('completed')
  })
})

describe('a write that takes too long', () => {
  it('counts as one that was made when its time has run out, and says so', async () => {
    const { cache, clock } = opened()
    const { written, end } = await writing(cache, 'row', 10_000)
    const load = gate<number>()
    const during = cache.getOrSet('a', () => load.passed, { dependsOn: 'row' })
    await clock.advance(9000)
    await cache.getOrSet('page', () => 1, { dependsOn: 'row' })
    expect(cache.peek('page')).toBeUndefined()
    await clock.advance(2000)
    load.open(1)
    await during
    expect(cache.peek('a')).toBeUndefined()
    await cache.getOrSet('page', () => 1, { dependsOn: 'row' })
    expect(cache.peek('page')).toBe(1)
    end.open('written')
    await expect(written).rejects.toMatchObject({
      code: 'E_MUTATE_LATE',
      details: { value: 'written', result: { status: 'completed' } },
    })
    expect(cache.peek('page')).toBeUndefined()
  })

  it('leaves nothing behind when it was in time', async () => {
    const { cache, clock } = opened()
    await cache.invalidate('row')
    await clock.advance(60_000)
    const before = clock.waiting
    for (let i = 0; i < 5; i++) await cache.mutate('row', () => 1)
    await cache.getOrSet('page', () => 1, { dependsOn: 'row' })
    await clock.advance(60_000)
    expect(cache.peek('page')).toBe(1)
    expect(clock.waiting).toBe(before)
  })
})

describe('with several caches on one directory', () => {
  async function two(): Promise<{ a: Any; b: Any; clock: TestClock; path: string }> {
    const [path, clock] = [directory(), new TestClock()]
    const [a, b] = [onDisk(path, clock), onDisk(path, clock)]
    await expect
      .poll(() => [a, b].map((cache) => (cache.token(), cache.stats().disk?.others)))
      .toEqual([1, 1])
    return { a, b, clock, path }
  }

  it('the others keep nothing either', async () => {
    const { a, b } = await two()
    await b.getOrSet('page', () => 1, { dependsOn: 'row' })
    const { written, end } = await writing(a, 'row')
    expect(await b.getOrSet('page', () => 2, { dependsOn: 'row' })).toBe(2)
    expect(b.peek('page')).toBeUndefined()
    end.open('done')
    await written
    await b.getOrSet('page', () => 3, { dependsOn: 'row' })
    expect(await a.get('page')).toBe(3)
  })

  it('one that joins knows of what is being written, from records or from a snapshot', async () => {
    const { a, b, clock, path } = await two()
    const { written, end } = await writing(a, 'row')
    await Promise.all(Array.from({ length: 300 }, (_, i) => a.invalidate(`other:${i}`, { strategy: 'lazy' })))
    // It writes a snapshot then.
    await b.close()
    const c = onDisk(path, clock)
    await c.getOrSet('page', () => 1, { dependsOn: 'row' })
    expect(c.peek('page')).toBeUndefined()
    end.open('done')
    await written
  })

  it('a writer that dies over it is ended by the others, when its time has run out', async () => {
    const { a, b, clock } = await two()
    const { written, end } = await writing(a, 'row', 10_000)
    // As good as dead: it is never heard of again.
    await a.close()
    await b.getOrSet('page', () => 1, { dependsOn: 'row' })
    expect(b.peek('page')).toBeUndefined()
    await clock.advance(11_000)
    await expect
      .poll(async () => (await b.getOrSet('page', () => 2, { dependsOn: 'row' }), b.peek('page')))
      .toBe(2)
    end.open('too late')
    await expect(written).rejects.toMatchObject({ code: 'E_CACHE_CLOSED' })
  })

  it('and all of them dead, by the next that opens the directory', async () => {
    const { a, b, clock, path } = await two()
    await writing(a, 'row', 10_000)
    await a.close()
    await b.close()
    clock.step(3_600_000)
    const c = onDisk(path, clock)
    await c.getOrSet('page', () => 1, { dependsOn: 'row' })
    expect(c.peek('page')).toBeUndefined()
    await clock.advance(1000)
    await expect
      .poll(async () => (await c.getOrSet('page', () => 2, { dependsOn: 'row' }), c.peek('page')))
      .toBe(2)
  })
})
