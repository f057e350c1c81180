/**
 * Every mutation of what caches do that share a directory is found.
 */
import { expect, it } from 'vitest'
import { buildLibrary } from './build.ts'
import { isFound } from './hunt-of-directories.ts'
import { directoryMutations } from './mutations-of-directories.ts'
import { Stable } from './mutants.ts'

await buildLibrary()
const stable = new Stable('of-directories')

for (const mutation of directoryMutations) {
  it(`${mutation.name} is found by ${mutation.by}`, async () => {
    expect(await isFound(stable.breed(mutation.name, [mutation]), mutation.by)).toBe(true)
  })
}
