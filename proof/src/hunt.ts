/**
 * The hunt for the mistake in a mutant: all properties of the invariant that it breaks, in turn, a few runs at a time.
 *
 * In turn, because a mistake that one property finds in ten runs is not found by another in a thousand.
 */
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { buildLibrary } from './build.ts'
import { openLibrary, type Library } from './library.ts'
import { Stable } from './mutants.ts'
import { mutations } from './mutations.ts'
import { properties } from './properties.ts'

/** The half of the work that a file of its own does. */
export const dependencyInvariants: readonly number[] = [14, 19, 21]

const seed = 20_260_101
/** Runs of a property before it is another's turn. */
const turn = 60
/** How often as many runs are made in search of a mistake as on the library itself. */
const patience = 4

/** A test for each mutation and each of these invariants that it breaks. */
export async function huntAll(name: string, invariants: readonly number[]): Promise<void> {
  await buildLibrary()
  const stable = new Stable(name)
  for (const mutation of mutations) {
    for (const invariant of mutation.invariants.filter((broken) => invariants.includes(broken))) {
      it(`${mutation.name} breaks ${invariant}`, async () => {
        expect(await isFound(await openLibrary(stable.breed(mutation.name, [mutation])), invariant)).toBe(
          true,
        )
      })
    }
  }
}

/** Whether a property of the invariant finds something wrong. */
async function isFound(mutant: Library, invariant: number): Promise<boolean> {
  let left = properties.filter((shown) => shown.invariant === invariant)
  for (let round = 0; left.length > 0; round++) {
    for (const { property } of left) {
      const how = { numRuns: turn, seed: seed + round, endOnFailure: true }
      if ((await fc.check(property(mutant), how)).failed) return true
    }
    left = left.filter(({ runs }) => (round + 1) * turn < runs * patience)
  }
  return false
}
