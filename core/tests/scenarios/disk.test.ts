/**
 * A cache whose entries, log, queue and history are in a directory; several caches on one directory stand for several
 * processes (proof/ has real ones).
 */
import { afterEach, describe, expect, it, vi } from 'vitest'
import type { Cache } from '../../src/cache/cache.ts'
import { disk } from '../../src/disk.ts'
import { DiskTier } from '../../src/disk/tier.ts'
import { createCache, type BuiltInPolicy, type CacheOptions } from '../../src/index.ts'
import { TestClock } from '../clock.ts'
import { directory } from '../directories.ts'

type Any = Cache<BuiltInPolicy>

const opened = new Set<Any>()

afterEach(async () => {
  for (const cache of opened) await cache.close()
  opened.clear()
})

function open(path: string, options: CacheOptions<never> = {}): Any {
  const cache = createCache({ clock: new TestClock(), disk: disk({ path }), ...options })
  cache.on('error', ({ error, during }) => expect.fail(`${during}: ${String(error)}`))
  opened.add(cache)
  return cache
}

async function reopen(cache: Any, path: string): Promise<Any> {
  await cache.close()
  return open(path)
}

const never = () => expect.fail('loaded, though it is held')

/** Both have heard of each other, so that neither takes itself for alone. */
async function two(path: string): Promise<readonly [Any, Any]> {
  const caches = [open(path), open(path)] as const
  await expect.poll(() => caches.map((cache) => (cache.token(), cache.stats().disk?.others))).toEqual([1, 1])
  return caches
}

describe('a cache that is opened again', () => {
  it('has what it had, and loads nothing twice', async () => {
    const path = directory()
    const first = open(path)
    const value = {
      at: new Date(5),
      map: new Map([[1, { big: 5n }]]),
      bytes: Buffer.from('abc'),
      none: undefined,
    }
    await first.set('value', value)
    await first.set('text', 'é')
    await first.getOrSet('page', async () => `page of ${await first.get<string>('text')}`)
    const again = await reopen(first, path)
    expect(await again.getOrSet('value', never)).toEqual(value)
    expect(await again.getOrSet('page', never)).toBe('page of é')
    expect(again.peek('page')).toBe('page of é')
  })

  it('does not serve what was invalidated before, nor what depends on it', async () => {
    const path = directory()
    const first = open(path)
    await first.set('a', 1)
    await first.getOrSet('b', async () => (await first.get<number>('a')) as number)
    await first.invalidate('a', { strategy: 'lazy' })
    const again = await reopen(first, path)
    expect([await again.get('a'), await again.get('b')]).toEqual([undefined, undefined])
  })

  it('knows what entries that are not in memory depend on', async () => {
    const path = directory()
    const first = open(path)
    await first.set('source', 1)
    await first.getOrSet('page', async () => (await first.get<number>('source')) as number, {
      dependsOn: 'file:/a',
    })
    let again = await reopen(first, path)
    const result = await again.invalidate('file:/a')
    expect(result.tiers['disk']).toMatchObject({ status: 'purged', purged: 1, verified: true })
    expect(await again.get('page')).toBeUndefined()
    again = await reopen(again, path)
    await again.set('source', 2)
    expect(await again.get('page')).toBeUndefined()
  })

  it('knows what was declared', async () => {
    const path = directory()
    const first = open(path)
    await first.link('thumb', { dependsOn: 'file:/a' })
    await first.rule('exif:{photo}', { dependsOn: 'file:/{photo}' })
    for (const key of ['thumb', 'exif:b', 'exif:c']) await first.set(key, key)
    const again = await reopen(first, path)
    await again.invalidate('file:/a')
    await again.invalidate('file:/b')
    expect([await again.get('thumb'), await again.get('exif:b')]).toEqual([undefined, undefined])
    expect(await again.get('exif:c')).toBe('exif:c')
    expect(again.stats().graph).toMatchObject({ declared: 1, rules: 1 })
  })

  it('takes a token that it gave before, and refuses it if something was invalidated since', async () => {
    const path = directory()
    const first = open(path)
    await first.set('other', 0)
    const token = first.token()
    let again = await reopen(first, path)
    expect(await again.fill('a', 1, { since: token, dependsOn: 'x' })).toMatchObject({ stored: true })
    await again.invalidate('x')
    expect(await again.fill('a', 2, { since: token, dependsOn: 'x' })).toMatchObject({
      refused: 'invalidated',
    })
    again = await reopen(again, path)
    expect(await again.fill('b', 2, { since: token, dependsOn: 'x' })).toMatchObject({
      refused: 'invalidated',
    })
  })

  it('shows what was invalidated before', async () => {
    const path = directory()
    const first = open(path)
    const { id } = await first.invalidate('a', { reason: 'because' })
    const queued = await first.invalidate('b', { strategy: 'background' })
    const again = await reopen(first, path)
    expect(await again.invalidations.get(id)).toMatchObject({ status: 'completed', reason: 'because' })
    expect(await again.invalidations.get(queued.id)).toMatchObject({ status: 'pending' })
    const { records } = await again.invalidations.list()
    expect(new Set(records.map(({ names }) => names[0]))).toEqual(new Set(['a', 'b']))
  })
})

