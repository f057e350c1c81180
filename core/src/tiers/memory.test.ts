import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Entry } from '../model/entry.ts'
import type { Policy } from '../model/policy.ts'
import type { Leave } from './contract.ts'
import { MemoryTier } from './memory.ts'

function entryOf(key: string, sizeBytes = 100): Entry {
  return new Entry({
    key,
    sizeBytes,
    policy: {} as Policy,
    value: undefined,
    kind: 'value',
    dependencies: [],
    directCount: 0,
    generation: 'g',
    stamp: 1,
    keyStamp: 1,
    storedAt: 0,
    ttlMs: 1000,
    capAt: Infinity,
  })
}

function opened(onLeave: Leave = () => undefined, entriesMax = Infinity): MemoryTier {
  return new MemoryTier({ bytesMax: 300, entriesMax, entryBytesMax: 200, onLeave })
}

/** SIEVE by keys, on arrays, from the oldest to the newest. */
class NaiveTier {
  readonly held: { entry: Entry; isUsed: boolean }[] = []
  readonly left: string[] = []
  #hand: string | undefined

  find(key: string) {
    return this.held.find(({ entry }) => entry.key === key)
  }

  put(entry: Entry): boolean {
    if (entry.sizeBytes > 200) return false
    const old = this.find(entry.key)
    if (old === undefined) {
      this.#evict({ bytes: entry.sizeBytes, count: 1 })
      this.held.push({ entry, isUsed: false })
      return true
    }
    this.left.push(`${entry.key} replaced`)
    old.entry = entry
    this.#evict({ bytes: 0, count: 0, kept: entry.key })
    old.isUsed = true
    return true
  }

