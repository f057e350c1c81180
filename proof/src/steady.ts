/**
 * Runs steps one after the other: what is under way settles before the next begins.
 */
import type { Program, Recipe, Settings, Step } from './program.ts'
import type { World } from './world.ts'

/** Lets every microtask run. */
export function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

export async function runSteady(world: World, steps: readonly Step[]): Promise<void> {
  for (const step of steps) {
    await world.client([step])
    await settle()
  }
}

/** A program without clients, for those who step by themselves. */
export function bare(recipes: readonly Recipe[], settings: Partial<Settings> = {}): Program {
  const defaults: Settings = {
    tracking: 'automatic',
    hasTier: true,
    entriesMax: undefined,
    ledgerBytesMax: 2 ** 20,
    caches: 0,
    roomBytes: 2 ** 20,
  }
  return { settings: { ...defaults, ...settings }, recipes, clients: [] }
}

export const atOnce = (): Promise<void> => Promise.resolve()
