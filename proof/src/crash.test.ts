/**
 * Processes that are killed while they work on a directory: nothing that was acknowledged is lost, nothing that was
 * invalidated is served, no queued job ends twice. `npm run proof:crash` goes on for as long as one likes.
 */
import { beforeAll, describe, expect, it } from 'vitest'
import { buildLibrary } from './build.ts'
import { runChain } from './crash/chains.ts'
import { runGroup } from './crash/groups.ts'
import { Stable } from './mutants.ts'

const seed = 20_261_122
let library = ''

beforeAll(async () => {
  await buildLibrary()
  library = new Stable('crash-test').original
})

describe('what a process acknowledged holds', () => {
  for (const [death, first] of [
    ['boundary', 3],
    ['boundary', 60],
    ['moment', 1],
    ['power', 5],
    ['power', 70],
  ] as const) {
    const words = death === 'power' ? 'the machine loses its power' : 'it is killed'
    it(`though ${words}, at a ${death} (from ${first})`, async () => {
      const chain = await runChain({ library, seed: seed + first, death, lives: 6, first, stride: 29 })
      expect(chain.faults).toEqual([])
      expect(chain.kills).toBeGreaterThan(3)
    })
  }

  it('though it is one of three on the directory, one more comes and goes, and the others go on', async () => {
    const { faults, kills, lives } = await runGroup({ library, seed, size: 3, kills: 4 })
    expect(faults).toEqual([])
    expect(kills).toBe(8)
    lives.remove()
  })
})
