/**
 * Moves of Redis: replication to its replica, promotion of that, records of others, trims, and a clock that steps.
 *
 * A promotion may lose the tail of the log, what the shared tier was last given, and who has registered. Only what the
 * promotion could bring back is kept of the replica: once no promotion is left, it is forgotten.
 */
import type { Visit } from './checker.ts'
import type { World } from './rules.ts'
import { append, type Left, type Log, spend, type State, tailOf, withNode } from './state.ts'

export function redisMoves(state: State, world: World, visit: Visit<State>): void {
  const { left } = state
  if (left.foreign > 0)
    visit('another writer: appends a record of another name', {
      ...state,
      log: append(state.log, 0),
      left: spend(left, 'foreign'),
    })
  if (left.failovers > 0) promotionMoves(state, world, visit)
  if (left.trims > 0) trimMoves(state, visit)
  if (!world.rules.invalidatorTimesTheWait) registrationMoves(state, visit)
}

function promotionMoves(state: State, world: World, visit: Visit<State>): void {
  const { log, shared, sharedReplica, left } = state
  if (log.replicated < tailOf(log))
    visit('redis: replicates a record', { ...state, log: { ...log, replicated: log.replicated + 1 } })
  if (shared !== sharedReplica)
    visit('redis: replicates the shared tier', { ...state, sharedReplica: shared })
  const after = spend(left, 'failovers')
  visit('redis: FAILS OVER to its replica', {
    ...state,
    log: promoted(log, after, world),
    shared: sharedReplica,
    sharedReplica: after.failovers > 0 ? sharedReplica : undefined,
    left: after,
    nodes: world.rules.graceAfterNewGeneration
      ? state.nodes
      : state.nodes.map((node) => ({ ...node, registered: 'lost' })),
  })
}

function promoted(log: Log, { failovers }: Left, { rules }: World): Log {
  return {
    generation: log.generation + (rules.generations ? 1 : 0),
    records: log.records.slice(0, log.replicated),
    trimmed: Math.min(log.trimmed, log.replicated),
    replicated: failovers > 0 ? log.replicated : 0,
  }
}

function trimMoves(state: State, visit: Visit<State>): void {
  const { log } = state
  for (let trimmed = log.trimmed + 1; trimmed <= tailOf(log); trimmed++) {
    const records = log.records.map((version, at) => (at < trimmed ? 0 : version))
    visit(`redis: trims the log up to ${trimmed}`, {
      ...state,
      log: { ...log, records, trimmed },
      left: spend(state.left, 'trims'),
    })
  }
}

/** Redis ends a lease when its own clock says so: not before the node does, unless that clock has stepped. */
function registrationMoves(state: State, visit: Visit<State>): void {
  state.nodes.forEach((node, index) => {
    if (node.registered !== 'held') return
    const ended = withNode(state, index, { ...node, registered: 'ended' })
    if (!node.leased) visit(`redis: ends the lease of node ${index}`, ended)
    else if (state.left.clockSteps > 0)
      visit(`redis: its clock steps, and it ends the lease of node ${index}`, {
        ...ended,
        left: spend(state.left, 'clockSteps'),
      })
  })
}
