import { MemoryTier } from '../../src/tiers/memory.ts'
import { NoopNearTier, NoopTier } from '../../src/tiers/noop.ts'
import { MapTier } from '../map-tier.ts'
import { nearTierSuite, tierSuite } from './tier.ts'

nearTierSuite('memory', { open: (options) => new MemoryTier(options) })
nearTierSuite('noop', { open: () => new NoopNearTier(), holds: false })
tierSuite('noop', { open: () => new NoopTier(), holds: false })
tierSuite('map', { open: () => new MapTier() })
