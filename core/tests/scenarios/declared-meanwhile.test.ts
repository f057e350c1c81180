import { afterEach, expect, it } from 'vitest'
import type { Cache } from '../../src/cache/cache.ts'
import { disk } from '../../src/disk.ts'
import { DiskTier } from '../../src/disk/tier.ts'
import { createCache, type BuiltInPolicy } from '../../src/index.ts'
import { TestClock } from '../clock.ts'
import { directory } from '../directories.ts'
import { gate } from '../opened.ts'

type Any = Cache<BuiltInPolicy>
const opened: Any[] = []
afterEach(async () => {
  for (const cache of opened.splice(0)) await cache.close()
})
/** Two processes of one directory, as far as a cache can tell. */
async function two(): Promise<readonly [Any, Any]> {
  const path = directory()
  const open = () => createCache({ clock: new TestClock(), disk: disk({ path, maxEntryBytes: '500mb' }) })
  const caches = [open(), open()] as const
  opened.push(...caches)
  await expect.poll(() => caches.map((cache) => (cache.token(), cache.stats().disk?.others))).toEqual([1, 1])
  return caches
}
/** Another process does that right after the directory has been looked at next. */
function afterNextLook(work: () => Promise<unknown>) {
  const { held } = DiskTier.prototype
  DiskTier.prototype.held = async function (keys) {
    DiskTier.prototype.held = held
    const found = await held.call(this, keys)
    await work()
    return found
  }
}
it('what is stored while its name is being linked to is declared, too', async () => {
  const [a, b] = await two()
  afterNextLook(() => b.getOrSet('B', () => 1, { dependsOn: 'C' }))
  await a.link('A', { dependsOn: 'B' })
  await a.getOrSet('A', () => 'old')
  await b.invalidate('C')
  expect(await a.get('A')).toBe(undefined)
})
it('what is stored while a rule for its name is made is declared, too', async () => {
  const [a, b] = await two()
  await a.getOrSet('B:1', () => 1)
  afterNextLook(() => b.getOrSet('B:2', () => 1, { dependsOn: 'C' }))
  await a.rule('A:{n}', { dependsOn: 'B:{n}' })
  await a.getOrSet('A:2', () => 'old')
  await b.invalidate('C')
  expect(await a.get('A:2')).toBe(undefined)
})
it('what could not be declared wholly is declared when it is tried again', async () => {
  const [a, b] = await two()
  afterNextLook(async () => {
    await b.getOrSet('B', () => 1, { dependsOn: 'C' })
    const { held } = DiskTier.prototype
    DiskTier.prototype.held = async () => {
      DiskTier.prototype.held = held
      throw new Error('away')
    }
  })
  const declare = () => a.link('A', { dependsOn: 'B' })
  await expect(declare()).rejects.toMatchObject({ code: 'E_TIERS_UNREACHABLE' })
  await declare()
  await a.getOrSet('A', () => 'old')
  await b.invalidate('C')
  expect(await a.get('A')).toBe(undefined)
})
it('what is stored while a link of its name is being taken back keeps what it is made from declared', async () => {
  const [a, b] = await two()
  await a.link('A', { dependsOn: 'B' })
  await a.link('B', { dependsOn: 'D' })
  afterNextLook(async () => {
    b.token()
    await b.getOrSet('B', () => 1, { dependsOn: 'C' })
    await a.get('whatever')
  })
  await a.unlink('B')
  await a.getOrSet('A', () => 'old')
  await b.invalidate('C')
  expect(await a.get('A')).toBe(undefined)
})

it('what is being stored when its name is linked to is declared before anybody is given it', async () => {
  const [a, b] = await two()
  await b.getOrSet('warm', () => Buffer.alloc(1e6))
  const { passed, open } = gate()
  // It takes long to store.
  const loading = b.getOrSet('B', () => passed.then(() => Buffer.alloc(60e6)), { dependsOn: 'C' })
  open()
  await new Promise((resolve) => setImmediate(resolve))
  await a.link('A', { dependsOn: 'B' })
  await loading
  await a.getOrSet('A', () => 'old')
  await b.invalidate('C')
  expect([await a.get('B'), await a.get('A'), a.peek('A')]).toEqual([undefined, undefined, undefined])
})

it('what only the tier knows that it is made from is declared before it is kept', async () => {
  const [a, b] = await two()
  await a.link('X', { dependsOn: 'page' })
  const { settle } = DiskTier.prototype
  DiskTier.prototype.settle = async function (entry, admit) {
    DiskTier.prototype.settle = settle
    await b.getOrSet('list', () => 1, { dependsOn: 'row' })
    return settle.call(this, entry, admit)
  }
  const stored: boolean[] = []
  a.on('load', (load) => stored.push(load.stored))
  await a.getOrSet('page', () => 1, { dependsOn: 'list' })
  await a.getOrSet('X', () => 'old')
  await b.invalidate('row')
  expect([stored, await a.get('page'), await a.get('X')]).toEqual([[true, true], undefined, undefined])
})
it('an unlink that could not be carried through is carried through when it is tried again', async () => {
  const [a, b] = await two()
  await a.link('A', { dependsOn: 'B' })
  await a.link('B', { dependsOn: 'D' })
  afterNextLook(async () => {
    b.token()
    await b.getOrSet('B', () => 1, { dependsOn: 'C' })
    await a.get('whatever')
    const { held } = DiskTier.prototype
    DiskTier.prototype.held = async () => {
      DiskTier.prototype.held = held
      throw new Error('away')
    }
  })
  await expect(a.unlink('B')).rejects.toMatchObject({ code: 'E_TIERS_UNREACHABLE' })
  await a.unlink('B')
  await a.getOrSet('A', () => 'old')
  await b.invalidate('C')
  expect(await a.get('A')).toBe(undefined)
})
