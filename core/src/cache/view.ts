/**
 * A view of the graph around one name: what it depends on, or what depends on it, step by step.
 */
import type { Graph } from '../graph/graph.ts'
import { checkKnown, oneOf } from '../model/known.ts'
import { checkName } from '../model/name.ts'
import { count } from '../model/quantity.ts'

export interface GraphView {
  readonly name: string
  readonly direction: Direction
  /** The name itself first, then by depth. */
  readonly nodes: readonly { readonly name: string; readonly depth: number; readonly held: boolean }[]
  readonly edges: readonly {
    readonly dependent: string
    readonly dependency: string
    readonly kind: 'declared' | 'tracked' | 'rule'
  }[]
  /** True if there was more than a view shows. */
  readonly truncated: boolean
}

export type Direction = 'dependents' | 'dependencies'

const directions: readonly Direction[] = ['dependents', 'dependencies']
const nodesMax = 1000

/** @throws E_NAME_INVALID, E_OPTIONS_INVALID, E_COUNT_INVALID */
export function viewOf(
  graph: Graph,
  name: string,
  options: { readonly direction?: Direction; readonly depth?: number },
): GraphView {
  checkName(name)
  checkKnown(options, ['direction', 'depth'], 'graph')
  const depth = count(options.depth ?? 3, 'depth')
  const direction = oneOf(options.direction ?? 'dependents', directions, ['direction', 'E_OPTIONS_INVALID'])
  const depths = new Map([[name, 0]])
  const edges: GraphView['edges'][number][] = []
  let truncated = false
  // A Map is walked in the order of insertion, and takes in what is added on the way: breadth first.
  for (const [from, at] of depths) {
    if (at >= depth) continue
    for (const { name: to, kind, isDirect } of graph[direction](from)) {
      if (!isDirect) continue
      if (!depths.has(to) && depths.size >= nodesMax) {
        truncated = true
        continue
      }
      edges.push(
        direction === 'dependents'
          ? { dependent: to, dependency: from, kind }
          : { dependent: from, dependency: to, kind },
      )
      if (!depths.has(to)) depths.set(to, at + 1)
    }
  }
  const nodes = [...depths].map(([node, at]) => ({ name: node, depth: at, held: graph.isHeld(node) }))
  return { name, direction, nodes, edges, truncated }
}
