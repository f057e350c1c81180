/**
 * The invariants, of several caches that share a directory. The seeds are fixed; what LMDB does by itself in between is
 * not.
 */
import fc from 'fast-check'
import { beforeAll, describe, it } from 'vitest'
import { buildLibrary } from './build.ts'
import { openLibrary, type Library } from './library.ts'
import { Stable } from './mutants.ts'
import { ofDirectories } from './properties.ts'

const seed = 20_261_122

describe('the invariants, on a directory', () => {
  let library: Library
  beforeAll(async () => {
    await buildLibrary()
    library = await openLibrary(new Stable('directories').original)
  }, 60_000)

  for (const { invariant, words, aspect, property, runs } of ofDirectories) {
    it(`${invariant}. ${words} (${aspect})`, { timeout: 60_000 }, async () => {
      await fc.assert(property(library), { numRuns: runs, seed })
    })
  }
})
