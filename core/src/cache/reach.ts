/**
 * Reach: what an invalidation reaches in this process, for the record and for the purge.
 *
 *   up to `walkedMax` names   one walk of the graph: in order, with depths, bounded by the depth limit
 *   more                      the nearest of them are walked, for the record; what memory holds besides is found one
 *                             by one while it is purged: it depends, by what it carries, directly on a declared name
 *                             or on one that begins with a prefix
 *   more, on one name         not walked at all: the record lists some that depend on it directly
 *
 * What a record may drop as it is applied is walked before. For all else the walk waits until `keys` is asked for,
 * since it takes time to find out what is declared, and which names begin with a prefix.
 *
 * Invariant: making it, and each step of `keys`, keeps the event loop for a few milliseconds, however much is reached.
 */
import type { Cascade } from '../graph/cascade.ts'
import type { Graph } from '../graph/graph.ts'
import type { DeclaredReach } from '../graph/reach.ts'
import { prefixIn } from '../graph/targets.ts'
import type { Reach } from '../invalidation/perform.ts'
import type { ResolvedTarget } from '../invalidation/request.ts'
import type { CascadeItem } from '../model/invalidation.ts'
import { stepsMax } from './applier.ts'
import type { Settings } from './options.ts'

/** Names that a record lists, at most. */
const listedMax = 250
/** Names that are walked in one go, at most. */
const walkedMax = 5000
/** Dependents of one name that are looked at for those that a record lists. */
const lookedAtMax = 1000

export class GraphReach implements Reach {
  cascade: readonly CascadeItem[] = []
  beyondDepth = 0
  cycles: readonly (readonly string[])[] = []
  readonly #graph: Graph
  readonly #limits: Pick<Settings['graph'], 'maxDepth' | 'cycles'>
  readonly #declared: DeclaredReach
  /** Undefined as long as nothing was walked. */
  #near: readonly string[] | undefined
  #isWhole = false
  /** Names met so far, besides those that are declared. */
  readonly #met = new Set<string>()
  /** At least so many: what depends on the one name that most depend on. */
  readonly #counted: number

  constructor(
    graph: Graph,
    { names, prefix, all }: ResolvedTarget,
    limits: Pick<Settings['graph'], 'maxDepth' | 'cycles'>,
  ) {
    this.#graph = graph
    this.#limits = limits
    this.#declared = graph.declaredReach({ names, prefixes: all ? [''] : prefix === null ? [] : [prefix] })
    const isKnown = this.#declared.advance(stepsMax)
    let counted = 0
    for (const name of this.#declared.names) counted = Math.max(counted, 1 + graph.dependentCount(name))
    this.#counted = counted
    if (isKnown && this.#declared.prefixes.length === 0) this.#walk(new Map())
  }

  /** Those that others purge or sweep meanwhile are not met, but were counted. */
  get reached(): number {
    return Math.max(this.#declared.names.size + this.#met.size, this.#counted)
  }

  *keys(): Generator<string | undefined, void, undefined> {
    if (this.#near === undefined) this.#walk(yield* this.#prefixed())
    yield* this.#near ?? []
    if (this.#isWhole) return
    for (const name of this.#declared) yield* this.#meet(name)
    for (const name of this.#graph.namesWithin(this.#declared.prefixes)) yield* this.#meet(name)
  }

  /** Prefix -> known names that begin with it, in all not many more than are walked. */
  *#prefixed(): Generator<undefined, Map<string, string[]>, undefined> {
    while (!this.#declared.advance(1)) yield undefined
    const { prefixes } = this.#declared
    const found = new Map(prefixes.map((prefix) => [prefix, [] as string[]]))
    let count = 0
    for (const name of this.#graph.namesWithin(prefixes)) {
      if (name === undefined) yield undefined
      else if (count++ > walkedMax) break
      else found.get(prefixIn(prefixes, name) as string)?.push(name)
    }
    return found
  }

  #walk(found: ReadonlyMap<string, readonly string[]>): void {
    const { targets, names } = this.#declared
    const first = [...targets.names, ...[...found.values()].flat()]
    const isTooMany = first.length > walkedMax
    this.#near = []
    if (isTooMany || targets.names.some((name) => this.#graph.dependentCount(name) > walkedMax)) {
      this.cascade = frontOf(this.#graph, first)
      return
    }
    const { maxDepth, cycles } = this.#limits
    const prefixes = [...found.keys()]
    // A prefix within another one was not looked for by itself.
    const namesWithin = (prefix: string) =>
      found.get(prefixIn(prefixes, prefix) ?? '')?.filter((name) => name.startsWith(prefix))
    const lengthMax = names.size > walkedMax ? listedMax : walkedMax
    const walked = this.#graph.cascade(targets, { cycles, lengthMax, namesWithin })
    this.#isWhole = walked.isWhole
    this.cascade = listed(walked)
    this.cycles = walked.cycles
    this.#near = within(walked, maxDepth)
    this.beyondDepth = walked.length - this.#near.length
    for (const name of walked.names()) this.#note(name)
  }

  *#meet(name: string | undefined): Generator<string | undefined, void, undefined> {
    yield name
    if (name === undefined) return
    this.#note(name)
    for (const dependent of this.#graph.dependentsNow(name)) {
      this.#note(dependent)
      yield dependent
    }
  }

  #note(name: string): void {
    if (!this.#declared.names.has(name)) this.#met.add(name)
  }
}

function listed(walked: Cascade): CascadeItem[] {
  const items: CascadeItem[] = []
  for (let place = 0; place < Math.min(walked.length, listedMax); place++) {
    items.push({ name: walked.nameAt(place), depth: walked.depthAt(place), because: walked.becauseAt(place) })
  }
  return items
}

function within(walked: Cascade, depthMax: number): string[] {
  const names: string[] = []
  for (let place = 0; place < walked.length; place++) {
    if (walked.depthAt(place) <= depthMax) names.push(walked.nameAt(place))
  }
  return names
}

/** The targets, and some of what depends on them directly: dependencies before dependents, but for circles. */
function frontOf(graph: Graph, targets: readonly string[]): CascadeItem[] {
  const open = new Map<string, CascadeItem>()
  for (const name of targets.slice(0, listedMax)) open.set(name, { name, depth: 0, because: null })
  for (const because of [...open.keys()]) {
    for (const name of someDependents(graph, because)) {
      if (open.size >= listedMax) break
      if (!open.has(name) && isDirect(graph, name, because)) open.set(name, { name, depth: 1, because })
    }
  }
  const items: CascadeItem[] = []
  const place = (name: string): void => {
    const item = open.get(name)
    if (item === undefined) return
    open.delete(name)
    for (const dependency of graph.dependencies(name)) place(dependency.name)
    items.push(item)
  }
  for (const name of [...open.keys()]) place(name)
  return items
}

function* someDependents(graph: Graph, name: string): Generator<string, void, undefined> {
  let lookedAt = 0
  for (const dependents of [graph.dependentsNow(name), graph.linkedNow(name)]) {
    for (const dependent of dependents) {
      if (lookedAt++ >= lookedAtMax) return
      yield dependent
    }
  }
}

function isDirect(graph: Graph, dependent: string, dependency: string): boolean {
  return graph.dependencies(dependent).some((each) => each.name === dependency && each.isDirect)
}
