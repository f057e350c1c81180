/**
 * Inheritance: an entry depends on everything that its inputs were made from, now and later.
 *
 * An entry carries the dependencies of its inputs, since the inputs may be gone tomorrow. If an input is then made
 * anew from more than before, what was made from it lacks those dependencies: it has to become stale. So that this
 * happens only then, it is remembered of each name what those who depend on it have inherited, its *lineage*.
 *
 *   page <- list {a}        page carries list, a; the lineage of list is {a}
 *   list is made anew {a}   nothing new: page stays
 *   list is made anew {a,b} page lacks b: a change of `list` is announced, before list is stored
 *
 * Invariants: who is stored with a name among its direct dependencies carries the lineage of that name; what is
 * about to be stored is in its lineage before anybody is told, so that those who come in between inherit it; a name
 * that something is declared to depend on has its dependencies declared too.
 */
import type { Graph } from '../graph/graph.ts'
import type { Flight } from '../loading/flight.ts'
import type { Log } from '../log/contract.ts'
import type { Held } from './held.ts'
import type { Lower } from './lower.ts'

export interface InheritanceParts {
  readonly graph: Graph
  readonly held: Held
  readonly log: Log
  readonly lower: Lower
}

export class Inheritance {
  readonly #parts: InheritanceParts

  constructor(parts: InheritanceParts) {
    this.#parts = parts
  }

  /** What the tiers below hold of names that were only named. @throws E_TIERS_UNREACHABLE: it cannot be known */
  async fromLower(flight: Flight): Promise<void> {
    const { held, lower } = this.#parts
    const names = [...flight.named].filter((name) => held.near.look(name) === undefined)
    for (const entry of await lower.entriesOf(names)) {
      flight.inherit({ dependencies: entry.dependencies, expiresAt: entry.storedAt + entry.ttlMs })
    }
  }

  /** What memory holds, or knows, of the direct dependencies: they may have been made anew since they were read. */
  fromHeld(flight: Flight): void {
    const { held } = this.#parts
    for (const name of [...flight.direct]) {
      const entry = held.near.look(name)
      const usable = entry !== undefined && held.assess(entry) !== undefined
      flight.inherit({ dependencies: held.lineageOf(name), expiresAt: usable ? entry.expiresAt : Infinity })
    }
  }

  /** The key is about to be set: its change is announced by the caller, and covers all that it is made from now. */
  expect(flight: Flight, told: Set<string>): void {
    for (const name of flight.noted.keys()) told.add(name)
    this.#parts.held.expect(flight.key, [...told])
  }

  /**
   * Tells others what they have to know before the flight's value may be stored. Undefined if there is nothing (more)
   * to tell: then it is still true, and the value can be stored in this tick.
   * @param told names whose dependents know already; grows
   */
  announce(flight: Flight, told: Set<string>): Promise<void> | undefined {
    const { held, graph, lower } = this.#parts
    const { key } = flight
    const undeclared = this.undeclared(key, [...flight.noted.keys()])
    if (undeclared.length > 0) return this.#declare(flight, undeclared)
    const known = held.lineageOf(key)
    const untold = [...flight.noted.keys()].filter((name) => !told.has(name) && !known.has(name))
    if (untold.length === 0) return undefined
    this.expect(flight, told)
    if (graph.hasTrackedDependents(key)) return this.#change(flight)
    return lower.none ? undefined : this.#changeIfNeeded(flight)
  }

  /** Dependencies of `key` that have to be declared, since something is declared to depend on it. */
  undeclared(key: string, dependencies: readonly string[]): readonly string[] {
    const { graph } = this.#parts
    if (dependencies.length === 0 || !graph.hasDeclaredDependents(key)) return []
    const linked = new Set(graph.linksOf(key))
    return dependencies.filter((name) => !linked.has(name))
  }

  /** The flight was judged in this tick: that its key turns out to depend on these is no news to it. */
  async #declare(flight: Flight, dependsOn: readonly string[]): Promise<void> {
    const { n } = await this.#parts.log.append({ kind: 'link', names: [flight.key], dependsOn })
    flight.keyStamp = n
  }

  async #changeIfNeeded(flight: Flight): Promise<void> {
    if (await this.#parts.lower.hasDependents(flight.key)) await this.#change(flight)
  }

  async #change(flight: Flight): Promise<void> {
    const { n } = await this.#parts.log.append({ kind: 'change', names: [flight.key] })
    flight.keyStamp = n
  }
}
