/**
 * Dependencies that are stated, by whatever door and in whatever order, against a model of what follows from them.
 *
 * The model keeps, of each value, the names that it was made from and when the oldest of it was made. Links and rules
 * lead from names to further names. A value is dead as soon as one of all these was ended after it was made, be it
 * that the dependency came first or the invalidation; what is dead stays dead.
 *
 * Not demanded: that a name whose entry has left every tier hands on what it was once made from.
 */
import fc from 'fast-check'
import { crowd, gather, member } from './crowd.ts'
import type { Cache } from './library.ts'
import type { MapTier } from './tier.ts'

/** Few, so that they meet often. */
export const names = ['a:0', 'a:1', 'b:0', 'b:1', 'c:0']
const key = fc.constantFrom(...names, 'a:0', 'b:0', 'c:0')
const some = fc.subarray(names, { maxLength: 2 })

interface Rule {
  readonly pattern: string
  readonly dependsOn: string
}

const rules: readonly Rule[] = [
  { pattern: 'a:{x}', dependsOn: 'b:{x}' },
  { pattern: 'b:{x}', dependsOn: 'c:0' },
  { pattern: 'a:{x}', dependsOn: 'c:{x}' },
  { pattern: 'c:{x}', dependsOn: 'a:{y}' },
]

/** `at`: the cache that does it, of several on one directory. */
export type Move = Task & { readonly at?: number }

export type Task =
  | { readonly do: 'link' | 'unlink'; readonly key: string; readonly on: string }
  | { readonly do: 'unlinkAll' | 'get'; readonly key: string }
  | { readonly do: 'rule' | 'unrule'; readonly place: number }
  | { readonly do: 'set' | 'fill'; readonly key: string; readonly on: readonly string[] }
  | { readonly do: 'load'; readonly key: string; readonly on: readonly string[] }
  | { readonly do: 'nest'; readonly key: string; readonly inner: string; readonly on: readonly string[] }
  | { readonly do: 'invalidate'; readonly names: readonly string[]; readonly isLazy: boolean }
  | { readonly do: 'prefix'; readonly head: string }
  /** Pushes others out of memory; moves the whole of memory to be judged again; lets time pass; fills the ledger. */
  | { readonly do: 'push' | 'stir' | 'wait' | 'churn' }

export const moves: fc.Arbitrary<Move> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constantFrom('link' as const, 'link' as const, 'unlink' as const),
      key,
      on: key,
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constantFrom('unlinkAll' as const, 'unlinkAll' as const, 'get' as const),
      key,
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constantFrom('rule' as const, 'rule' as const, 'unrule' as const),
      place: fc.nat({ max: 3 }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constantFrom('set' as const, 'fill' as const), key, on: some }),
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('load' as const), key, on: some }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('nest' as const), key, inner: key, on: some }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('invalidate' as const),
      names: fc.subarray(names, { minLength: 1, maxLength: 2 }),
      isLazy: fc.boolean(),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('prefix' as const), head: fc.constantFrom('a', 'b', 'c') }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constantFrom(
        'push' as const,
        'push' as const,
        'stir' as const,
        'wait' as const,
        'churn' as const,
      ),
    }),
  },
)

/** Links that come and go on the way from one name by another to a third: few moves, so that any order of them comes. */
export const linkMoves: fc.Arbitrary<Move> = fc.constantFrom<Move[]>(
  { do: 'link', key: 'a:0', on: 'b:0' },
  { do: 'link', key: 'b:0', on: 'c:0' },
  { do: 'unlinkAll', key: 'a:0' },
  { do: 'unlinkAll', key: 'b:0' },
  { do: 'load', key: 'a:0', on: [] },
  { do: 'load', key: 'b:0', on: ['c:0'] },
  { do: 'invalidate', names: ['c:0'], isLazy: true },
)

/** The same moves, with links that lead through a crowd, and much that ends what those depend on. */
export const crowdedMoves: fc.Arbitrary<Move> = fc.oneof(
  { weight: 3, arbitrary: moves },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constantFrom('link' as const, 'link' as const, 'unlink' as const),
      key,
      on: fc.constant(member),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('invalidate' as const),
      names: fc.constantFrom(['b:0'], ['c:0'], ['b:0', 'c:0']),
      isLazy: fc.constant(true),
    }),
  },
)

/** A value, and what is known of it. */
interface Version extends Kept {
  readonly key: string
  /** What it was made from -> when the oldest was made that came of it; its own key too. */
  readonly ages: Map<string, number>
  /** The same of what came by links and rules: gone when they are. */
  readonly borne: Map<string, number>
  isDead: boolean
}

/** What is kept of it: a directory gives copies. */
interface Kept {
  readonly number: number
}

export interface Around {
  readonly tier: MapTier | undefined
  readonly passTime: () => void
  /** Resolves when all that goes on by itself has ended. */
  readonly settle: () => Promise<void>
}