describe('two caches on one directory', () => {
  it('see what the other stored, and load it once', async () => {
    const [a, b] = await two(directory())
    let loads = 0
    const load = async () => {
      loads++
      await new Promise((resolve) => setImmediate(resolve))
      return 'value'
    }
    const values = await Promise.all([a.getOrSet('k', load), a.getOrSet('k', load)])
    expect([values, await b.getOrSet('k', load), loads]).toEqual([['value', 'value'], 'value', 1])
  })

  it('serve nothing that the other invalidated, from the moment on at which its call resolved', async () => {
    const [a, b] = await two(directory())
    await a.set('source', 1)
    await b.getOrSet('page', async () => (await b.get<number>('source')) as number)
    expect(b.peek('page')).toBe(1)
    await a.invalidate('source', { strategy: 'lazy' })
    expect([b.peek('page'), b.peek('source')]).toEqual([undefined, undefined])
    await b.getOrSet('page', () => 2)
    expect(await a.get('page')).toBe(2)
    await b.set('page', 3)
    expect([a.peek('page'), await a.get('page')]).toEqual([undefined, 3])
  })

  it('know what the other made from an entry that is made anew from more', async () => {
    const [a, b] = await two(directory())
    await a.getOrSet('list', () => 'list', { dependsOn: 'a' })
    await a.getOrSet('page', async () => `page of ${await a.get<string>('list')}`)
    await b.getOrSet('other', async () => `other of ${await b.get<string>('list')}`)
    expect([a.peek('page'), b.peek('other')]).toEqual(['page of list', 'other of list'])
    await b.fill('list', 'longer list', { since: b.token(), dependsOn: ['a', 'b'] })
    await a.invalidate('b')
    expect([a.peek('page'), b.peek('other'), await b.get('page'), await a.get('other')]).toEqual(
      Array(4).fill(undefined),
    )
  })

  it('refuse what was made from an entry that the other removed meanwhile', async () => {
    const [a, b] = await two(directory())
    await a.getOrSet('list', () => 'list', { dependsOn: 'a' })
    const token = b.token()
    await a.invalidate('a')
    expect(await b.fill('page', 'of the old list', { since: token, dependsOn: 'list' })).toMatchObject({
      refused: 'invalidated',
    })
  })

  it('take a declaration of the other into account at once', async () => {
    const [a, b] = await two(directory())
    await b.set('thumb', 1)
    await a.link('thumb', { dependsOn: 'file' })
    await a.invalidate('file')
    expect([b.peek('thumb'), await b.get('thumb')]).toEqual([undefined, undefined])
  })

  it('keep nothing in memory that had to go from the directory for room', async () => {
    const path = directory()
    const options = {
      disk: disk({ path, maxBytes: '200kb', maxEntryBytes: '50kb' }),
      memory: { maxEntries: 5 },
    }
    const [a, b] = [open(path, options), open(path, options)]
    await expect.poll(() => (a.token(), a.stats().disk?.others)).toBe(1)
    await a.set('first', Buffer.alloc(10_000))
    await b.get('first')
    for (let i = 0; i < 60; i++) await a.set(`k${i}`, Buffer.alloc(10_000))
    await expect.poll(() => a.stats().disk?.usage.bytes).toBeLessThan(204_800)
    expect(a.stats().disk?.usage.evictions).toBeGreaterThan(20)
    expect([b.peek('first'), await a.get('first')]).toEqual([undefined, undefined])
    expect(await b.get('k59')).toHaveLength(10_000)
  })
})

it('what was found invalid goes from the directory a second later, but for what was set anew', async () => {
  const deleted = vi.spyOn(DiskTier.prototype, 'delete')
  const clock = new TestClock()
  const cache = open(directory(), { clock, memory: false })
  await cache.set('asked for', 1, { dependsOn: 'row' })
  await cache.set('set anew', 1, { dependsOn: 'row' })
  await cache.invalidate('row', { strategy: 'lazy' })
  expect(await cache.get('asked for')).toBeUndefined()
  expect(await cache.get('set anew')).toBeUndefined()
  await cache.set('set anew', 2)
  expect(deleted).not.toHaveBeenCalled()
  await clock.advance(1000)
  expect(deleted.mock.calls.map(([keys]) => keys)).toEqual([['asked for']])
  await expect.poll(() => cache.stats().disk?.usage.entries).toBe(1)
  expect(await cache.get('set anew')).toBe(2)
  deleted.mockRestore()
})
