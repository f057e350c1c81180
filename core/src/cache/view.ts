/**
 * A view of the graph around one name: what it depends on, or what depends on it, step by step.
 */
import type { Graph } from '../graph/graph.ts'

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

const nodesMax = 1000

/** @param depth steps from the name: 1 or more */
export function viewOf(
  graph: Graph,
  name: string,
  { direction, depth }: { direction: Direction; depth: number },
): GraphView {
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
