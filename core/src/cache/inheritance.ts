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
import type { Change, Log } from '../log/contract.ts'
import type { Judge } from '../log/judge.ts'
import type { Clock } from '../model/clock.ts'
import type { Held } from './held.ts'
import type { Lower } from './lower.ts'

export interface InheritanceParts {
  readonly clock: Clock
  readonly graph: Graph
  readonly held: Held
  readonly judge: Judge
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
    const { held, lower, clock } = this.#parts
    const names = [...flight.named].filter((name) => held.near.look(name) === undefined)
    for (const entry of await lower.entriesOf(names)) {
      if (held.isForeign(entry)) continue
      const expiresAt = Math.min(entry.storedAt + entry.ttlMs, entry.capAt)
      flight.inherit({
        dependencies: entry.dependencies,
        expiresAt: expiresAt > clock.now() ? expiresAt : Infinity,
      })
    }
  }

  /**
   * What memory holds, or knows, of the dependencies: they may have been made anew since they were read. What is
   * fresh bounds what is made from it; what is not any more is nobody's input now.
   */
  fromHeld(flight: Flight): void {
    const { held } = this.#parts
    // A Map is walked in the order of insertion, and takes in what is inherited on the way.
    for (const [name, isDirect] of flight.noted) {
      for (const inherited of held.lineageOf(name)) flight.inheritName(inherited)
      const entry = isDirect ? held.near.look(name) : undefined
      const found = entry === undefined ? undefined : held.assess(entry)
      if (found?.state === 'fresh') flight.inherit({ dependencies: [], expiresAt: found.entry.expiresAt })
    }
  }

  /**
   * Position at which something of a name that was named by hand, and so perhaps read elsewhere, was invalidated
   * meanwhile, or may have been; 0: it was not.
   */
  overtakenAt({ named, stamp }: Flight): number {
    const { past } = this.#parts.held
    if (named.size === 0) return 0
    let n = past.low
    for (const name of named) n = Math.max(n, past.endedAt(name))
    return n > stamp ? n : 0
  }

  /** The key is about to be set: its change is announced by the caller, and covers all that it is made from now. */
  expect(flight: Flight, told: Set<string>): void {
    for (const name of flight.noted.keys()) told.add(name)
    this.#parts.held.past.expect(flight.key, [...told])
  }

  /**
   * Tells others what they have to know before the flight's value may be stored. Undefined if there is nothing (more)
   * to tell: then it is still true, and the value can be stored in this tick. The flight was judged in this tick.
   * @param told names whose dependents know already; grows
   */
  announce(flight: Flight, told: Set<string>): Promise<void> | undefined {
    const { held, graph, lower } = this.#parts
    const { key } = flight
    const undeclared = this.undeclared(key, [...flight.noted.keys()])
    if (undeclared.length > 0) return this.#declare(flight, undeclared)
    if (flight.announces) return this.#change(flight)
    const known = new Set(held.lineageOf(key))
    const untold = [...flight.noted.keys()].filter((name) => !told.has(name) && !known.has(name))
    if (untold.length === 0) return undefined
    this.expect(flight, told)
    if (graph.hasTrackedDependents(key)) return this.#change(flight)
    return lower.plain.length === 0 ? undefined : this.#askBelow(flight)
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
    const change: Change = { kind: 'link', names: [flight.key], dependsOn }
    await this.#parts.log.append(change, (n) => this.#advance(flight, n))
  }

  /** The change is announced by the next call: the flight has to be judged in the tick in which that happens. */
  async #askBelow(flight: Flight): Promise<void> {
    flight.announces = await this.#parts.lower.hasDependents(flight.key)
  }

  async #change(flight: Flight): Promise<void> {
    flight.announces = false
    const change: Change = { kind: 'change', names: [flight.key] }
    await this.#parts.log.append(change, (n) => this.#advance(flight, n))
  }

  /** Its own record, at `n`, is no news to the flight; what others appended before it is. */
  #advance(flight: Flight, n: number): void {
    const by = this.#parts.judge.verdict(flight)
    if (by !== undefined) flight.overtake(by.n)
    flight.keyStamp = n
  }
}
