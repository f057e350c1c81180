/**
 * What several caches on one directory do to each other: cases that random programs found (proof/).
 */
import { afterEach, expect, it } from 'vitest'
import type { Cache } from '../../src/cache/cache.ts'
import { disk } from '../../src/disk.ts'
import { createCache, type BuiltInPolicy } from '../../src/index.ts'
import { TestClock } from '../clock.ts'
import { directory } from '../directories.ts'
import { gate } from '../opened.ts'
import { keepsNothingOfAnOvertakenLoad } from '../overtaken-load.ts'

type Any = Cache<BuiltInPolicy>

const opened: Any[] = []

afterEach(async () => {
  for (const cache of opened.splice(0)) await cache.close()
})

/** Both have heard of each other. */
async function two(): Promise<readonly [Any, Any]> {
  const path = directory()
  const open = () => createCache({ clock: new TestClock(), disk: disk({ path }) })
  const caches = [open(), open()] as const
  opened.push(...caches)
  await expect.poll(() => caches.map((cache) => (cache.token(), cache.stats().disk?.others))).toEqual([1, 1])
  return caches
}

it('a value that another cache replaced with one made from less is not served when its input turns out to be stale', async () => {
  const [a, b] = await two()
  await a.getOrSet('page', () => 'of the list', { dependsOn: 'list' })
  // 1. The directory forgets that a page was made from the list; a has that page in its memory.
  await b.fill('page', 'of nothing', { since: b.token() })
  // 2. So nobody can tell it what the list is made from now.
  await b.getOrSet('list', () => 'list', { dependsOn: 'file' })
  await b.invalidate('file')
  expect(a.peek('page')).not.toBe('of the list')
  expect(await a.get('page')).not.toBe('of the list')
})

it('what is made from a load that only the directory knew to be overtaken is not kept', async () => {
  const [a, b] = await two()
  const since = a.token()
  await b.getOrSet('row', () => 'row', { dependsOn: 'file' })
  const { passed, open } = gate()
  const list = a.getOrSet('list', () => passed.then(() => 'of the old row'), { dependsOn: 'row' })
  // The row goes from the directory: a never knew what it was made from.
  await b.invalidate('file')
  open()
  expect([await list, a.peek('list')]).toEqual(['of the old row', undefined])
  const page = await a.fill('page', 'of the old list', { since, dependsOn: 'list' })
  expect(page).toMatchObject({ refused: 'invalidated' })
})

it('what another cache makes from a load that was overtaken is not kept', async () => {
  await keepsNothingOfAnOvertakenLoad(...(await two()))
})

it('what was made from a load that was overtaken while nobody else was there is not kept by who comes later', async () => {
  const path = directory()
  const open = () => {
    const cache = createCache({ clock: new TestClock(), disk: disk({ path }) })
    opened.push(cache)
    return cache
  }
  const a = open()
  const loading = gate()
  await a.set('other', 1)
  const since = a.token()
  const list = a.getOrSet('list', () => loading.passed.then(() => 'old'), { dependsOn: 'row' })
  await a.invalidate('row')
  loading.open()
  expect(await list).toBe('old')
  const page = await open().fill('page', 'of the list', { since, dependsOn: 'list' })
  expect(page).toMatchObject({ stored: false, refused: 'invalidated' })
})

it('a cache that closes while others write does no harm', async () => {
  const [a, b] = await two()
  const writing = Array.from({ length: 50 }, (_, i) => a.getOrSet(`k${i}`, () => i).catch(() => undefined))
  await Promise.all([a.close(), ...writing, b.set('other', 1)])
  expect(await b.get('other')).toBe(1)
})
