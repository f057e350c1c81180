/**
 * Every invariant of one process, on the library as it is built from its sources. The seeds are fixed, so that a red
 * run is red again; `npm run proof:properties -w proof` looks further, with seeds of its own.
 */
import fc from 'fast-check'
import { beforeAll, describe, it } from 'vitest'
import { buildLibrary } from './build.ts'
import { openLibrary, type Library } from './library.ts'
import { built } from './mutants.ts'
import { properties } from './properties.ts'

const seed = 20_260_101

describe('the invariants', () => {
  let library: Library
  beforeAll(async () => {
    await buildLibrary()
    library = await openLibrary(built)
  }, 60_000)

  for (const { invariant, words, aspect, property, runs } of properties) {
    // What fails tells its seed and path, and the smallest program that fails.
    it(`${invariant}. ${words} (${aspect})`, { timeout: 60_000 }, async () => {
      await fc.assert(property(library), { numRuns: runs, seed })
    })
  }
})