export class Declared {
  readonly faults: string[] = []
  readonly #caches: readonly Cache[]
  readonly #tier: MapTier | undefined
  readonly #passTime: () => void
  readonly #settle: () => Promise<void>
  /** The one that does what is being done. */
  #cache: Cache
  readonly #links = new Map<string, Set<string>>()
  readonly #rules = new Set<number>()
  /** Name -> when it was last ended. */
  readonly #ended = new Map<string, number>()
  readonly #versions: Version[] = []
  /** Keys whose last load was kept. */
  readonly #stored = new Set<string>()
  #time = 0
  #fresh = 0

  constructor(caches: readonly Cache[], { tier, passTime, settle }: Around) {
    this.#caches = caches
    this.#cache = caches[0] as Cache
    this.#tier = tier
    this.#passTime = passTime
    this.#settle = settle
    for (const cache of caches) {
      cache.on('load', ({ key, stored }) => (stored ? this.#stored.add(key) : this.#stored.delete(key)))
    }
  }

  /** Links a crowd to the name. */
  async gather(name: string): Promise<void> {
    for (const each of crowd) this.#links.set(each, new Set([...(this.#links.get(each) ?? []), name]))
    await gather(this.#cache, name)
    await this.#bearAnew()
  }

  async make(move: Move): Promise<void> {
    this.#time++
    this.#cache = this.#caches[(move.at ?? 0) % this.#caches.length] as Cache
    await this.#make(move)
    await this.#settle()
    this.#bury()
    for (const cache of this.#caches) for (const key of names) this.#check(key, cache.peek<Kept>(key))
  }

  /** Every key, from whichever tier. */
  async checkAll(): Promise<void> {
    for (const cache of this.#caches) {
      for (const key of names) this.#check(key, await cache.get<Kept>(key))
    }
  }

  async #make(move: Move): Promise<void> {
    const cache = this.#cache
    switch (move.do) {
      case 'link':
      case 'unlink':
      case 'unlinkAll':
        await this.#relink(move)
        return this.#bearAnew()
      case 'rule':
      case 'unrule':
        await this.#rerule(move.do, move.place)
        return this.#bearAnew()
      case 'set':
      case 'fill':
        return this.#bring(move)
      case 'load':
        return void (await this.#load(move.key, move.on))
      case 'nest':
        return this.#nest(move)
      case 'invalidate':
        for (const name of move.names) this.#ended.set(name, this.#time)
        return void (await cache.invalidate(move.names, { strategy: move.isLazy ? 'lazy' : 'immediate' }))
      case 'prefix':
        for (const name of names) if (name.startsWith(move.head)) this.#ended.set(name, this.#time)
        return void (await cache.invalidate({ prefix: `${move.head}:` }))
      case 'get':
        return this.#check(move.key, await cache.get<Kept>(move.key))
      default:
        return this.#disturb(move.do)
    }
  }

  async #relink(move: Move & { key: string }): Promise<void> {
    const { key, do: kind } = move
    const links = this.#links.get(key) ?? new Set()
    this.#links.set(key, links)
    if (kind === 'unlinkAll') {
      links.clear()
      return this.#cache.unlink(key)
    }
    const { on } = move as Move & { on: string }
    if (kind === 'link') links.add(on)
    else links.delete(on)
    await (kind === 'link'
      ? this.#cache.link(key, { dependsOn: on })
      : this.#cache.unlink(key, { dependsOn: on }))
  }

  async #rerule(kind: 'rule' | 'unrule', place: number): Promise<void> {
    const { pattern, dependsOn } = rules[place] as Rule
    if (kind === 'rule') this.#rules.add(place)
    else this.#rules.delete(place)
    await this.#cache[kind](pattern, { dependsOn })
  }

  async #bring({ do: how, key, on }: Move & { do: 'set' | 'fill' }): Promise<void> {
    if (how === 'set') this.#ended.set(key, this.#time)
    const version = this.#version(key, on)
    const { stored } =
      how === 'set'
        ? await this.#cache.set(key, keptOf(version), { dependsOn: on })
        : await this.#cache.fill(key, keptOf(version), { dependsOn: on, since: this.#cache.token() })
    if (stored) await this.#keep(version)
  }

  async #load(key: string, on: readonly string[]): Promise<Version> {
    let made: Version | undefined
    const kept = await this.#cache.getOrSet<Kept>(
      key,
      () => {
        made = this.#version(key, on)
        return keptOf(made)
      },
      { dependsOn: on },
    )
    return this.#loaded(kept, made)
  }

