/**
 * What is stored, looked at from the tier below: stamps, expiry, dependencies.
 *
 * While a loader runs, names are invalidated under its feet, at whatever step fast-check likes. A cached input was
 * judged in the tick in which it was read: what is made from it may have a later stamp than it was stored with, but
 * never one after the position at which the load began, before anything was read.
 */
import fc from 'fast-check'
import type { EntryParts } from 'staleproof'
import type { Library } from './library.ts'
import { keys, programs, sources, type Program } from './program.ts'
import { runSteady } from './steady.ts'
import type { Made } from './truth.ts'
import { World } from './world.ts'

const inThese = programs({
  steps: { getOrSet: 3, advance: 1 },
  policies: ['plain', 'short'],
  tier: true,
  entriesMax: [undefined, 0, 1],
  clientsMax: 1,
  length: [2, 12],
})
/** Name to invalidate at the i-th wait of a loader, if any. */
const interruptions = fc.array(fc.option(fc.constantFrom(...sources, ...keys), { nil: undefined }), {
  maxLength: 12,
})

function storing(check: (put: EntryParts, puts: ReadonlyMap<number, EntryParts>) => string | undefined) {
  return (library: Library) =>
    fc.asyncProperty(inThese, interruptions, async (program, names) => {
      const world = await runInterrupted(library, program, names)
      const puts = new Map(world.tier.puts.map((put) => [(put.value as Made).id, put]))
      for (const put of puts.values()) {
        const fault = check(put, puts)
        if (fault !== undefined) throw new Error(`${put.key}: ${fault}`)
      }
    })
}

async function runInterrupted(
  library: Library,
  program: Program,
  names: readonly (string | undefined)[],
): Promise<World> {
  const left = [...names]
  const world = new World(library, program, {
    pause: async (label) => {
      const name = label.startsWith('k:') ? left.shift() : undefined
      if (name !== undefined) await world.cache.invalidate(name, { strategy: 'lazy' })
    },
  })
  await runSteady(world, program.clients.flat())
  return world
}

export const noLateStamps = storing(({ stamp, value }) => {
  const { position } = value as Made
  return stamp > position ? `stamp ${stamp}, and its load began at ${position}` : undefined
})

export const noLongerLife = storing((put, puts) => {
  for (const input of (put.value as Made).inputs) {
    const stored = puts.get(input.id)
    if (stored === undefined || expiryOf(put) <= expiryOf(stored)) continue
    return `expires at ${expiryOf(put)}, and its input ${input.key} at ${expiryOf(stored)}`
  }
  return undefined
})

/** Dependencies are flattened: the input itself may be gone tomorrow. */
export const noLostDependencies = storing((put, puts) => {
  for (const input of (put.value as Made).inputs) {
    const needed = [input.key, ...(puts.get(input.id)?.dependencies ?? [])].filter((name) => name !== put.key)
    const lost = needed.filter((name) => !put.dependencies.includes(name))
    if (lost.length > 0) return `${lost.join(' ')} came with ${input.key} and is lost`
  }
  return undefined
})

function expiryOf({ storedAt, ttlMs, capAt }: EntryParts): number {
  return Math.min(storedAt + ttlMs, capAt)
}
