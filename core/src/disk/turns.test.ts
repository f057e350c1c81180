import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { directory } from '../../tests/directories.ts'
import { Environment } from './environment.ts'
import { shortHash } from './keys.ts'
import { MemoryTurns } from './memory-turns.ts'
import { RowTurns } from './row-turns.ts'
import type { DiskTurns } from './turns.ts'

/** Nodes that are told to be gone. */
class Fleet {
  readonly gone = new Set<string>()
  readonly ids = ['a', 'b', 'c'] as const

  node(id: string) {
    const isGone = (other: string) => other !== id && this.gone.has(other)
    return {
      id,
      isGone,
      areGone: (isMeant: (id: string) => boolean) => this.ids.filter(isMeant).every(isGone),
    }
  }
}

const cellCount = 2 ** 15

/** Some have a cell of memory of their own, and two share one. */
const keys = ['k', 'l', ...sharing('m')]

function sharing(key: string): string[] {
  for (let i = 0; ; i++) {
    const other = `m${i}`
    if (shortHash(other) % cellCount === shortHash(key) % cellCount) return [key, other]
  }
}

type Step = readonly ['take' | 'release', node: string, key: string] | readonly ['die', node: string]

const [aNode, aKey] = [fc.constantFrom('a', 'b', 'c'), fc.constantFrom(...keys)]
const aStep: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.tuple(fc.constant('take' as const), aNode, aKey) },
  { weight: 3, arbitrary: fc.tuple(fc.constant('release' as const), aNode, aKey) },
  { weight: 1, arbitrary: fc.tuple(fc.constant('die' as const), aNode) },
)

const kinds = {
  'in shared memory': (_: Environment, path: string, node: ReturnType<Fleet['node']>): DiskTurns =>
    new MemoryTurns(join(path, 'turns'), node),
  'in rows': (environment: Environment, _: string, node: ReturnType<Fleet['node']>): DiskTurns =>
    new RowTurns(environment, node),
}

for (const [kind, make] of Object.entries(kinds)) {
  describe(`turns ${kind}`, () => {
    const cellOf = (key: string) => (kind === 'in rows' ? key : shortHash(key) % cellCount)

    it('are of one node that lives, and one key; those of a dead one go to one heir', async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(aStep, { minLength: 20, maxLength: 60 }), async (steps) => {
          const path = directory()
          const environment = new Environment({ path, nowMs: 0 })
          const fleet = new Fleet()
          const turns = new Map(
            fleet.ids.map((id) => [id as string, make(environment, path, fleet.node(id))]),
          )
          const cells = new Map<string | number, { readonly node: string; readonly key: string }>()
          const holder = (key: string) => {
            const held = cells.get(cellOf(key))
            return held === undefined || fleet.gone.has(held.node) ? undefined : held
          }
          for (const [what, node, key = ''] of steps) {
            if (fleet.gone.has(node)) continue
            const its = turns.get(node) as DiskTurns
            if (what === 'die') {
              fleet.gone.add(node)
            } else if (what === 'release') {
              await its.release(key)
              const held = holder(key)
              if (held?.node === node && held.key === key) cells.delete(cellOf(key))
            } else {
              const held = holder(key)
              // What another key keeps out is loaded without a turn.
              const isFree = held === undefined || held.node === node || held.key !== key
              expect(await its.take(key), `${node} takes ${key}`).toBe(isFree)
              expect(its.isFree(key), `${node} sees ${key}`).toBe(isFree)
              if (held === undefined) cells.set(cellOf(key), { node, key })
            }
          }
          for (const its of turns.values()) its.close()
          await environment.close()
        }),
        { numRuns: kind === 'in rows' ? 15 : 150 },
      )
    })
  })
}
