/**
 * Graph: who depends on whom.
 *
 *   declared  edges that someone stated (`link`), and rules: the same on every node
 *   tracked   edges of the entries that this process holds in memory, as their loads found them
 *
 * Invariants: an entry that is held has exactly the tracked edges it was last tracked with; a name is known
 * while it is held or an edge of either kind touches it, and forgotten in O(1) after; no answer depends on
 * the order in which edges came.
 */
import { cascadeOf, type Cascade, type CascadeOptions } from './cascade.ts'
import { Edges } from './edges.ts'
import { Names } from './names.ts'
import { declaredAbove, DeclaredReach, endsNow, type DeclaredGraph } from './reach.ts'
import { Rules, type Rule } from './rules.ts'
import { prefixIn, type Targets } from './targets.ts'
import { Walk } from './walk.ts'

/** The other end of an edge. */
export interface Neighbour {
  readonly name: string
  readonly kind: 'declared' | 'tracked' | 'rule'
  /** False for a tracked edge that came with a cached input. */
  readonly isDirect: boolean
  /** True if `name` means every name that begins with it. */
  readonly isPrefix: boolean
}

export interface GraphSizes {
  readonly names: number
  readonly declaredEdges: number
  readonly trackedEdges: number
  readonly rules: number
  /** Memory of the edges, exact, and of the names, about. */
  readonly bytes: number
}

/** A short string, its place in a Map and in an array. */
const bytesPerName = 72
/** Names that are looked at, at most, before whoever walks may pause. */
const stride = 32

