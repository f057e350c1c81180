/**
 * What every state of the machines must keep: nobody gets what a strict invalidation that has resolved took out, from
 * memory, tier or flight; and when faults have ended and the log is drained, every tier misses or equals the source.
 */
import { isValid, servesMemory, text } from './reading.ts'
import type { World } from './rules.ts'
import { type Node, type State, tailOf } from './state.ts'

export function brokenPromise(state: State, world: World): string | undefined {
  if (state.wrong !== undefined) return state.wrong
  const stale = state.nodes.findIndex(
    (node) => servesMemory(node) && (node.memory?.version ?? 0) < state.promised,
  )
  if (stale >= 0)
    return `node ${stale} serves ${text(state.nodes[stale]?.memory)} from memory, after v${state.promised} was promised`
  return isQuiet(state) ? leftBehind(state, world) : undefined
}

function isQuiet({ writer, replica, truth, nodes, log }: State): boolean {
  const isDone = (node: Node) =>
    node.generation === log.generation &&
    node.applied >= tailOf(log) &&
    node.flight === undefined &&
    node.lookUp === undefined &&
    node.storing === undefined
  return writer.phase === 'idle' && replica === truth && nodes.every(isDone)
}

function leftBehind({ nodes, shared, truth }: State, world: World): string | undefined {
  for (const [index, node] of nodes.entries()) {
    if (node.memory !== undefined && node.memory.version !== truth)
      return `all is quiet, and node ${index} holds ${text(node.memory)}, while the source has v${truth}`
    if (shared !== undefined && shared.version !== truth && isValid(node, shared, world))
      return `all is quiet, and node ${index} takes ${text(shared)} from the shared tier, while the source has v${truth}`
  }
  return undefined
}
