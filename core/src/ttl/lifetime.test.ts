import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Entry } from '../model/entry.ts'
import type { Policy } from '../model/policy.ts'
import { freshness, lifetime, settleTimes, soften, withJitter } from './lifetime.ts'
import { Policies } from './policies.ts'

const metadata = new Policies().get('metadata')

function entry(policy: Policy, more: { capAt?: number } = {}): Entry {
  const made = new Entry({
    key: 'k',
    value: 1,
    kind: 'value',
    policy,
    dependencies: [],
    directCount: 0,
    generation: 'g',
    stamp: 0,
    keyStamp: 0,
    storedAt: 1000,
    ttlMs: policy.ttlMs,
    capAt: more.capAt ?? Infinity,
    sizeBytes: 1,
  })
  settleTimes(made)
  return made
}

describe('lifetime', () => {
  it('is min(ttl * multiplier^reads, maxExtension), and never less than the TTL', () => {
    expect([0, 1, 2, 3, 4, 99].map((reads) => lifetime(300_000, metadata, reads))).toEqual([
      300_000, 600_000, 1_200_000, 2_400_000, 3_600_000, 3_600_000,
    ])
    expect(lifetime(7_200_000, metadata, 5)).toBe(7_200_000)
  })

  it('loses at most its jitter', () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 0.999, noNaN: true }), (chance) => {
        const ttlMs = withJitter(1000, { ...metadata, jitter: 0.1 }, chance)
        expect(ttlMs).toBeGreaterThan(900)
        expect(ttlMs).toBeLessThanOrEqual(1000)
      }),
    )
  })
})

describe('an entry', () => {
  it('is fresh, then stale in grace, then expired', () => {
    const made = entry({ ...metadata, ttlMs: 100, accessMultiplier: 1, graceMs: 50 })
    expect([1099, 1100, 1149, 1150].map((now) => freshness(made, now))).toEqual([
      'fresh',
      'stale',
      'stale',
      'expired',
    ])
  })

  it('never passes the earliest expiry of what it was made from, however often it is read', () => {
    const made = entry(metadata, { capAt: 5000 })
    made.reads = 50
    settleTimes(made)
    expect(made.expiresAt).toBe(5000)
  })

  it('that was softly invalidated is not revived by reads, nor by grace', () => {
    const made = entry({ ...metadata, graceMs: 1_000_000 })
    soften(made, 2000, 7000)
    made.reads = 50
    settleTimes(made)
    expect([1999, 2000, 6999, 7000].map((now) => freshness(made, now))).toEqual([
      'fresh',
      'stale',
      'stale',
      'expired',
    ])
  })
})
