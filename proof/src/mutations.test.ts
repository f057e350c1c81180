/**
 * Every mutation is found: a property that passes whatever the library does shows nothing. Here those of the
 * invariants of reading and storing, in mutations-of-dependencies.test.ts the others, for two workers.
 */
import { describe, expect, it } from 'vitest'
import { dependencyInvariants, huntAll } from './hunt.ts'
import { Stable } from './mutants.ts'
import { mutations } from './mutations.ts'
import { properties } from './properties.ts'

const all = new Set(properties.map(({ invariant }) => invariant))

await huntAll(
  'reading',
  [...all].filter((invariant) => !dependencyInvariants.includes(invariant)),
)

describe('the table of mutations', () => {
  it('has one at least for each invariant', () => {
    const broken = new Set(mutations.flatMap(({ invariants }) => invariants))
    expect(broken).toEqual(all)
  })

  it('tells of a text that is gone', () => {
    const gone = { name: 'gone', invariants: [], file: 'index.js', from: 'nobody wrote this', to: '' }
    expect(() => new Stable('gone').breed(gone.name, [gone])).toThrow(
      "mutation 'gone' is out of date: its text stands 0 times in index.js",
    )
  })
})
