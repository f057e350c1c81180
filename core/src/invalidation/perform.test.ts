import { expect, it } from 'vitest'
import { TestClock } from '../../tests/clock.ts'
import { MapTier } from '../../tests/map-tier.ts'
import type { EntryParts } from '../model/entry.ts'
import { perform, type Hands } from './perform.ts'
import { resolveRequest } from './request.ts'

/** Spares at first what was valid then. */
class SparingTier extends MapTier {
  deletes = 0

  override delete(keys: readonly string[]): Promise<number> {
    return this.deletes++ === 0 ? Promise.resolve(0) : super.delete(keys)
  }
}

/** Found by the simulation: the call took it for a failure of its own, and tried again a second later. */
it('what others invalidate between the purge and the reading back is purged, too', async () => {
  const tier = new SparingTier('sparing')
  await tier.put({ key: 'a', dependencies: [], stamp: 1 } as unknown as EntryParts)
  const hands: Hands = {
    ...{ clock: new TestClock(), tiers: [tier], boundMs: () => 0 },
    retries: () => ({ retries: 0, delayMs: 0 }),
    reach: () => ({ cascade: [], reached: 1, beyondDepth: 0, keys: () => ['a'] }),
    append: async () => ({ generation: 'g', n: 1 }),
    everywhere: async () => [],
    written: async () => undefined,
    droppedNear: () => 0,
    purgeNear: async () => 0,
    heldNear: () => [],
    isInvalid: () => true,
    owe: () => undefined,
  }
  const result = await perform(resolveRequest('a', {}, 0), hands)
  expect(result.tiers['sparing']).toMatchObject({ status: 'purged', purged: 1, verified: true })
})
