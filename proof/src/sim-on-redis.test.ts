/**
 * The simulated server answers as a real one does, step by step: what the simulation shows is not of a server that nobody has.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { buildLibrary } from './build.ts'
import { Stable } from './mutants.ts'
import { CrossCheck } from './sim/cross-check.ts'
import { RealServer } from './sim/real-server.ts'
import { scriptMutations } from './sim/script-mutations.ts'

await buildLibrary()
const stable = new Stable('sim-on-redis')
let server: RealServer
beforeAll(async () => {
  server = await RealServer.open()
})
afterAll(() => server.close())

/** @returns undefined: every answer is the same */
async function difference(first: number, seeds: number, mistake?: (typeof scriptMutations)[number]) {
  const check = await CrossCheck.open(stable, server, mistake)
  try {
    return (await check.hunt(first, seeds))?.difference
  } finally {
    await check.close()
  }
}

it.each([0, 20, 40, 60])(
  'a real server gives the same answers, in twenty seeds from %i on',
  async (first) => {
    expect(String(await difference(first, 20))).toBe('undefined')
  },
)

describe('a script that forgets something is found', () => {
  it.each(scriptMutations.map((mutation) => [mutation.name, mutation] as const))(
    '%s',
    async (_, mutation) => {
      expect(await difference(mutation.first ?? 1, 40, mutation)).toBeDefined()
    },
  )
})
