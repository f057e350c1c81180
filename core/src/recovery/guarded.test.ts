import { expect, it } from 'vitest'
import { TestClock } from '../../tests/clock.ts'
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
  const judged = { isInvalid: () => true, isValid: () => false }
  const parts = { clock: new TestClock(), random: () => 0, events: new Events(), ...judged }
  return { tier, guarded: new GuardedTier(tier, parts) }
}

it('what was on its way into a tier when it came to owe is deleted, too', async () => {
  const { tier, guarded: behind } = guarded(new SlowTier())
  const entry = { key: 'a', dependencies: ['row'], generation: 'g', stamp: 1 } as unknown as EntryParts
  const put = behind.put(entry)
  behind.guard.owe({ names: ['row'], prefix: null })
  const asked = behind.get('a')
  tier.gate.open()
  expect([await put, await asked]).toEqual([undefined, undefined])
})

class TurningTier extends MapTier {
  readonly gate = gate()
  asked = 0

  override async get(key: string): Promise<EntryParts | undefined> {
    this.asked++
    if (key !== 'slow') throw new Error('it is gone')
    await this.gate.passed
    return undefined
  }
}

it('a tier that failed again and again is not asked, though a call from before succeeds afterwards', async () => {
  const { tier, guarded: behind } = guarded(new TurningTier('turning'))
  const slow = behind.get('slow')
  for (let i = 0; i < 5; i++) await expect(behind.get('a')).rejects.toThrow('it is gone')
  tier.gate.open()
  await slow
  // What it had been asked for, and was not waited for, would reject with nobody there to be told.
  await expect(behind.get('a')).rejects.toThrow('not asked now')
  expect(tier.asked).toBe(6)
})
