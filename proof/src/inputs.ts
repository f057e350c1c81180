/**
 * Whatever a loader read through the cache: change it, by whichever door, and what was made from it is served no more.
 */
import fc from 'fast-check'
import type { Library } from './library.ts'
import { keys, programs, type Step } from './program.ts'
import { atOnce, runSteady } from './steady.ts'
import type { Made } from './truth.ts'
import { World } from './world.ts'

const inThese = programs({
  steps: { getOrSet: 3, get: 1, set: 1, peek: 1 },
  entriesMax: [undefined, 2],
  clientsMax: 2,
})
const doors = ['set', 'delete', 'names', 'prefix', 'all', 'lazy'] as const

export const everyInputCounts = (library: Library) =>
  fc.asyncProperty(inThese, fc.nat(), fc.constantFrom(...doors), async (program, which, door) => {
    const world = new World(library, program, { pause: atOnce })
    await runSteady(world, program.clients.flat())
    await runSteady(world, [{ do: 'getOrSet', key: 'k:0' }])
    const value = world.cache.peek<Made>('k:0')
    if (value === undefined) return
    const names = Object.keys(value.versions)
    const name = names[which % names.length] as string
    await runSteady(world, [changeOf(name, door), ...keys.map((key) => ({ do: 'get' as const, key }))])
    await runSteady(world, [{ do: 'getOrSet', key: 'k:0' }])
    if (world.faults.length > 0) throw new Error(`${door} of ${name}: ${world.faults.join('\n')}`)
  })

function changeOf(name: string, door: (typeof doors)[number]): Step {
  if ((door === 'set' || door === 'delete') && name.startsWith('k:'))
    return { do: door, key: name, source: 's:0' }
  return {
    do: 'change',
    target: { names: [name], by: door === 'prefix' || door === 'all' ? door : 'names' },
    strategy: door === 'lazy' ? 'lazy' : 'immediate',
    consistency: 'strict',
    mode: 'purge',
  }
}
