import { afterEach } from 'vitest'
import { Events } from '../../src/model/event.ts'
import { GuardedTier } from '../../src/recovery/guarded.ts'
import { tierCases } from '../../src/testing.ts'
import { MemoryTier } from '../../src/tiers/memory.ts'
import { NoopNearTier, NoopTier } from '../../src/tiers/noop.ts'
import { TestClock } from '../clock.ts'
import { directory } from '../directories.ts'
import { diskWorld, type DiskWorld } from '../disk-world.ts'
import { MapTier } from '../map-tier.ts'
import { suite } from './cases.ts'
import { nearTierSuite } from './near-tier.ts'

const worlds: DiskWorld[] = []

afterEach(async () => {
  for (const world of worlds.splice(0)) await world.close()
})

function opened(): DiskWorld {
  const world = diskWorld({ path: directory() })
  worlds.push(world)
  return world
}

function guarded(tier: MapTier) {
  const judged = { isInvalid: () => true, isValid: () => false }
  return new GuardedTier(tier, { clock: new TestClock(), random: () => 0, events: new Events(), ...judged })
}

const cutOff = (tier: MapTier) => {
  tier.failure = new Error('no connection')
}

nearTierSuite('memory', { open: (options) => new MemoryTier(options) })
nearTierSuite('noop', { open: () => new NoopNearTier(), holds: false })
suite(
  'the tier noop',
  tierCases(() => new NoopTier(), { holds: false }),
)
suite(
  'the tier map',
  tierCases(() => new MapTier(), { cutOff }),
)
suite(
  'the tier map, guarded',
  tierCases(() => guarded(new MapTier())),
)
suite(
  'the tier disk',
  tierCases(() => opened().tier, { cutOff: () => worlds.at(-1)?.environment.close() }),
  // Text within a value is written as UTF-8.
  ['gives text with half a surrogate pair in it as it was put, or not at all'],
)
