/**
 * Sequences of declarations, stores and invalidations, run beside the model.
 */
import fc from 'fast-check'
import { HandClock, SlowClock } from './clock.ts'
import { Declared, type Move } from './declared.ts'
import type { Cache, Library } from './library.ts'
import { atOnce } from './steady.ts'
import { MapTier } from './tier.ts'

export interface Setup {
  readonly among: fc.Arbitrary<Move>
  readonly hasTier: boolean
  /** 0: no memory at all. */
  readonly entriesMax: readonly (number | undefined)[]
  /** Small, and what is not known any more is most of it. */
  readonly ledgerBytesMax: readonly number[]
  /** Very many names are linked to one of these, early or late, so that records of it are wide. */
  readonly crowded?: readonly string[]
}

export function inWhateverOrder({ among, hasTier, entriesMax, ledgerBytesMax, crowded = [] }: Setup) {
  const setups = fc.record({
    crowd: fc.record({ at: fc.nat({ max: 8 }), on: fc.constantFrom(undefined, ...crowded) }),
    entriesMax: fc.constantFrom(...entriesMax),
    ledgerBytesMax: fc.constantFrom(...ledgerBytesMax),
  })
  return (library: Library) =>
    fc.asyncProperty(setups, fc.array(among, { minLength: 6, maxLength: 18 }), async (setup, made) => {
      const clock = crowded.length > 0 ? new SlowClock(0.1) : new HandClock()
      const tier = hasTier ? new MapTier(atOnce) : undefined
      const cache: Cache = library.createCache({
        clock,
        random: () => 0.5,
        memory:
          setup.entriesMax === 0
            ? false
            : setup.entriesMax === undefined
              ? {}
              : { maxEntries: setup.entriesMax },
        ledger: { maxBytes: setup.ledgerBytesMax },
        tiers: tier === undefined ? [] : [tier],
      })
      const declared = new Declared(cache, { tier, passTime: () => clock.advance(61_000) })
      for (const [i, move] of made.entries()) {
        if (i === setup.crowd.at && setup.crowd.on !== undefined) await declared.gather(setup.crowd.on)
        await declared.make(move)
      }
      await declared.checkAll()
      if (declared.faults.length > 0) throw new Error(declared.faults.slice(0, 3).join('\n'))
    })
}
