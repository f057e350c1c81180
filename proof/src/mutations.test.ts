/**
 * Every mutation is found: a property that passes whatever the library does shows nothing.
 */
import fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import { buildLibrary } from './build.ts'
import { openLibrary, type Library } from './library.ts'
import { breed, takeOriginal } from './mutants.ts'
import { mutations } from './mutations.ts'
import { properties } from './properties.ts'

const seed = 20_260_101
/** How often as many runs are made in search of a mistake as on the library itself. */
const patience = 6

describe('the mutations', () => {
  beforeAll(async () => {
    await buildLibrary()
    takeOriginal()
  }, 60_000)

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
  const able = properties.filter((shown) => shown.invariant === invariant)
  for (let attempt = 0; attempt < patience; attempt++) {
    for (const { property, runs } of able) {
      const how = { numRuns: runs, seed: seed + attempt, endOnFailure: true }
      if ((await fc.check(property(mutant), how)).failed) return true
    }
  }
  return false
}
