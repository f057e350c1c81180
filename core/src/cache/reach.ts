/**
 * Reach: what an invalidation reaches in this process, for the record and for the purge.
 *
 *   up to `walkedMax` names   one walk of the graph: in order, with depths, bounded by the depth limit
 *   more                      the nearest of them are walked, for the record; what memory holds besides is found one
 *                             by one while it is purged: it depends, by what it carries, on a declared name directly
 *   more, on one name         not walked at all: the record lists some that depend on it directly
 *
 * Invariant: making it keeps the event loop for a few milliseconds, however much is reached.
 */
import type { Cascade } from '../graph/cascade.ts'
import type { Graph } from '../graph/graph.ts'
import type { Reach } from '../invalidation/perform.ts'
import type { ResolvedTarget } from '../invalidation/request.ts'
import type { CascadeItem } from '../model/invalidation.ts'
import type { Settings } from './options.ts'

/** Names that a record lists, at most. */
const listedMax = 250
/** Names that are walked in one go, at most. */
const walkedMax = 5000

export class GraphReach implements Reach {
  readonly cascade: readonly CascadeItem[]
  readonly beyondDepth: number
  readonly cycles: readonly (readonly string[])[]
  readonly #near: readonly string[]
  readonly #graph: Graph
  readonly #declared: readonly string[]
  /** Names met so far. */
  readonly #met: Set<string>
  /** At least so many: what depends on the one name that most depend on. */
  readonly #counted: number

  constructor(
    graph: Graph,
    { names, prefix, all }: ResolvedTarget,
    { maxDepth, cycles }: Pick<Settings['graph'], 'maxDepth' | 'cycles'>,
  ) {
    const targets = { names, prefixes: all ? [''] : prefix === null ? [] : [prefix] }
    const declared = graph.declaredReach(targets)
    const isWide = (name: string) => graph.trackedDependentCount(name) > walkedMax
    const isOnlyTargets = declared.names.length === names.length && declared.prefixes.length === 0
    const walked =
      isOnlyTargets && names.some(isWide)
        ? undefined
        : graph.cascade(targets, { cycles, lengthMax: walkedMax })
    this.#graph = graph
    this.#declared = walked?.isWhole === true ? [] : declared.names
    this.cascade = walked === undefined ? frontOf(graph, names) : listed(walked)
    this.cycles = walked?.cycles ?? []
    this.#near = walked === undefined ? [] : within(walked, maxDepth)
    this.beyondDepth = (walked?.length ?? 0) - this.#near.length
    this.#met = new Set(walked?.names())
    let counted = 0
    for (const name of this.#declared) counted = Math.max(counted, 1 + graph.trackedDependentCount(name))
    this.#counted = counted
  }

  /**
   * Names reached; of a large reach all are known once `keys` was walked to its end. Those that others purge or sweep
   * meanwhile are not met, but were counted.
   */
  get reached(): number {
    return Math.max(this.#met.size, this.#counted)
  }

  *keys(): Generator<string, void, undefined> {
    yield* this.#near
    for (const name of this.#declared) {
      yield* this.#meet([name])
      yield* this.#meet(this.#graph.dependentsNow(name))
    }
  }

  *#meet(names: Iterable<string>): Generator<string, void, undefined> {
    for (const name of names) {
      this.#met.add(name)
      yield name
    }
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
  const items = targets.map((name): CascadeItem => ({ name, depth: 0, because: null })).slice(0, listedMax)
  const open = new Map<string, string>()
  for (const target of targets) {
    for (const name of graph.dependentsNow(target)) {
      if (items.length + open.size >= listedMax) break
      if (!targets.includes(name) && isDirect(graph, name, target)) open.set(name, target)
    }
  }
  const place = (name: string): void => {
    const because = open.get(name)
    if (because === undefined) return
    open.delete(name)
    for (const dependency of graph.dependencies(name)) place(dependency.name)
    items.push({ name, depth: 1, because })
  }
  for (const name of [...open.keys()]) place(name)
  return items
}

function isDirect(graph: Graph, dependent: string, dependency: string): boolean {
  return graph.dependencies(dependent).some((each) => each.name === dependency && each.isDirect)
}
