/**
 * Edges: who depends on whom, both ways; one kind of edge.
 *
 * An edge has a cell in the list of its dependent and a twin in the list of its dependency; each knows the
 * other's place, so that removing one is O(1) even if a name has 100,000 dependents:
 *
 *   dependencies of a:  [ x | y | z ]          remove a -> y:  z takes the place of y, and z's twin is told;
 *   dependents of y:    [ b | a | c | d ]                      d takes the place of a, and d's twin is told.
 *
 * Invariants: an edge exists once; cell and twin carry the same flag and point at each other; no name
 * depends on itself; a node has no storage while it has no edges.
 */
import { Adjacency } from './adjacency.ts'

export class Edges {
  /** Name -> those that depend on it. */
  readonly dependents = new Adjacency()
  /** Name -> those that it depends on. */
  readonly dependencies = new Adjacency()
  #size = 0

  get size(): number {
    return this.#size
  }

  get bytes(): number {
    return this.dependents.bytes + this.dependencies.bytes
  }

  isAttached(id: number): boolean {
    return this.dependents.count(id) > 0 || this.dependencies.count(id) > 0
  }

  /** O(degree of the end that has fewer edges). */
  has(dependent: number, dependency: number): boolean {
    return this.#placeOf(dependent, dependency) >= 0
  }

  /** Adds a direct edge. O(degree of the end that has fewer edges). @returns false if it was there */
  add(dependent: number, dependency: number): boolean {
    if (this.has(dependent, dependency)) return false
    this.#append(dependent, dependency, 0)
    return true
  }

  /** Adds the edges of a dependent that has none. Dependency -> was it inherited. O(1) an edge. */
  addAll(dependent: number, dependencies: ReadonlyMap<number, boolean>): void {
    this.dependencies.reserve(dependent, dependencies.size)
    for (const [dependency, inherited] of dependencies) {
      this.#append(dependent, dependency, inherited ? 1 : 0)
    }
  }

  /** O(degree of the end that has fewer edges). @returns false if it was not there */
  remove(dependent: number, dependency: number): boolean {
    const place = this.#placeOf(dependent, dependency)
    if (place < 0) return false
    const twin = this.dependencies.backAt(dependent, place)
    detach({ from: this.dependencies, opposite: this.dependents }, dependent, place)
    detach({ from: this.dependents, opposite: this.dependencies }, dependency, twin)
    this.#size--
    return true
  }

  /** Removes all edges of a dependent. O(their number), however many other dependents there are. */
  removeAll(dependent: number): void {
    const count = this.dependencies.count(dependent)
    for (let place = 0; place < count; place++) {
      const dependency = this.dependencies.cellAt(dependent, place) >> 1
      const twin = this.dependencies.backAt(dependent, place)
      detach({ from: this.dependents, opposite: this.dependencies }, dependency, twin)
    }
    this.dependencies.clear(dependent)
    this.#size -= count
  }

  #append(dependent: number, dependency: number, flag: number): void {
    const place = this.dependencies.count(dependent)
    const twin = this.dependents.push(dependency, (dependent << 1) | flag, place)
    this.dependencies.push(dependent, (dependency << 1) | flag, twin)
    this.#size++
  }

  /** Where the dependency is in the list of the dependent, or -1. Looks through the shorter list of the two. */
  #placeOf(dependent: number, dependency: number): number {
    const { dependents, dependencies } = this
    if (dependencies.count(dependent) <= dependents.count(dependency)) {
      return find(dependencies, dependent, dependency)
    }
    const twin = find(dependents, dependency, dependent)
    return twin < 0 ? -1 : dependents.backAt(dependency, twin)
  }
}

function find(list: Adjacency, node: number, other: number): number {
  for (let place = list.count(node) - 1; place >= 0; place--) {
    if (list.cellAt(node, place) >> 1 === other) return place
  }
  return -1
}

/** Removes one cell, and tells the twin of the cell that moved into its place. */
function detach(
  { from, opposite }: Record<'from' | 'opposite', Adjacency>,
  node: number,
  place: number,
): void {
  from.drop(node, place)
  if (place >= from.count(node)) return
  opposite.setBack(from.cellAt(node, place) >> 1, from.backAt(node, place), place)
}
