/**
 * Programs whose sources depend on one root by way of a crowd: every change is a wide record, soft ones too, and
 * readers come while it is written.
 */
import fc from 'fast-check'
import type { Library } from './library.ts'
import { programs } from './program.ts'
import { atOnce, runSteady } from './steady.ts'
import { World } from './world.ts'

const inThese = programs({
  steps: { getOrSet: 5, get: 1, entry: 1, change: 4, fill: 1, advance: 2 },
  modes: ['purge', 'soft'],
  strategies: ['lazy', 'lazy', 'immediate'],
  policies: ['plain', 'grace'],
  tier: false,
  entriesMax: [undefined],
  clientsMax: 1,
  length: [6, 16],
})

export const throughACrowd = (library: Library) =>
  fc.asyncProperty(inThese, async (program) => {
    const world = new World(library, program, { pause: atOnce, crowded: true })
    await world.gather()
    await runSteady(world, program.clients.flat())
    world.look()
    if (world.faults.length > 0) throw new Error(world.faults.slice(0, 3).join('\n'))
  })
