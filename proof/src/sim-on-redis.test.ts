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
async function difference(
  first: number,
  seeds: number,
  mistake?: (typeof scriptMutations)[number],
): Promise<string | undefined> {
  const check = await CrossCheck.open(stable, server, mistake)
  try {
    return (await check.directed()) ?? (await check.hunt(first, seeds))?.difference?.toString()
  } finally {
    await check.close()
  }
}

describe('a real server gives the same answers', () => {
  it.each([0, 20, 40])('in twenty seeds from %i on', { timeout: 300_000 }, async (first) => {
    expect(await difference(first, 20)).toBeUndefined()
  })
})

describe('a script that forgets something is found', () => {
  it.each(scriptMutations.map((mutation) => [mutation.name, mutation] as const))(
    '%s',
    { timeout: 300_000 },
    async (_, mutation) => {
      const found = await difference(mutation.first ?? 1, 60, mutation)
      expect(found).toBeDefined()
      // One that cannot be carried out forgets nothing.
      expect(found).not.toMatch(/fails: /)
    },
  )
})
