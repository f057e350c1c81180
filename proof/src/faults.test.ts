/**
 * Nodes on a real server under faults, for a while: nothing stale, nothing from the future, and all is well in the end; and
 * mistakes made on purpose are found. `npm run proof:faults` goes on for as long as one likes.
 */
import { beforeAll, describe, expect, it } from 'vitest'
import { buildLibrary } from './build.ts'
import { faultMutations } from './faults/mutations.ts'
import { runFaults } from './faults/run.ts'
import { Stable } from './mutants.ts'

const seed = 20_261_123
const found = new Set([
  'lease-never-looked-at',
  'nodes-are-not-waited-for',
  'a-restart-is-not-noticed',
  'replicas-are-not-waited-for',
  'completed-before-it-is-in-force',
])
let stable: Stable

beforeAll(async () => {
  await buildLibrary()
  stable = new Stable('faults-test')
})

describe('nodes under faults', () => {
  it('serve nothing stale, and are well again afterwards', async () => {
    const toll = await runFaults({
      ...{ library: stable.original, seed, seconds: 20 },
      ...{ replicas: 0, hasDirectories: true },
    })
    expect(toll.faults).toEqual([])
    expect(toll.struckTimes).toBeGreaterThan(10)
    expect(toll.tally.found).toBeGreaterThan(1000)
    expect(toll.strict.get('done')).toBeGreaterThan(10)
    expect(toll.timed).toBeGreaterThan(3)
    // The machine of a test may stand still for a while; the long runs do not let it pass.
    expect(toll.late.length, toll.late.join('\n')).toBeLessThan(1 + toll.timed / 10)
    expect(toll.tally.handed).toBeGreaterThan(3)
    expect(toll.tally.kept).toBeGreaterThan(0)
    expect(toll.jobs.ends.get('completed')).toBeGreaterThan(10)
  })

  it('lose nothing that was acknowledged when a replica is promoted that they waited for', async () => {
    const toll = await runFaults({
      ...{ library: stable.original, seed, seconds: 12, calmMs: 2000 },
      ...{ replicas: 1, hasDirectories: false },
      only: ['promotion, tail lost', 'replica delayed', 'replica cut off', 'reset'],
    })
    expect(toll.faults).toEqual([])
    expect(toll.logged.compared).toBeGreaterThan(10)
    expect(toll.jobs.ends.get('completed')).toBeGreaterThan(10)
  })

  it('are judged by one who sees a stale answer', async () => {
    const toll = await runFaults({
      ...{ library: stable.original, seed, seconds: 30, plantAt: 20_000 },
      only: ['flood'],
    })
    expect(toll.faults.join()).toContain('stale')
  })
})

describe('real faults bring to light', () => {
  for (const { mutation, by, where } of faultMutations.filter(({ mutation: { name } }) => found.has(name))) {
    it(mutation.name, { timeout: 120_000 }, async () => {
      const library = stable.breed(mutation.name, [mutation])
      const toll = await runFaults({
        ...{ library, seed, seconds: 100, only: by, calmMs: 1500 },
        ...{ replicas: 0, hasDirectories: false, ...where },
      })
      expect(toll.faults.join()).toMatch(/stale|served though|was acknowledged/)
    })
  }
})