  async #nest({ key, inner, on }: Move & { do: 'nest' }): Promise<void> {
    if (key === inner) return
    let made: Version | undefined
    const kept = await this.#cache.getOrSet<Kept>(key, async () => {
      const input = await this.#load(inner, on)
      made = this.#version(key, [inner], input)
      return keptOf(made)
    })
    await this.#loaded(kept, made)
  }

  async #loaded(kept: Kept, made: Version | undefined): Promise<Version> {
    const version = this.#versions[kept.number] as Version
    if (version !== made) this.#check(version.key, version)
    else if (this.#stored.has(version.key)) await this.#keep(version)
    return version
  }

  async #disturb(kind: 'push' | 'stir' | 'wait' | 'churn'): Promise<void> {
    const cache = this.#cache
    if (kind === 'wait') return this.#passTime()
    if (kind === 'stir') return cache.link(`stirred:${this.#fresh++}`, { dependsOn: 'stirring' })
    for (let i = 0; i < 12; i++) {
      const name = `other:${this.#fresh++}`
      if (kind === 'churn') await cache.invalidate(name, { strategy: 'lazy' })
      else if (i < 3) await cache.set(name, i)
    }
  }

  #version(key: string, on: readonly string[], input?: Version): Version {
    const ages = new Map([key, ...on].map((name) => [name, this.#time]))
    for (const [name, age] of input?.ages ?? []) if (name !== key) ages.set(name, age)
    const number = this.#versions.length
    const version = { number, key, ages, borne: new Map<string, number>(), isDead: false }
    this.#versions.push(version)
    return version
  }

  /** It inherits of what it names and is held; those that are there inherit of it. */
  async #keep(version: Version): Promise<void> {
    this.#bury()
    for (const name of [...version.ages.keys()]) {
      if (name !== version.key) older(version.ages, (await this.#heldOf(name))?.ages.keys() ?? [], this.#time)
    }
    for (const other of this.#versions) {
      // Another cache may hold an earlier value of this key: that was not made from what this one is made from.
      const isOne = other.key === version.key
      const age = isOne || other.isDead ? undefined : this.#closure(other).get(version.key)
      const isTracked = other.ages.has(version.key)
      if (age !== undefined) older(isTracked ? other.ages : other.borne, version.ages.keys(), age)
    }
    await this.#bear(version)
  }

  /** What the names that links and rules lead to are made from, as far as they are held. */
  async #bear(version: Version): Promise<void> {
    for (const [name, age] of this.#closure(version)) {
      const held = version.ages.has(name) ? undefined : await this.#heldOf(name)
      older(version.borne, held?.ages.keys() ?? [], age)
    }
  }

  async #bearAnew(): Promise<void> {
    this.#bury()
    for (const version of this.#versions) {
      version.borne.clear()
      if (!version.isDead) await this.#bear(version)
    }
  }

  /** The value of a name that could be served now, from whichever tier. */
  async #heldOf(name: string): Promise<Version | undefined> {
    const { state } = await this.#cache.explain(name)
    if (state !== 'fresh') return undefined
    const below = this.#caches.length > 1 ? await this.#cache.get<Kept>(name) : undefined
    const kept =
      this.#cache.peek<Kept>(name) ?? below ?? (this.#tier?.entries.get(name)?.value as Kept | undefined)
    return kept && this.#versions[kept.number]
  }

  #bury(): void {
    for (const version of this.#versions) {
      if (version.isDead) continue
      for (const [name, age] of this.#closure(version)) {
        if ((this.#ended.get(name) ?? 0) > age) version.isDead = true
      }
    }
  }

  /** All names that a value rests on, each with the age of the oldest that came of it. */
  #closure({ ages, borne }: Version): Map<string, number> {
    const closure = new Map<string, number>()
    const open = [...ages, ...borne]
    for (let next = open.pop(); next !== undefined; next = open.pop()) {
      const [name, age] = next
      if ((closure.get(name) ?? Infinity) <= age) continue
      closure.set(name, age)
      for (const further of [...(this.#links.get(name) ?? []), ...this.#byRules(name)])
        open.push([further, age])
    }
    return closure
  }

  #byRules(name: string): string[] {
    const [head, index] = name.split(':') as [string, string]
    return [...this.#rules].flatMap((place) => {
      const { pattern, dependsOn } = rules[place] as Rule
      if (!pattern.startsWith(head)) return []
      const written = dependsOn.replace('{x}', index)
      return written.includes('{') ? names.filter((other) => other[0] === written[0]) : [written]
    })
  }

  #check(key: string, kept: Kept | undefined): void {
    const value = kept && this.#versions[kept.number]
    if (value?.isDead !== true) return
    const made = [...value.ages].map(([name, age]) => `${name} at ${age}`).join(', ')
    this.faults.push(`${key}: dead, and served at ${this.#time}: made from ${made}`)
  }
}

function keptOf({ number }: Version): Kept {
  return { number }
}

/** Adds names that are as old as `age`, or older than is known. */
function older(ages: Map<string, number>, names: Iterable<string>, age: number): void {
  for (const name of names) ages.set(name, Math.min(age, ages.get(name) ?? Infinity))
}