export class Graph {
  readonly #names = new Names()
  readonly #declared = new Edges()
  readonly #tracked = new Edges()
  readonly #rules = new Rules()
  /** Id -> 1 if an entry of this name is in memory. */
  #held = new Uint8Array(0)
  readonly #declaredGraph: DeclaredGraph = { names: this.#names, links: this.#declared, rules: this.#rules }
  readonly #walk = new Walk({
    names: this.#names,
    declared: this.#declared,
    tracked: this.#tracked,
    rules: this.#rules,
  })

  /** States that one name depends on another. @returns false if it was stated before, or both are the same */
  link(dependent: string, dependency: string): boolean {
    if (dependent === dependency) return false
    return this.#declared.add(this.#names.intern(dependent), this.#names.intern(dependency))
  }

  /** @returns false if there was no such link */
  unlink(dependent: string, dependency: string): boolean {
    const from = this.#names.idOf(dependent)
    const to = this.#names.idOf(dependency)
    if (from < 0 || to < 0 || !this.#declared.remove(from, to)) return false
    this.#releaseIfGone(from)
    this.#releaseIfGone(to)
    return true
  }

  /** What a name was linked to. */
  linksOf(name: string): string[] {
    return this.#ends(name, (id) => cellsOf(this.#declared, 'dependencies', id)).map(({ name }) => name)
  }

  /** Every link, as dependent and dependency. */
  *links(): Generator<[dependent: string, dependency: string], void, undefined> {
    for (let id = 0; id < this.#names.capacity; id++) {
      for (const cell of cellsOf(this.#declared, 'dependencies', id)) {
        yield [this.#names.nameOf(id), this.#names.nameOf(cell >> 1)]
      }
    }
  }

  /** @returns false if it was there. @throws E_GRAPH_RULE_INVALID */
  addRule(rule: Rule): boolean {
    return this.#rules.add(rule)
  }

  /** @returns false if it was not there */
  removeRule(rule: Rule): boolean {
    return this.#rules.remove(rule)
  }

  hasRule(rule: Rule): boolean {
    return this.#rules.has(rule)
  }

  rules(): Rule[] {
    return this.#rules.list()
  }

  /**
   * An entry is held from now on, with these dependencies in place of those it had. What is both direct and
   * inherited is direct. O(dependencies), however many depend on the entry or on its dependencies.
   */
  track(key: string, direct: Iterable<string>, inherited: Iterable<string>): void {
    const id = this.#names.intern(key)
    this.#hold(id)
    const dependencies = new Map<number, boolean>()
    for (const name of direct) dependencies.set(this.#names.intern(name), false)
    for (const name of inherited) {
      const dependency = this.#names.intern(name)
      if (!dependencies.has(dependency)) dependencies.set(dependency, true)
    }
    dependencies.delete(id)
    if (this.#isTrackedWith(id, dependencies)) return
    const before = cellsOf(this.#tracked, 'dependencies', id)
    this.#tracked.removeAll(id)
    this.#tracked.addAll(id, dependencies)
    for (const cell of before) this.#releaseIfGone(cell >> 1)
  }

  /** The entry has left memory. @returns false if it was not held */
  untrack(key: string): boolean {
    const id = this.#names.idOf(key)
    if (id < 0 || this.#held[id] !== 1) return false
    const before = cellsOf(this.#tracked, 'dependencies', id)
    this.#tracked.removeAll(id)
    this.#held[id] = 0
    for (const cell of before) this.#releaseIfGone(cell >> 1)
    this.#releaseIfGone(id)
    return true
  }

  isHeld(key: string): boolean {
    const id = this.#names.idOf(key)
    return id >= 0 && this.#held[id] === 1
  }

  hasDeclaredDependents(name: string): boolean {
    const id = this.#names.idOf(name)
    return (id >= 0 && this.#declared.dependents.count(id) > 0) || this.#rules.matches(name)
  }

  hasTrackedDependents(name: string): boolean {
    return this.trackedDependentCount(name) > 0
  }

  /** O(1). */
  trackedDependentCount(name: string): number {
    const id = this.#names.idOf(name)
    return id < 0 ? 0 : this.#tracked.dependents.count(id)
  }

  /** Of those that are linked to the name and those that are held and made from it, the more. O(1). */
  dependentCount(name: string): number {
    const id = this.#names.idOf(name)
    return id < 0 ? 0 : Math.max(this.#tracked.dependents.count(id), this.#declared.dependents.count(id))
  }

  /**
   * Shows the held entries that depend on a name, until `visit` returns false. It may untrack what it is
   * shown: the list is walked from its end, and what takes a removed one's place has been shown already.
   */
  trackedDependents(name: string, visit: (key: string) => boolean): void {
    const id = this.#names.idOf(name)
    if (id < 0) return
    const { dependents } = this.#tracked
    for (let place = dependents.count(id) - 1; place >= 0; place--) {
      // The visitor may have untracked more than one.
      if (place >= dependents.count(id)) continue
      if (!visit(this.#names.nameOf(dependents.cellAt(id, place) >> 1))) return
    }
  }

  /** The same one by one, for a walk over many ticks while the graph changes. */
  dependentsNow(name: string): Generator<string, void, undefined> {
    return endsNow(this.#names, this.#tracked.dependents, name)
  }

  /** What is linked to a name, in the same way. */
  linkedNow(name: string): Generator<string, void, undefined> {
    return endsNow(this.#names, this.#declared.dependents, name)
  }

  /**
   * All known names that begin with one of the prefixes, for a walk over many ticks; undefined: none for a while.
   * @param prefixes sorted, none within another
   */
  *namesWithin(prefixes: readonly string[]): Generator<string | undefined, void, undefined> {
    for (let id = 0; prefixes.length > 0 && id < this.#names.capacity; id++) {
      if (id % stride === 0) yield undefined
      const name = this.#names.textOf(id)
      if (name !== undefined && prefixIn(prefixes, name) !== undefined) yield name
    }
  }

  /** What the targets reach by links and rules, themselves included; what is held plays no part in it. */
  declaredReach(targets: Targets): DeclaredReach {
    return new DeclaredReach(this.#declaredGraph, targets)
  }

  /** What depends on the names by links and rules, themselves left out. */
  declaredDependents(names: readonly string[]): DeclaredReach {
    return new DeclaredReach(this.#declaredGraph, { names, prefixes: [] }, new Set(names))
  }

  /** The name and all that it depends on by links; undefined if those are many, or if a rule may add to them. */
  declaredAbove(name: string): Set<string> | undefined {
    return declaredAbove(this.#declaredGraph, name)
  }

  /** All that the targets reach by links, rules and tracked edges, themselves included, in order. */
  cascade(targets: Targets, options: CascadeOptions = {}): Cascade {
    try {
      this.#walk.run(targets, options)
      return cascadeOf(this.#walk, options.cycles ?? 'break')
    } finally {
      this.#walk.finish()
    }
  }

  /** What a name depends on, one step. */
  dependencies(name: string): Neighbour[] {
    return [...this.#neighbours(name, 'dependencies'), ...byRule(this.#rules.dependenciesOf(name), name)]
  }

  /** What depends on a name, one step. */
  dependents(name: string): Neighbour[] {
    return [...this.#neighbours(name, 'dependents'), ...byRule(this.#rules.dependentsOf(name), name)]
  }

  sizes(): GraphSizes {
    return {
      names: this.#names.size,
      declaredEdges: this.#declared.size,
      trackedEdges: this.#tracked.size,
      rules: this.#rules.size,
      bytes: this.#declared.bytes + this.#tracked.bytes + this.#names.size * bytesPerName,
    }
  }

  #neighbours(name: string, side: Side): Neighbour[] {
    return [
      ...this.#ends(name, (id) => cellsOf(this.#declared, side, id)).map((end) => ({
        ...end,
        kind: 'declared' as const,
        isPrefix: false,
      })),
      ...this.#ends(name, (id) => cellsOf(this.#tracked, side, id)).map((end) => ({
        ...end,
        kind: 'tracked' as const,
        isPrefix: false,
      })),
    ]
  }

  #ends(name: string, cells: (id: number) => number[]): Pick<Neighbour, 'name' | 'isDirect'>[] {
    const id = this.#names.idOf(name)
    if (id < 0) return []
    return cells(id).map((cell) => ({ name: this.#names.nameOf(cell >> 1), isDirect: (cell & 1) === 0 }))
  }

  #isTrackedWith(id: number, dependencies: ReadonlyMap<number, boolean>): boolean {
    const cells = cellsOf(this.#tracked, 'dependencies', id)
    if (cells.length !== dependencies.size) return false
    return cells.every((cell) => dependencies.get(cell >> 1) === ((cell & 1) === 1))
  }

  #hold(id: number): void {
    if (id >= this.#held.length) {
      const held = new Uint8Array(Math.max(16, Math.ceil((id + 1) * 1.5)))
      held.set(this.#held)
      this.#held = held
    }
    this.#held[id] = 1
  }

  #releaseIfGone(id: number): void {
    if (this.#held[id] === 1 || this.#declared.isAttached(id) || this.#tracked.isAttached(id)) return
    this.#names.release(id)
  }
}

type Side = 'dependents' | 'dependencies'

function cellsOf(edges: Edges, side: Side, id: number): number[] {
  const list = edges[side]
  return Array.from({ length: list.count(id) }, (_, place) => list.cellAt(id, place))
}

function byRule({ names, prefixes }: Targets, self: string): Neighbour[] {
  const kind = 'rule' as const
  return [
    ...names.filter((name) => name !== self).map((name) => ({ name, kind, isDirect: true, isPrefix: false })),
    ...prefixes.map((name) => ({ name, kind, isDirect: true, isPrefix: true })),
  ]
}
