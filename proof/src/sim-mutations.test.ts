/**
 * Mistakes in what keeps many nodes right, made on purpose: the simulation finds each of them.
 */
import { expect, it } from 'vitest'
import { buildLibrary } from './build.ts'
import { Stable } from './mutants.ts'
import { breedSimulated, hunt } from './sim/hunt.ts'
import { simulatedMutations } from './sim/mutations.ts'

await buildLibrary()
const stable = new Stable('sim-mutations')

it.each(simulatedMutations.map((mutation) => [mutation.name, mutation] as const))(
  '%s',
  { timeout: 300_000 },
  async (_, mutation) => {
    const { run } = await hunt(breedSimulated(stable, mutation), mutation.first ?? 1, 250)
    expect(run?.fault).toBeDefined()
  },
)
