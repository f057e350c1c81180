/**
 * Every mutation is found: a property that passes whatever the library does shows nothing.
 */
import fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import { buildLibrary } from './build.ts'
import { openLibrary, type Library } from './library.ts'
import { breed } from './mutants.ts'
import { mutations } from './mutations.ts'
import { properties } from './properties.ts'

const seed = 20_260_101
/** Runs in search of a mistake, for each on the library itself. */
const patience = 4

describe('the mutations', () => {
  beforeAll(buildLibrary, 60_000)

  for (const mutation of mutations) {
    for (const invariant of mutation.invariants) {
      it(`${mutation.name} breaks ${invariant}`, { timeout: 60_000 }, async () => {
        expect(await isFound(await openLibrary(breed(mutation)), invariant)).toBe(true)
      })
    }
  }

  it('each invariant has one at least', () => {
    const broken = new Set(mutations.flatMap(({ invariants }) => invariants))
    expect(broken).toEqual(new Set(properties.map(({ invariant }) => invariant)))
  })

  it('a text that is gone is told', () => {
    const gone = { name: 'gone', invariants: [], file: 'index.js', from: 'nobody wrote this', to: '' }
    expect(() => breed(gone)).toThrow("mutation 'gone' is out of date: its text stands 0 times in index.js")
  })
})

async function isFound(mutant: Library, invariant: number): Promise<boolean> {
  for (const { property, runs } of properties.filter((shown) => shown.invariant === invariant)) {
    const { failed } = await fc.check(property(mutant), {
      numRuns: runs * patience,
      seed,
      endOnFailure: true,
    })
    if (failed) return true
  }
  return false
}
