import { afterEach, expect, it } from 'vitest'
import type { Cache } from '../../src/cache/cache.ts'
import { disk } from '../../src/disk.ts'
import { createCache, type BuiltInPolicy } from '../../src/index.ts'
import { TestClock } from '../clock.ts'
import { directory } from '../directories.ts'

type Any = Cache<BuiltInPolicy>
const opened: Any[] = []
afterEach(async () => {
  for (const cache of opened.splice(0)) await cache.close()
})

/** Opens processes of one directory, as far as a cache can tell. */
function opener() {
  const path = directory()
  return () => {
    const cache = createCache({ clock: new TestClock(), disk: disk({ path, maxEntryBytes: '500mb' }) })
    opened.push(cache)
    return cache
  }
}

/** So many that there are snapshots, and no records of before the last but one. */
async function invalidateMany(cache: Any) {
  for (let i = 0; i < 19; i++) {
    const one = (_: unknown, j: number) =>
      cache.invalidate(`x${i}-${j}`, { strategy: 'lazy', consistency: 'eventual' })
    await Promise.all(Array.from({ length: 500 }, one))
  }
}

it('who is told of what departs when a snapshot is taken in, and reads, is not given it', async () => {
  const open = opener()
  const [a, b] = [open(), open()]
  await expect.poll(() => [a, b].map((cache) => (cache.token(), cache.stats().disk?.others))).toEqual([1, 1])
  await a.getOrSet('k', () => 'old', { dependsOn: 'row' })
  await b.invalidate('row', { strategy: 'lazy' })
  await invalidateMany(b)
  const read: Promise<unknown>[] = []
  a.on('departed', ({ key }) => read.push(a.get(key)))
  expect(await a.get('nothing')).toBeUndefined()
  expect(await Promise.all(read)).toEqual([undefined])
  expect([a.peek('k'), await a.get('k')]).toEqual([undefined, undefined])
})

it('who is told of what others could not know of, and reads, is given nothing that the record ends', async () => {
  const open = opener()
  const a = open()
  await a.getOrSet('warm', () => Buffer.alloc(1e6))
  await a.getOrSet('k', () => 'old')
  await a.invalidate({ prefix: 'other' })
  const read: unknown[] = []
  a.on('departed', ({ key }) => read.push([key, a.peek('k')]))
  // It takes long to store: nobody else knows of it yet.
  await a.getOrSet('unshared', () => Buffer.alloc(40e6), { size: 10 })
  const b = open()
  await b.invalidate({ prefix: 'k' }, { strategy: 'lazy' })
  a.peek('nothing')
  expect(read).toContainEqual(['unshared', undefined])
  expect([a.peek('k'), await a.get('k')]).toEqual([undefined, undefined])
})
