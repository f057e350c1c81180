/**
 * The holes of the first draft that one process can have, by the names they have in the protocol.
 */
import { createCache } from 'staleproof'
import { describe, expect, it } from 'vitest'
import { HandClock } from './clock.ts'
import { settle } from './steady.ts'

/** A promise that is opened by hand. */
function gate(): { readonly opened: Promise<void>; open(): void } {
  let open = () => {}
  const opened = new Promise<void>((resolve) => (open = resolve))
  return { opened, open: () => open() }
}

const open = () => createCache({ clock: new HandClock() })

describe('the holes of the first draft', () => {
  it('A1: invalidate after the write is visible; a load between the two the other way round keeps the old value', async () => {
    const cache = open()
    let source = 'old'
    const load = () => cache.getOrSet('key', () => source, { dependsOn: 'source' })
    await load()

    await cache.invalidate('source')
    await load()
    source = 'new'
    expect(await load(), 'invalidated before the write: nobody can know').toBe('old')

    await cache.invalidate('source')
    expect(await load(), 'invalidated after the write').toBe('new')
  })

  it('A3: nobody joins a flight that is older than an invalidation that has resolved', async () => {
    const cache = open()
    const { opened, open: openGate } = gate()
    let source = 'old'
    const load = (wait: Promise<void>) => {
      const loader = async () => {
        const read = source
        await wait
        return read
      }
      return cache.getOrSet('key', loader, { dependsOn: 'source' })
    }
    const before = load(opened)
    await settle()
    source = 'new'
    await cache.invalidate('source')
    const after = load(Promise.resolve())
    openGate()
    expect(await before, 'it began before, and may get it').toBe('old')
    expect(await after).toBe('new')
    expect(cache.peek('key')).toBe('new')
  })

  it('N1: what is made from a cached input is no newer than that input', async () => {
    const cache = open()
    const { opened, open: openGate } = gate()
    await cache.getOrSet('inner', () => 'old', { dependsOn: 'source' })
    const outer = cache.getOrSet('outer', async (load) => {
      const inner = await load.get('inner')
      await opened
      return inner
    })
    await settle()
    await cache.invalidate('source')
    openGate()
    expect(await outer).toBe('old')
    expect(cache.peek('outer')).toBeUndefined()
  })

  it('N2: what an input was made from is not forgotten when that input is evicted', async () => {
    const cache = createCache({ clock: new HandClock(), memory: { maxEntries: 1 } })
    const inner = () => cache.getOrSet('inner', () => 'old', { dependsOn: 'source' })
    await cache.getOrSet('outer', inner)
    expect(cache.peek('inner')).toBeUndefined()
    expect(cache.peek('outer')).toBe('old')
    await cache.invalidate('source')
    expect(cache.peek('outer')).toBeUndefined()
  })

  it('N3: a dependency that is declared after it was read counts from the start of the load', async () => {
    const cache = open()
    const { opened, open: openGate } = gate()
    const value = cache.getOrSet('key', async (load) => {
      const read = 'old'
      await opened
      load.dependsOn('source')
      return read
    })
    await settle()
    await cache.invalidate('source')
    openGate()
    expect(await value).toBe('old')
    expect(cache.peek('key')).toBeUndefined()
  })
})
