/**
 * The hunt for the mistake in a mutant: seed after seed, until one shows it.
 */
import type { Change, Stable } from '../mutants.ts'
import { openParts, type Parts } from './parts.ts'
import type { Mode } from './plan.ts'
import { runSeed, type Run } from './run.ts'

export interface Found {
  /** How many seeds it took. */
  readonly seeds: number
  readonly run: Run | undefined
}

/** A cache of the library makes room for what it may once know; those of a simulation are many, and know little. */
const small: readonly Change[] = [
  { file: 'cache/past.js', from: 'const endedMax = 50_000;', to: 'const endedMax = 500;' },
]

export function openSimulated(stable: Stable): Promise<Parts> {
  return openParts(stable.breed('small', small))
}

/** @returns the folder of the mutant */
export function breedSimulated(
  stable: Stable,
  { name, ...mistake }: Change & { readonly name: string },
): string {
  return stable.breed(name, [...small, mistake])
}

export function modeOf(seed: number): Mode {
  return seed % 3 === 0 ? 'liveness' : 'safety'
}

/** @param folder of the mutant @param seedsMax it has to be found by then */
export async function hunt(folder: string, first: number, seedsMax: number): Promise<Found> {
  const library = await openParts(folder)
  for (let seeds = 1; seeds <= seedsMax; seeds++) {
    const seed = first + seeds - 1
    const run = await runSeed(library, { seed, mode: modeOf(seed) })
    if (run.fault !== undefined) return { seeds, run }
  }
  return { seeds: seedsMax, run: undefined }
}
