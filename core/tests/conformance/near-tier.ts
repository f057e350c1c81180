/**
 * What the nearest tier promises: in this process, at once.
 */
import { describe, expect, it } from 'vitest'
import { Entry, type EntryParts } from '../../src/model/entry.ts'
import { entryOf } from '../../src/testing/entries.ts'
import type { Leave, NearTier, NearTierOptions } from '../../src/tiers/contract.ts'

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
  return tier.put(new Entry(entryOf(key, more)))
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
