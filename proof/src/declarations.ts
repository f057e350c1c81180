/**
 * Sequences of declarations, stores and invalidations, run beside the model.
 */
import fc from 'fast-check'
import { HandClock } from './clock.ts'
import { Declared, moves } from './declared.ts'
import type { Cache, Library } from './library.ts'
import { atOnce } from './steady.ts'
import { MapTier } from './tier.ts'

const setups = {
  hasTier: fc.boolean(),
  entriesMax: fc.constantFrom(undefined, 2, 4),
}

/** @param ledgerBytesMax small, and what is not known any more is most of it */
export function inWhateverOrder({ ledgerBytesMax }: { ledgerBytesMax: number }) {
  return (library: Library) =>
    fc.asyncProperty(fc.record(setups), fc.array(moves, { minLength: 3, maxLength: 14 }), async (setup, made) => {
      const clock = new HandClock()
      const tier = setup.hasTier ? new MapTier(atOnce) : undefined
      const cache = library.createCache({
        clock,
        random: () => 0.5,
        memory: setup.entriesMax === undefined ? {} : { maxEntries: setup.entriesMax },
        ledger: { maxBytes: ledgerBytesMax },
        tiers: tier === undefined ? [] : [tier],
      }) as Cache
      const declared = new Declared(cache, { tier, passTime: () => clock.advance(61_000) })
      for (const move of made) await declared.make(move)
      await declared.checkAll()
      if (declared.faults.length > 0) throw new Error(declared.faults.slice(0, 3).join('\n'))
    })
}
