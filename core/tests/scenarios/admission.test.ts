/**
 * Admission beside a model: processes load, store, name and invalidate, in any order, each knowing of the log as far as it does.
 *
 * The model knows of each version of an entry what went into it, and of each name when it was invalidated last.
 */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Judge } from '../../src/log/judge.ts'
import type { EntryParts } from '../../src/model/entry.ts'
import { entryOf } from '../../src/testing/entries.ts'
import type { Hold } from '../../src/tiers/contract.ts'
import { Admission } from '../../src/cache/admission.ts'

const keys = ['a', 'b', 'c', 'd'] as const
const sources = ['s', 't', 'u'] as const
const names = [...keys, ...sources]

/** A value on its way into the tier. */
interface Loaded {
  readonly parts: EntryParts
  /** Names that went into it, through all that it was made from. */
  readonly ingredients: ReadonlySet<string>
}

class World {
  /** The newest of each key. */
  readonly #tier = new Map<string, Loaded>()
  /** All that ever were in the tier: somebody may have them in memory, unless they are known to be invalid. */
  readonly #everKept: Loaded[] = []
  readonly #loading: Loaded[] = []
  readonly #ended = new Map<string, number>()
  /** name -> its last invalidation */
  readonly #demanded = new Map<string, number>()
  readonly #judge = new Judge(2 ** 20, (name) => [name])
  /** Names invalidated that this process has not heard of, in the order of the log. */
  #unheard: { readonly n: number; readonly name: string }[] = []
  #n = 1

  /** @param isRead false: the inputs are only named, and what they are made from is for the tier to say */
  load(key: string, inputs: readonly string[], isRead: boolean): void {
    this.#hear()
    const direct = [...new Set(inputs)].filter((name) => name !== key)
    const below = direct.flatMap((name) => this.#valid(name)?.parts.dependencies ?? [])
    const made = direct.flatMap((name) => [...(this.#valid(name)?.ingredients ?? [])])
    const inherited = isRead ? below.filter((name) => name !== key && !direct.includes(name)) : []
    const dependencies = [...direct, ...new Set(inherited)]
    const stamps = { stamp: this.#n, keyStamp: this.#n }
    const parts = entryOf(key, { dependencies, directCount: direct.length, ...stamps })
    this.#loading.push({ parts, ingredients: new Set([...direct, ...made]) })
  }

  store(which: number): void {
    const [loaded] = this.#loading.splice(which % Math.max(1, this.#loading.length), 1)
    if (loaded === undefined) return
    const { parts } = loaded
    const isBehind = this.#unheard.length > 0
    const admission = new Admission(
      { isDeclared: () => true, judge: this.#judge, isShared: () => true },
      parts,
      () => undefined,
    )
    const kept = admission.admit(this.#hold())
    expect(admission.verdict === 'behind').toBe(isBehind)
    if (kept === undefined) return
    for (const name of [parts.key, ...loaded.ingredients]) {
      expect([name, this.#demanded.get(name) ?? 0]).toEqual([name, expect.toSatisfy((n) => n <= parts.stamp)])
    }
    const stored = { parts: kept, ingredients: loaded.ingredients }
    this.#tier.set(parts.key, stored)
    this.#everKept.push(stored)
  }

  invalidate(name: string): void {
    this.#demanded.set(name, ++this.#n)
    this.#unheard.push({ n: this.#n, name })
  }

  /** What is known to be invalid leaves the tier. */
  sweep(): void {
    this.#hear()
    for (const [key, { parts }] of this.#tier) {
      if (this.#judge.certain(parts) === undefined) continue
      this.#tier.delete(key)
      this.#ended.set(key, this.#n)
    }
  }

  /**
   * Whoever is valid carries what each valid version of its direct inputs is made from, and was made from nothing that ended. (What is
   * inherited of an entry that was invalid already is only more than has to be carried.)
   */
  check(): void {
    if (this.#unheard.length > 0) return
    const valid = this.#everKept.filter(({ parts }) => this.#judge.certain(parts) === undefined)
    for (const { parts, ingredients } of valid) {
      for (const name of ingredients) expect(this.#demanded.get(name) ?? 0).toBeLessThanOrEqual(parts.stamp)
      const carried = [parts.key, ...parts.dependencies]
      const direct = new Set(parts.dependencies.slice(0, parts.directCount))
      const inputs = valid.filter((input) => direct.has(input.parts.key))
      for (const input of inputs)
        expect(carried).toEqual(expect.arrayContaining([...input.parts.dependencies]))
    }
  }

  #valid(name: string): Loaded | undefined {
    const held = this.#tier.get(name)
    return held !== undefined && this.#judge.verdict(held.parts) === undefined ? held : undefined
  }

  #hear(): void {
    for (const { n, name } of this.#unheard.splice(0)) this.#record('invalidate', n, name)
  }

  #record(kind: 'invalidate' | 'change', n: number, name: string): void {
    this.#judge.record({ kind, n, names: [name], atMs: 0 }, { names: [name], prefixes: [] })
  }

  #hold(): Hold {
    return {
      headOf: (name) => this.#tier.get(name)?.parts,
      endedAt: (name) => this.#ended.get(name) ?? 0,
      dependentsOf: (name) => {
        const all = [...this.#tier.values()].map(({ parts }) => parts)
        return all.filter(({ key, dependencies }) => key !== name && dependencies.includes(name))
      },
      isCurrent: this.#unheard.length === 0,
      announce: (key) => {
        this.#record('change', ++this.#n, key)
        return this.#n
      },
    }
  }
}

const step = fc.oneof(
  fc.record({
    is: fc.constant('load' as const),
    key: fc.constantFrom(...keys),
    inputs: fc.array(fc.constantFrom(...names), { minLength: 1, maxLength: 3 }),
    isRead: fc.boolean(),
  }),
  fc.record({ is: fc.constant('store' as const), which: fc.nat(3) }),
  fc.record({ is: fc.constant('store' as const), which: fc.nat(3) }),
  fc.record({ is: fc.constant('invalidate' as const), name: fc.constantFrom(...names) }),
  fc.constant({ is: 'sweep' as const }),
)

test('every valid entry carries what its inputs are made from, and is made from nothing that ended', () => {
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 40 }), (steps) => {
      const world = new World()
      for (const each of steps) {
        if (each.is === 'load') world.load(each.key, each.inputs, each.isRead)
        if (each.is === 'store') world.store(each.which)
        if (each.is === 'invalidate') world.invalidate(each.name)
        if (each.is === 'sweep') world.sweep()
        world.check()
      }
    }),
    { numRuns: 2000, seed: 20261123 },
  )
})
