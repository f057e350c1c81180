/**
 * Moves of the writer, who changes the source and invalidates strictly, and of the source itself.
 *
 * A strict invalidation resolves once every node has either acknowledged its record or has no lease any more. That the
 * invalidator times this wait by its own clock is taken for exact here; `leases.ts` shows why it may be.
 */
import type { Visit } from './checker.ts'
import type { World } from './rules.ts'
import { append, idle, type Node, spend, type State, tailOf } from './state.ts'

export function writerMoves(state: State, world: World, visit: Visit<State>): void {
  const { writer, left } = state
  const { rules } = world
  const [first, second] = rules.appendAfterWrite ? [write, record] : [record, write]
  if (writer.phase === 'idle' && left.writes > 0) {
    const begun: State = {
      ...state,
      left: spend(left, 'writes'),
      writer: { ...idle, phase: 'begun', version: state.truth + 1 },
    }
    visit(first === write ? 'writer: writes the source' : 'writer: appends its record', first(begun, world))
  }
  if (writer.phase === 'begun') {
    const waiting: State = { ...state, writer: { ...writer, phase: 'waiting' } }
    visit(
      second === write ? 'writer: writes the source' : 'writer: appends its record',
      second(waiting, world),
    )
    if (!rules.appendIsSure) visit('writer: dies, and nobody appends its record', { ...state, writer: idle })
  }
  if (writer.phase === 'waiting') waitingMoves(state, world, visit)
  if (world.setting.readsReplica && state.replica < state.truth)
    visit('source: the replica catches up', { ...state, replica: state.replica + 1 })
}

function write(state: State, { setting }: World): State {
  const truth = state.truth + 1
  return { ...state, truth, replica: setting.readsReplica ? state.replica : truth }
}

function record(state: State): State {
  const log = append(state.log, state.writer.version)
  const writer = { ...state.writer, position: tailOf(log), generation: log.generation }
  return { ...state, log, writer }
}

function waitingMoves(state: State, world: World, visit: Visit<State>): void {
  const { writer, log, nodes } = state
  if (writer.generation !== log.generation) {
    visit('writer: appends its record again, in the new generation', record(state))
    return
  }
  if (nodes.every((node) => hasAcknowledged(node, state) || isFenced(node, world)))
    visit(`writer: the strict invalidation of v${writer.version} resolves`, {
      ...state,
      promised: writer.version,
      writer: idle,
    })
}

function hasAcknowledged(node: Node, { log, writer }: State): boolean {
  return node.generation === log.generation && node.applied >= writer.position
}

function isFenced({ leased, registered }: Node, { rules }: World): boolean {
  if (!leased) return true
  if (registered === 'ended') return !rules.invalidatorTimesTheWait
  return registered === 'lost' && !rules.graceAfterNewGeneration
}
