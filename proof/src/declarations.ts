/**
 * Sequences of declarations, stores and invalidations, run beside the model.
 */
import fc from 'fast-check'
import { HandClock, SlowClock } from './clock.ts'
import { Declared, type Move } from './declared.ts'
import type { Cache, Library } from './library.ts'
import { Directory } from './directory.ts'
import { atOnce, settle } from './steady.ts'
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
      const declared = new Declared([cache], { tier, settle, passTime: () => clock.advance(61_000) })
      for (const [i, move] of made.entries()) {
        if (i === setup.crowd.at && setup.crowd.on !== undefined) await declared.gather(setup.crowd.on)
        await declared.make(move)
      }
      await declared.checkAll()
      if (declared.faults.length > 0) throw new Error(declared.faults.slice(0, 3).join('\n'))
    })
}

export interface SharedSetup extends Pick<Setup, 'among' | 'entriesMax'> {
  readonly roomBytes: readonly number[]
}

/** The same, each move by one of three caches that share a directory. */
export function byWhicheverCache({ among, entriesMax, roomBytes }: SharedSetup) {
  const setups = fc.record({
    entriesMax: fc.constantFrom(...entriesMax),
    roomBytes: fc.constantFrom(...roomBytes),
  })
  const by = fc.tuple(among, fc.nat({ max: 2 })).map(([move, at]): Move => ({ ...move, at }))
  return (library: Library) =>
    fc.asyncProperty(setups, fc.array(by, { minLength: 6, maxLength: 18 }), async (setup, made) => {
      const clock = new HandClock()
      const memory = setup.entriesMax === 0 ? (false as const) : { maxEntries: setup.entriesMax ?? 1000 }
      const shared = { library, clock, pause: atOnce, bytesMax: setup.roomBytes }
      const directory = new Directory({ ...shared, options: { memory }, onOpen: () => undefined }, 3)
      try {
        const passTime = () => clock.advance(61_000)
        const caches = directory.nodes.map(({ cache }) => cache)
        const declared = new Declared(caches, { tier: undefined, passTime, settle: () => quiet(directory) })
        for (const move of made) await declared.make(move)
        await declared.checkAll()
        if (declared.faults.length > 0) throw new Error(declared.faults.slice(0, 3).join('\n'))
      } finally {
        await directory.remove()
      }
    })
}

/** Until nothing has been written for some turns. */
async function quiet(directory: Directory): Promise<void> {
  for (let looks = 0; looks < 4; looks = directory.busy > 0 ? 0 : looks + 1) await settle()
}
