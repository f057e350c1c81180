import { expect, it } from 'vitest'
import { TestClock } from '../../tests/clock.ts'
import { tierSuite } from '../../tests/conformance/tier.ts'
import { MapTier } from '../../tests/map-tier.ts'
import { gate } from '../../tests/opened.ts'
import type { EntryParts } from '../model/entry.ts'
import { Events } from '../model/event.ts'
import { GuardedTier } from './guarded.ts'

class SlowTier extends MapTier {
  readonly gate = gate()

  override async put(entry: EntryParts): Promise<void> {
    await this.gate.passed
    return super.put(entry)
  }
}

function guarded<T extends MapTier>(tier: T) {
  const parts = {
    clock: new TestClock(),
    random: () => 0,
    events: new Events(),
    isInvalid: () => true,
    isValid: () => false,
  }
  return { tier, guarded: new GuardedTier(tier, parts) }
}

tierSuite('guarded', { open: () => guarded(new MapTier()).guarded })

it('what was on its way into a tier when it came to owe is deleted, too', async () => {
  const { tier, guarded: behind } = guarded(new SlowTier())
  const entry = { key: 'a', dependencies: ['row'], generation: 'g', stamp: 1 } as unknown as EntryParts
  const put = behind.put(entry)
  behind.guard.owe({ names: ['row'], prefix: null })
  const asked = behind.get('a')
  tier.gate.open()
  expect([await put, await asked]).toEqual([undefined, undefined])
})
