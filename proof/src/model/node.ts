/**
 * Moves of a node that have to do with the log: it applies records, notices gaps and new generations, has a lease and
 * loses it, restarts, and reads the log back.
 *
 * Invariants: `applied` moves by one, or over a gap by which all that was held is distrusted; a record takes effect on
 * memory, flight and ledger in one move; a node that joins distrusts what was made before.
 */
import type { Visit } from './checker.ts'
import type { Rules, World } from './rules.ts'
import { fresh, type Log, type Node, spend, type State, tailOf, withNode } from './state.ts'

export function nodeMoves(state: State, world: World, visit: Visit<State>): void {
  state.nodes.forEach((node, index) => {
    const move = (name: string, next: Node) => visit(`node ${index}: ${name}`, withNode(state, index, next))
    const { log } = state
    if (node.generation !== log.generation)
      move('finds the new generation', inNewGeneration(state, node, world))
    else if (node.applied < log.trimmed) move('fetches what is after a gap', overGap(node, log, world.rules))
    else if (node.applied < tailOf(log)) {
      const version = log.records[node.applied] as number
      const what = version === 0 ? 'another name' : `v${version}`
      move(`applies record ${node.applied + 1} (${what})`, applied(node, version, world.rules))
    }
    leaseMoves({ state, index, world }, visit)
    if (world.setting.readsBack && node.low > log.trimmed && node.generation === log.generation)
      move(`reads record ${node.low} back`, readBack(node, log, world.rules))
  })
}

function applied(node: Node, version: number, rules: Rules): Node {
  const position = node.applied + 1
  if (version === 0) return { ...node, applied: position }
  const { memory, flight } = node
  return {
    ...node,
    applied: position,
    invalidated: position,
    known: Math.max(node.known, version),
    memory: memory !== undefined && memory.stamp < position ? undefined : memory,
    flight: rules.recordsDoomFlights ? doomed(flight) : flight,
  }
}

function doomed(flight: Node['flight']): Node['flight'] {
  return flight && { ...flight, doomed: true }
}

function overGap(node: Node, log: Log, rules: Rules): Node {
  if (!rules.gapsAreNoticed) return { ...node, applied: log.trimmed }
  return {
    ...node,
    applied: log.trimmed,
    low: Math.max(node.low, log.trimmed),
    memory: undefined,
    flight: doomed(node.flight),
  }
}

function inNewGeneration(state: State, node: Node, { rules, setting }: World): Node {
  const tail = tailOf(state.log)
  return {
    ...node,
    generation: state.log.generation,
    applied: tail,
    low: tail,
    invalidated: 0,
    known: setting.readsReplica && rules.asOfIsKnownFromJoining ? state.truth : 0,
    leased: false,
    memory: rules.newGenerationDropsMemory ? undefined : node.memory,
    flight: doomed(node.flight),
    storing: undefined,
  }
}

/** Record `low` is the newest that the ledger knows nothing of. */
function readBack(node: Node, log: Log, rules: Rules): Node {
  const version = log.records[node.low - 1] as number
  const isOurs = version > 0 && rules.readingBackNotesRecords
  return {
    ...node,
    low: node.low - 1,
    invalidated: isOurs ? Math.max(node.invalidated, node.low) : node.invalidated,
    known: isOurs ? Math.max(node.known, version) : node.known,
  }
}

interface At {
  state: State
  index: number
  world: World
}

function leaseMoves({ state, index, world: { rules, setting } }: At, visit: Visit<State>): void {
  const { left, log } = state
  const node = state.nodes[index] as Node
  const spent = (what: 'expiries' | 'restarts', next: Node): State => ({
    ...withNode(state, index, next),
    left: spend(left, what),
  })
  if (node.leased && left.expiries > 0)
    visit(`node ${index}: its lease ends`, spent('expiries', { ...node, leased: false }))
  const hasCaughtUp = node.generation === log.generation && node.applied === tailOf(log)
  const mayLease = hasCaughtUp || !rules.leaseComesFromTheLog
  if (mayLease && (!node.leased || node.registered !== 'held'))
    visit(
      `node ${index}: gets a lease`,
      withNode(state, index, { ...node, leased: true, registered: 'held' }),
    )
  if (left.restarts > 0) {
    const tail = tailOf(log)
    const low = rules.lowIsWhereANodeJoined ? tail : 0
    const known = setting.readsReplica && rules.asOfIsKnownFromJoining ? state.truth : 0
    const joined = { ...fresh, generation: log.generation, applied: tail, low, known }
    visit(`node ${index}: RESTARTS`, spent('restarts', joined))
  }
}
