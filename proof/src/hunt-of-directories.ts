/**
 * The hunt for a mistake in what caches do that share a directory.
 */
import fc from 'fast-check'
import { type Death, runChain } from './crash/chains.ts'
import { runGroup } from './crash/groups.ts'
import { openLibrary } from './library.ts'
import type { DirectoryMutation } from './mutations-of-directories.ts'
import { ofDirectories } from './properties.ts'

const seed = 20_261_122
/** Runs of a property before it is another's turn, and how many turns each gets. */
const turn = 40
const rounds = 3
/** Chains, or groups, of processes that are tried: where one dies is chance, and one that finds it ends the hunt. */
const attempts = 10

/** @param folder of the mutant */
export function isFound(folder: string, by: DirectoryMutation['by']): Promise<boolean> {
  if (by === 'properties') return byProperties(folder)
  return byCrashes(by === 'group' ? (i) => group(folder, i) : (i) => chain(folder, by, i))
}

async function byProperties(folder: string): Promise<boolean> {
  const mutant = await openLibrary(folder)
  for (let round = 0; round < rounds; round++) {
    for (const { property } of ofDirectories) {
      const how = { numRuns: turn, seed: seed + round, endOnFailure: true }
      if ((await fc.check(property(mutant), how)).failed) return true
    }
  }
  return false
}

async function byCrashes(attempt: (i: number) => Promise<readonly string[]>): Promise<boolean> {
  for (let i = 0; i < attempts; i++) if ((await attempt(i)).length > 0) return true
  return false
}

async function chain(library: string, death: Death, i: number): Promise<readonly string[]> {
  const { faults } = await runChain({
    library,
    seed: seed + i,
    death,
    lives: 8,
    first: 20 + 11 * i,
    stride: 31,
  })
  return faults
}

async function group(library: string, i: number): Promise<readonly string[]> {
  const { faults, lives } = await runGroup({ library, seed: seed + i, size: 3, kills: 3 })
  lives.remove()
  return faults
}
