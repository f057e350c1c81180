/**
 * What every tier promises. A suite each for the nearest tier (in this process, at once) and for those below.
 */
import { describe, expect, it } from 'vitest'
import { Entry, type EntryParts } from '../../src/model/entry.ts'
import type { Leave, NearTier, NearTierOptions, Tier } from '../../src/tiers/contract.ts'
import { Policies } from '../../src/ttl/policies.ts'

const policy = new Policies().get()

function parts(key: string, more: Partial<EntryParts> = {}): EntryParts {
  return {
    key,
    value: `value of ${key}`,
    kind: 'value',
    policy,
    dependencies: [],
    directCount: 0,
    generation: 'g',
    stamp: 1,
    keyStamp: 1,
    storedAt: 0,
    ttlMs: 1000,
    capAt: Infinity,
    sizeBytes: 100,
    ...more,
  }
}

/** @param holds false for a tier that keeps nothing */
export function tierSuite(
  name: string,
  { open, holds = true }: { open: () => Tier | Promise<Tier>; holds?: boolean },
): void {
  const kept = <T>(value: T): T | undefined => (holds ? value : undefined)

  describe(`the tier ${name}`, () => {
    it('gives back what was put, until it is deleted', async () => {
      const tier = await open()
      expect(await tier.get('a')).toBeUndefined()
      await tier.put(parts('a'))
      expect((await tier.get('a'))?.value).toBe(kept('value of a'))
      expect((await tier.held(['a', 'b'])).map(({ key }) => key)).toEqual(holds ? ['a'] : [])
      expect(await tier.delete(['a', 'b'])).toBe(holds ? 1 : 0)
      expect(await tier.get('a')).toBeUndefined()
      expect(await tier.held(['a'])).toEqual([])
      await tier.close()
    })

    it('lets no older stamp replace a newer one', async () => {
      const tier = await open()
      await tier.put(parts('a', { stamp: 5, value: 'new' }))
      await tier.put(parts('a', { stamp: 4, value: 'old' }))
      expect((await tier.get('a'))?.value).toBe(kept('new'))
      await tier.close()
    })

    it('knows who depends on a name, and what begins with a prefix', async () => {
      const tier = await open()
      await tier.put(parts('page:1', { dependencies: ['photo:1', 'file:1'], directCount: 1 }))
      await tier.put(parts('page:2', { dependencies: ['photo:2'], directCount: 1 }))
      expect([...(await tier.dependents(['file:1']))]).toEqual(holds ? ['page:1'] : [])
      expect([...(await tier.dependents(['page:2']))]).toEqual(holds ? ['page:2'] : [])
      expect([...(await tier.withPrefix('photo:'))].sort()).toEqual(holds ? ['page:1', 'page:2'] : [])
      expect([...(await tier.withPrefix('page:1'))]).toEqual(holds ? ['page:1'] : [])
      await tier.close()
    })
  })
}

export type OpenNear = (options: NearTierOptions) => NearTier

/** @param holds false for a tier that keeps nothing */
export function nearTierSuite(
  name: string,
  { open, holds = true }: { open: OpenNear; holds?: boolean },
): void {
  describe(`the nearest tier ${name}`, () => {
    keepsWhatWasPut(open, holds)
    tellsWhoLeft(open, holds)
  })
}

const bounds = { bytesMax: 1000, entriesMax: Infinity, entryBytesMax: 500, onLeave: () => undefined }

function put(tier: NearTier, key: string, more?: Partial<EntryParts>): boolean {
  return tier.put(new Entry(parts(key, more)))
}

function keepsWhatWasPut(open: OpenNear, holds: boolean): void {
  it('gives back what was put, until it is deleted', () => {
    const tier = open(bounds)
    expect(put(tier, 'a')).toBe(holds)
    expect(tier.get('a')?.key).toBe(holds ? 'a' : undefined)
    expect(tier.look('a')?.key).toBe(holds ? 'a' : undefined)
    expect(tier.keys()).toEqual(holds ? ['a'] : [])
    expect(tier.delete('a')).toBe(holds)
    expect([tier.get('a'), tier.delete('a'), tier.usage.entries]).toEqual([undefined, false, 0])
  })

  it('takes no entry that is too large, and keeps what it had', () => {
    const tier = open(bounds)
    put(tier, 'a')
    expect(put(tier, 'a', { sizeBytes: 501 })).toBe(false)
    const { entries, bytes } = tier.usage
    expect([entries, bytes, tier.look('a')?.sizeBytes]).toEqual(holds ? [1, 100, 100] : [0, 0, undefined])
  })

  it('keeps to its count', () => {
    const tier = open({ ...bounds, entriesMax: 2 })
    for (const key of ['a', 'b', 'b', 'c', 'd']) put(tier, key)
    expect([tier.usage.entries, tier.usage.evictions]).toEqual(holds ? [2, 2] : [0, 0])
  })

  it('gives a list of keys that stays as it is', () => {
    const tier = open(bounds)
    put(tier, 'a')
    const keys = tier.keys()
    put(tier, 'b')
    tier.delete('a')
    expect(keys).toEqual(holds ? ['a'] : [])
  })
}

function tellsWhoLeft(open: OpenNear, holds: boolean): void {
  const opened = (onLeave: Leave) => open({ ...bounds, onLeave })

  it('stays within its bytes, and tells what had to go', () => {
    const left: string[] = []
    const tier = opened((entry, why) => left.push(`${entry.key} ${why}`))
    for (let i = 0; i < 12; i++) put(tier, `k${i}`)
    expect(tier.usage.bytes).toBeLessThanOrEqual(1000)
    expect(left).toEqual(holds ? ['k0 evicted', 'k1 evicted'] : [])
    put(tier, 'k5')
    expect(left.slice(2)).toEqual(holds ? ['k5 replaced'] : [])
  })

  it('has everything in place when it tells: a listener may call back', () => {
    const seen: unknown[] = []
    const tier = opened((entry, why) => {
      const { entries, bytes } = tier.usage
      seen.push([entry.key, why, entries, bytes, tier.look(entry.key)?.sizeBytes, tier.get('new')?.key])
      if (entry.key === 'k0') put(tier, 'more')
      if (entry.key === 'k1') tier.delete('k5')
      if (why === 'replaced') tier.clear()
    })
    for (let i = 0; i < 10; i++) put(tier, `k${i}`)
    put(tier, 'new')
    put(tier, 'new', { sizeBytes: 50 })
    const expected = [
      ['k0', 'evicted', 10, 1000, undefined, 'new'],
      ['k1', 'evicted', 10, 1000, undefined, 'new'],
      ['new', 'replaced', 9, 850, 50, 'new'],
    ]
    expect(seen).toEqual(holds ? expected : [])
    expect([tier.keys(), tier.usage.bytes]).toEqual([[], 0])
    expect(put(tier, 'after')).toBe(holds)
  })

  it('tells nobody of what it was told to delete, or to clear', () => {
    const left: string[] = []
    const tier = opened((entry) => left.push(entry.key))
    put(tier, 'a')
    put(tier, 'b')
    tier.delete('a')
    tier.clear()
    expect([left, tier.usage.entries]).toEqual([[], 0])
  })
}
