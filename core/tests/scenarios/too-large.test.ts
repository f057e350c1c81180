/**
 * Values that not every tier takes: what is told of them is what became of them.
 */
import { afterEach, describe, expect, it } from 'vitest'
import type { Cache } from '../../src/cache/cache.ts'
import { disk } from '../../src/disk.ts'
import { createCache, type BuiltInPolicy, type CacheOptions } from '../../src/index.ts'
import { TestClock } from '../clock.ts'
import { directory } from '../directories.ts'

const opened: Cache<BuiltInPolicy>[] = []

afterEach(async () => {
  for (const cache of opened.splice(0)) await cache.close()
})

/** Memory takes 10 kB, the disk 100 kB. */
function open(path = directory(), options: CacheOptions<never> = {}) {
  const cache = createCache({
    clock: new TestClock(),
    disk: disk({ path, maxEntryBytes: 100_000 }),
    memory: { maxBytes: 10_000 },
    ...options,
  })
  opened.push(cache)
  const stores: string[] = []
  cache.on('store', ({ key, tier }) => stores.push(`${key} ${tier}`))
  return { cache, stores }
}

/** One that is alone in its directory, and one that shares it. */
async function shared() {
  const path = directory()
  const caches = [open(path), open(path)] as const
  await expect
    .poll(() => caches.map(({ cache }) => (cache.token(), cache.stats().disk?.others)))
    .toEqual([1, 1])
  return caches[0]
}

const [inMemory, onDisk, nowhere] = [Buffer.alloc(1000), Buffer.alloc(50_000), Buffer.alloc(200_000)]

describe.each([
  ['alone in its directory', async () => open()],
  ['in a directory that others have open', shared],
])('a cache %s', (_where, openOne) => {
  it('says that a value was not stored if it is too large for each tier', async () => {
    const { cache, stores } = await openOne()
    expect(await cache.set('k', nowhere)).toMatchObject({
      stored: false,
      refused: 'no-room',
      expiresAt: null,
    })
    expect([await cache.get('k'), stores, cache.stats().stores]).toEqual([undefined, [], 0])
    const filled = await cache.fill('k', nowhere, { since: cache.token() })
    expect(filled).toEqual({ stored: false, refused: 'no-room', expiresAt: null })
  })

  it('says that it was if one tier takes it', async () => {
    const { cache, stores } = await openOne()
    expect(await cache.set('small', inMemory)).toMatchObject({ stored: true, refused: null })
    expect(await cache.set('large', onDisk)).toMatchObject({ stored: true, refused: null })
    expect([await cache.get('small'), await cache.get('large')]).toEqual([inMemory, onDisk])
    expect(stores).toEqual(['small memory', 'large lower'])
  })

  it('gives whoever loads it the value, and tells of a store only what was stored', async () => {
    const { cache, stores } = await openOne()
    expect(await cache.getOrSet('nowhere', () => nowhere)).toEqual(nowhere)
    expect(await cache.getOrSet('large', () => onDisk)).toEqual(onDisk)
    await expect.poll(() => stores).toEqual(['large lower'])
    expect([await cache.get('nowhere'), await cache.get('large')]).toEqual([undefined, onDisk])
  })
})

it('a value that the disk cannot encode is stored if memory has it, and only then', async () => {
  const value = { send() {} }
  expect(await open().cache.set('k', value)).toMatchObject({ stored: true })
  const { cache } = open(directory(), { memory: false })
  expect(await cache.set('k', value)).toMatchObject({ stored: false, refused: 'no-room' })
  expect(await cache.set('k', 'text')).toMatchObject({ stored: true })
})
