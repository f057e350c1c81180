/**
 * Declared reach: what the targets of an invalidation reach by links and rules.
 *
 * Found in rounds: follow all links, then take one step by rules from everything that is new, and again.
 * Rules that feed each other could go on for ever: once they are runaway, they lead to prefixes only.
 *
 * Invariants: nothing that depends on a target is left out; each name occurs once, targets included; tracked
 * edges are never looked at; the outcome is the same whatever the order of targets, links and rules (a round
 * is a set, and whether rules are runaway is asked between rounds), so that all nodes agree.
 */
import type { Adjacency } from './adjacency.ts'
import type { Names } from './names.ts'
import { areRunaway, type Rules } from './rules.ts'
import { widest, type Targets } from './targets.ts'

export interface DeclaredGraph {
  readonly names: Names
  /** Name -> those linked to it. */
  readonly links: Adjacency
  readonly rules: Rules
}

export function declaredReach(graph: DeclaredGraph, targets: Targets): Targets {
  const reach = new Reach(graph, targets)
  reach.run()
  return { names: [...reach.names], prefixes: widest(reach.prefixes) }
}

class Reach {
  // A Set is walked in the order of insertion, and the walk meets what is added meanwhile.
  readonly names: Set<string>
  readonly prefixes: Set<string>
  readonly #graph: DeclaredGraph
  #made = 0

  constructor(graph: DeclaredGraph, targets: Targets) {
    this.#graph = graph
    this.names = new Set(targets.names)
    this.prefixes = new Set(targets.prefixes)
  }

  run(): void {
    let fresh: Targets = { names: [...this.names], prefixes: [...this.prefixes] }
    while (fresh.names.length + fresh.prefixes.length > 0) {
      const closed = this.#followLinks(fresh)
      if (this.#graph.rules.size === 0) return
      const known = this.names.size - this.#made
      fresh = this.#followRules(closed, areRunaway(this.#made, known))
    }
  }

  /** @returns what was fresh and all that it reaches by links */
  #followLinks({ names, prefixes }: Targets): Targets {
    const found = [...names]
    for (const prefix of prefixes) this.#followLinksFromPrefix(prefix, found)
    for (let i = 0; i < found.length; i++) {
      const id = this.#graph.names.idOf(found[i] as string)
      if (id >= 0) this.#followLinksFrom(id, found)
    }
    return { names: found, prefixes }
  }

  #followLinksFrom(id: number, found: string[]): void {
    const { names, links } = this.#graph
    const count = links.count(id)
    for (let place = 0; place < count; place++) {
      const name = names.nameOf(links.cellAt(id, place) >> 1)
      if (this.names.has(name)) continue
      this.names.add(name)
      found.push(name)
    }
  }

  #followLinksFromPrefix(prefix: string, found: string[]): void {
    const { names, links } = this.#graph
    for (let id = 0; id < links.nodes.length >> 1; id++) {
      if (links.count(id) > 0 && names.nameOf(id).startsWith(prefix)) this.#followLinksFrom(id, found)
    }
  }

  #followRules({ names, prefixes }: Targets, widen: boolean): Targets {
    const { rules } = this.#graph
    const fresh = { names: [] as string[], prefixes: [] as string[] }
    for (const name of names) this.#take(rules.dependentsOf(name, widen), fresh)
    for (const prefix of prefixes) this.#take(rules.dependentsOfPrefix(prefix), fresh)
    return fresh
  }

  #take(targets: Targets, fresh: { names: string[]; prefixes: string[] }): void {
    for (const name of targets.names) {
      if (this.names.has(name)) continue
      this.names.add(name)
      this.#made++
      fresh.names.push(name)
    }
    for (const prefix of targets.prefixes) {
      if (this.prefixes.has(prefix)) continue
      this.prefixes.add(prefix)
      fresh.prefixes.push(prefix)
    }
  }
}
