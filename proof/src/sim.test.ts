/**
 * The simulation of many nodes: thousands of faults, the same again from the same seed, and one stale answer that is noticed.
 */
import { describe, expect, it } from 'vitest'
import { buildLibrary } from './build.ts'
import { Stable } from './mutants.ts'
import { modeOf, openSimulated } from './sim/hunt.ts'
import { runSeed } from './sim/run.ts'

await buildLibrary()
const stable = new Stable('sim')
const library = await openSimulated(stable)

describe('many nodes, whatever goes wrong', () => {
  const hundreds = Array.from({ length: 25 }, (_, i) => i * 100)
  it.each(hundreds)(
    'nothing stale is served in a hundred seeds from %i on',
    { timeout: 300_000 },
    async (first) => {
      for (let seed = first; seed < first + 100; seed++) {
        const { fault } = await runSeed(library, { seed, mode: modeOf(seed) })
        expect(fault, `seed ${seed}`).toBeUndefined()
      }
    },
  )

  it('the same seed is the same run', async () => {
    for (const seed of [7, 9]) {
      const runs = await Promise.all([0, 1].map(() => runSeed(library, { seed, mode: modeOf(seed) })))
      const [first, second] = runs.map(({ digest, answers, events }) => ({ digest, answers, events }))
      expect(first).toEqual(second)
    }
  })
})

describe('the simulation would notice', () => {
  it('one stale answer in a million', async () => {
    const plantAt = 900_000
    let [answers, seed] = [0, 0]
    while (answers < 1_000_000) {
      const run = await runSeed(library, {
        seed,
        mode: 'safety',
        plantAt: Math.max(1, plantAt - answers),
        looks: 1,
      })
      answers += run.answers
      seed++
      if (run.fault === undefined) continue
      // Older than what was demanded when it was asked for, or than what was applied there.
      expect([1, 12]).toContain(run.fault.invariant)
      expect(answers).toBeGreaterThanOrEqual(plantAt)
      return
    }
    expect.fail('the stale answer was not found')
  })
})
