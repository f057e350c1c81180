/**
 * Declared reach: what the targets of an invalidation reach by links and rules, and what leads there.
 *
 * Found in rounds: follow all links, then take one step by rules from everything that is new, and again.
 * Rules that feed each other could go on for ever: once they are runaway, they lead to prefixes only. It is found in
 * steps, so that nobody has to wait for all of it: the graph may change meanwhile.
 *
 * Invariants: nothing that depended on a target when the walk began, and depends on it still, is left out; each name
 * occurs once, targets included; tracked edges are never looked at; if the graph stays as it is, the outcome is the
 * same whatever the order of targets, links and rules (a round is a set, and whether rules are runaway is asked
 * between rounds), so that all nodes agree; a name that is reached has a target among what is above it.
 */
import type { Adjacency } from './adjacency.ts'
import type { Edges } from './edges.ts'
import type { Names } from './names.ts'
import { areRunaway, type Rules } from './rules.ts'
import { widest, type Targets } from './targets.ts'

export interface DeclaredGraph {
  readonly names: Names
  readonly links: Edges
  readonly rules: Rules
}

/** Names that are looked at in one step, if none of them is reached. */
const stride = 32
/** Names above a name, at most, that are worth the looking. */
const aboveMax = 100

export class DeclaredReach {
  readonly targets: Targets
  /** Those found so far. A Set is walked in the order of insertion. */
  readonly names: Set<string>
  readonly #prefixes: Set<string>
  readonly #graph: DeclaredGraph
  readonly #leftOut: ReadonlySet<string>
  readonly #steps: Generator<void, void, undefined>
  #isWhole = false
  #made = 0

  /** @param leftOut names that are not reached, targets among them */
  constructor(graph: DeclaredGraph, targets: Targets, leftOut: ReadonlySet<string> = new Set()) {
    this.#graph = graph
    this.targets = targets
    this.names = new Set(targets.names.filter((name) => !leftOut.has(name)))
    this.#leftOut = leftOut
    this.#prefixes = new Set(targets.prefixes)
    this.#steps = this.#find()
  }

  /** What begins with one of these is reached too: those found so far. */
  get prefixes(): readonly string[] {
    return widest(this.#prefixes)
  }

  /** Takes at most so many steps: in each a name is found, or some are looked at. @returns whether that was all */
  advance(stepsMax: number): boolean {
    for (let step = 0; step < stepsMax && !this.#isWhole; step++) {
      this.#isWhole = this.#steps.next().done === true
    }
    return this.#isWhole
  }

  /** What was found, then what is still to be found; undefined: nothing was found for a while. */
  *[Symbol.iterator](): Generator<string | undefined, void, undefined> {
    const found = this.names.values()
    for (let shown = 0; ; ) {
      // Never asked for more than there are: it would have ended then.
      for (; shown < this.names.size; shown++) yield found.next().value
      if (this.#isWhole) return
      this.advance(1)
      if (shown === this.names.size) yield undefined
    }
  }

  *#find(): Generator<void, void, undefined> {
    let fresh = this.targets
    while (fresh.names.length + fresh.prefixes.length > 0) {
      const closed = yield* this.#followLinks(fresh)
      if (this.#graph.rules.size === 0) return
      const known = this.names.size - this.#made
      fresh = yield* this.#followRules(closed, areRunaway(this.#made, known))
    }
  }

  /** @returns what was fresh and all that it reaches by links */
  *#followLinks({ names, prefixes }: Targets): Generator<void, Targets, undefined> {
    const found = [...names]
    for (const prefix of prefixes) yield* this.#followLinksFromPrefix(prefix, found)
    for (let i = 0; i < found.length; i++) {
      yield* this.#followLinksFrom(found[i] as string, found)
      if (i % stride === 0) yield
    }
    return { names: found, prefixes }
  }

  *#followLinksFrom(dependency: string, found: string[]): Generator<void, void, undefined> {
    for (const name of endsNow(this.#graph.names, this.#graph.links.dependents, dependency)) {
      if (this.#add(name)) found.push(name)
      yield
    }
  }

  *#followLinksFromPrefix(prefix: string, found: string[]): Generator<void, void, undefined> {
    const { names, links } = this.#graph
    for (let id = 0; links.size > 0 && id < names.capacity; id++) {
      if (id % stride === 0) yield
      if (links.dependents.count(id) === 0) continue
      const name = names.nameOf(id)
      if (name.startsWith(prefix)) yield* this.#followLinksFrom(name, found)
    }
  }

  *#followRules({ names, prefixes }: Targets, widen: boolean): Generator<void, Targets, undefined> {
    const { rules } = this.#graph
    const fresh = { names: [] as string[], prefixes: [] as string[] }
    for (const [i, name] of names.entries()) {
      const known = this.names.size
      this.#take(rules.dependentsOf(name, widen), fresh)
      for (let found = known; found < this.names.size; found++) yield
      if (i % stride === 0) yield
    }
    for (const prefix of prefixes) this.#take(rules.dependentsOfPrefix(prefix), fresh)
    return fresh
  }

  /** @returns whether it is new */
  #add(name: string): boolean {
    if (this.names.has(name) || this.#leftOut.has(name)) return false
    this.names.add(name)
    return true
  }

  #take(targets: Targets, fresh: { names: string[]; prefixes: string[] }): void {
    for (const name of targets.names) {
      if (!this.#add(name)) continue
      this.#made++
      fresh.names.push(name)
    }
    for (const prefix of targets.prefixes) {
      if (this.#prefixes.has(prefix)) continue
      this.#prefixes.add(prefix)
      fresh.prefixes.push(prefix)
    }
  }
}

/**
 * What depends on a name by one kind of edge, one by one, for a walk over many ticks while the graph changes: what
 * depended on it when the walk began and still does is shown, perhaps twice.
 */
export function* endsNow(
  names: Names,
  dependents: Adjacency,
  name: string,
): Generator<string, void, undefined> {
  const first = names.idOf(name)
  for (let place = (first < 0 ? 0 : dependents.count(first)) - 1; place >= 0; place--) {
    const id = names.idOf(name)
    const count = id < 0 ? 0 : dependents.count(id)
    // What takes a removed one's place comes from the end, and has been shown or is new.
    if (place < count) yield names.nameOf(dependents.cellAt(id, place) >> 1)
  }
}

/**
 * The name and all that it depends on by links; undefined if those are many, or if a rule may add to them: a rule is
 * read from the dependency to the dependent, and cannot be read back for certain.
 */
export function declaredAbove({ names, links, rules }: DeclaredGraph, name: string): Set<string> | undefined {
  const met = new Set([name])
  // A Set shows what is added while it is walked.
  for (const each of met) {
    if (rules.mayWrite(each)) return undefined
    const id = names.idOf(each)
    const count = id < 0 ? 0 : links.dependencies.count(id)
    if (met.size + count > aboveMax) return undefined
    for (let place = 0; place < count; place++)
      met.add(names.nameOf(links.dependencies.cellAt(id, place) >> 1))
  }
  return met
}