  delete(key: string): boolean {
    const at = this.held.findIndex(({ entry }) => entry.key === key)
    if (at < 0) return false
    if (this.#hand === key) this.#hand = this.held[at + 1]?.entry.key
    this.held.splice(at, 1)
    return true
  }

  get bytes(): number {
    return this.held.reduce((sum, { entry }) => sum + entry.sizeBytes, 0)
  }

  #evict(more: { bytes: number; count: number; kept?: string }): void {
    let at = this.held.findIndex(({ entry }) => entry.key === this.#hand)
    at = Math.max(at, 0)
    while (this.bytes + more.bytes > 300 || this.held.length + more.count > 4) {
      const node = this.held[at] as { entry: Entry; isUsed: boolean }
      const { key } = node.entry
      this.#hand = key
      if (node.isUsed || key === more.kept) {
        node.isUsed = false
        at = (at + 1) % this.held.length
        continue
      }
      this.left.push(`${key} evicted`)
      this.delete(key)
      if (at >= this.held.length) at = 0
    }
  }
}

const call = fc.record({
  do: fc.constantFrom('put', 'put', 'put', 'get', 'get', 'look', 'delete'),
  key: fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f', 'g'),
  sizeBytes: fc.constantFrom(1, 40, 100, 150, 200, 201),
})

function perform(tier: MemoryTier, next: { do: string; key: string; sizeBytes: number } | undefined): void {
  if (next?.do === 'put') tier.put(entryOf(next.key, next.sizeBytes))
  if (next?.do === 'get') tier.get(next.key)
  if (next?.do === 'delete') tier.delete(next.key)
  if (next?.do === 'look' && next.sizeBytes > 150) tier.clear()
}

/** What it says of itself is what it holds, and within bounds. */
function isWhole(tier: MemoryTier): void {
  const held = tier.keys().map((key) => tier.look(key))
  const bytes = held.reduce((sum, entry) => sum + (entry?.sizeBytes ?? Number.NaN), 0)
  expect(tier.usage).toMatchObject({ entries: held.length, bytes })
  expect(bytes <= 300 && held.length <= 4).toBe(true)
}

describe('memory', () => {
  it('holds, tells and counts what a naive SIEVE does', () => {
    fc.assert(
      fc.property(fc.array(call, { maxLength: 100, size: 'max' }), (calls) => {
        const naive = new NaiveTier()
        const left: string[] = []
        const tier = opened((entry, why) => left.push(`${entry.key} ${why}`), 4)
        for (const { do: what, key, sizeBytes } of calls) {
          const entry = entryOf(key, sizeBytes)
          if (what === 'put') expect(tier.put(entry)).toBe(naive.put(entry))
          if (what === 'delete') expect(tier.delete(key)).toBe(naive.delete(key))
          const found = naive.find(key)
          expect(tier.look(key)).toBe(found?.entry)
          if (what === 'get') expect(tier.get(key)).toBe(found?.entry)
          if (what === 'get' && found !== undefined) found.isUsed = true
          expect(left).toEqual(naive.left)
          expect([...tier.keys()].sort()).toEqual(naive.held.map((node) => node.entry.key).sort())
          const evictions = naive.left.filter((line) => line.endsWith('evicted')).length
          const { bytes, held } = naive
          expect(tier.usage).toEqual({ entries: held.length, bytes, bytesMax: 300, evictions })
        }
      }),
      { numRuns: 200 },
    )
  })

  it('stays whole when listeners call back, however deep', () => {
    fc.assert(
      fc.property(fc.array(call, { maxLength: 100, size: 'max' }), (calls) => {
        const rest = [...calls]
        const tier: MemoryTier = opened(() => {
          isWhole(tier)
          perform(tier, rest.pop())
        }, 4)
        while (rest.length > 0) {
          perform(tier, rest.pop())
          isWhole(tier)
        }
        for (const key of tier.keys()) tier.delete(key)
        expect(tier.usage).toMatchObject({ entries: 0, bytes: 0 })
        for (const key of ['a', 'b', 'c', 'd']) tier.put(entryOf(key, 1))
        expect(tier.usage.entries).toBe(4)
      }),
      { numRuns: 200 },
    )
  })

  it('spares what was read, and not what was looked at', () => {
    const tier = opened()
    for (const key of ['a', 'b', 'c']) tier.put(entryOf(key))
    tier.get('a')
    tier.look('b')
    tier.put(entryOf('d'))
    expect(tier.keys()).toEqual(['a', 'c', 'd'])
  })

  it('never pushes out the entry that grew', () => {
    const left: string[] = []
    const tier = opened((entry, why) => left.push(`${entry.key} ${why}`))
    for (const key of ['a', 'b', 'c']) tier.put(entryOf(key))
    for (const key of ['b', 'c']) tier.get(key)
    expect(tier.put(entryOf('a', 200))).toBe(true)
    expect([left, tier.keys()]).toEqual([
      ['a replaced', 'b evicted'],
      ['a', 'c'],
    ])
  })

  it('refuses a size that is no number', () => {
    expect(opened().put(entryOf('a', Number.NaN))).toBe(false)
  })

  it.each([
    ['deleted', (tier: MemoryTier) => tier.delete('a')],
    ['cleared', (tier: MemoryTier) => tier.clear()],
    ['evicted', (tier: MemoryTier) => ['b', 'c', 'd'].map((key) => tier.put(entryOf(key)))],
    ['replaced', (tier: MemoryTier) => tier.put(entryOf('a'))],
  ])('lets go of what was %s', async (_, end) => {
    setFlagsFromString('--expose-gc')
    const collect = runInNewContext('gc') as () => void
    const tier = opened()
    const kept = new WeakRef(entryOf('a'))
    tier.put(kept.deref() as Entry)
    end(tier)
    // A weak reference that was looked at holds until the turn ends.
    await new Promise((resolve) => setImmediate(resolve))
    collect()
    expect([kept.deref(), tier.usage.bytesMax]).toEqual([undefined, 300])
  })

  it('is empty after a clear, and goes on', () => {
    const tier = opened()
    for (const key of ['a', 'b', 'c', 'd']) tier.put(entryOf(key))
    tier.clear()
    expect([tier.keys(), tier.get('d'), tier.usage.bytes]).toEqual([[], undefined, 0])
    for (const key of ['a', 'b', 'c', 'd']) tier.put(entryOf(key))
    expect([tier.keys(), tier.usage.evictions]).toEqual([['b', 'c', 'd'], 2])
  })
})
