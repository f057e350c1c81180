/**
 * Moves of a reader on a node: it asks the shared tier, joins a flight or starts one, and what it loads is stored.
 *
 * A hit in memory is no move: it is at once, so that whether it would be stale is a question to each state. `owed` is
 * what a reader was promised before it began; what it gets must be as new. A node has one look up and one flight.
 */
import type { Visit } from './checker.ts'
import type { Rules, World } from './rules.ts'
import { type Entry, type Flight, type LookUp, type Node, type State, withNode } from './state.ts'

export function readingMoves(state: State, world: World, visit: Visit<State>): void {
  state.nodes.forEach((node, index) => {
    const move: Move = (name, next, wrong) => {
      const moved = withNode(state, index, next)
      visit(`node ${index}: ${name}`, wrong === undefined ? moved : { ...moved, wrong })
    }
    const at: At = { state, node, world }
    if (!servesMemory(node)) readerMoves(at, move)
    if (node.lookUp !== undefined) lookUpMoves(at, node.lookUp, move)
    if (node.flight !== undefined) flightMoves(at, node.flight, move)
    if (node.storing !== undefined)
      visit(`node ${index}: the shared tier is given ${text(node.storing)}`, {
        ...withNode(state, index, { ...node, storing: undefined }),
        shared: kept(state, node.storing, world.rules),
      })
  })
}

export function servesMemory({ memory, leased }: Node): boolean {
  return memory !== undefined && leased
}

export function isValid(node: Node, entry: Entry, { rules, setting }: World): boolean {
  if (rules.generations && entry.generation !== node.generation) return false
  if (entry.stamp < node.low) return false
  if (setting.readsReplica && rules.replicaIsJudgedByAsOf && entry.version < node.known) return false
  return node.invalidated <= entry.stamp
}

interface At {
  state: State
  node: Node
  world: World
}

type Move = (name: string, next: Node, wrong?: string) => void

function readerMoves({ state, node, world: { rules } }: At, move: Move): void {
  const { promised } = state
  const { flight, lookUp, leased } = node
  if (lookUp === undefined && flight === undefined) {
    if (leased || !rules.fencingCoversEveryTier)
      move(`a reader who is owed v${promised} asks the shared tier`, {
        ...node,
        lookUp: { answered: false, entry: undefined, owed: promised },
      })
    else
      move(`a reader who is owed v${promised} loads privately, without a lease`, {
        ...node,
        flight: { ...begun(node, promised), doomed: true },
      })
  }
  if (flight === undefined || flight.doomed || flight.owed >= promised) return
  if (leased || !rules.joiningNeedsLease)
    move(`a reader who is owed v${promised} joins the flight`, {
      ...node,
      flight: { ...flight, owed: promised },
    })
}

function begun(node: Node, owed: number): Flight {
  const entry = { version: 0, stamp: node.applied, generation: node.generation }
  return { hasRead: false, entry, owed, doomed: false }
}

function lookUpMoves({ state, node, world }: At, lookUp: LookUp, move: Move): void {
  const { rules } = world
  if (!lookUp.answered) {
    const entry = state.shared
    move(`the shared tier answers ${text(entry)}`, { ...node, lookUp: { ...lookUp, answered: true, entry } })
    return
  }
  const { entry, owed } = lookUp
  const maySee = node.leased || !rules.fencingCoversEveryTier || !rules.leaseIsCheckedAfterTheAnswer
  if (maySee && entry !== undefined && (isValid(node, entry, world) || !rules.answersAreJudged)) {
    const memory = node.leased ? entry : node.memory
    move(
      `serves ${text(entry)} from the shared tier`,
      { ...node, lookUp: undefined, memory },
      late(entry, owed),
    )
  } else if (node.flight === undefined) {
    const isPrivate = !node.leased && rules.fencingCoversEveryTier
    const flight = { ...begun(node, owed), doomed: isPrivate }
    move(`starts a load at ${node.applied}`, { ...node, lookUp: undefined, flight })
  }
}

function flightMoves({ state, node, world }: At, flight: Flight, move: Move): void {
  if (!flight.hasRead) {
    const version = versionRead({ state, node, world })
    const stamp = world.setting.stampsAtStart ? flight.entry.stamp : node.applied
    const entry = { version, stamp, generation: flight.entry.generation }
    move(`its load reads v${version} of the source`, { ...node, flight: { ...flight, hasRead: true, entry } })
    return
  }
  const { entry, owed, doomed } = flight
  const isKept = !world.rules.outcomesAreJudged || (!doomed && isValid(node, entry, world))
  const stored: Node = isKept
    ? {
        ...node,
        flight: undefined,
        memory: node.leased ? entry : node.memory,
        storing: node.storing ?? entry,
      }
    : { ...node, flight: undefined }
  move(`its load gives ${text(entry)}${isKept ? '' : ', which is not kept'}`, stored, late(entry, owed))
}

/** A load asks the primary where the replica is older than what the node knows of, or the node may know too little. */
function versionRead({ state, node, world: { rules, setting } }: At): number {
  if (!setting.readsReplica) return state.truth
  if (!rules.replicaIsJudgedByAsOf) return state.replica
  return state.replica < node.known || !node.leased ? state.truth : state.replica
}

function kept({ log, shared }: State, entry: Entry, rules: Rules): Entry | undefined {
  if (!rules.tierRefusesOlder) return entry
  if (rules.generations && entry.generation !== log.generation) return shared
  const isOlder = shared !== undefined && shared.generation === entry.generation && entry.stamp < shared.stamp
  return isOlder ? shared : entry
}

function late(entry: Entry, owed: number): string | undefined {
  return entry.version < owed
    ? `a reader got v${entry.version}, who began after the strict invalidation of v${owed} had resolved`
    : undefined
}

export function text(entry: Entry | undefined): string {
  if (entry === undefined) return 'nothing'
  const generation = entry.generation === 0 ? '' : ` of generation ${entry.generation}`
  return `v${entry.version} stamped ${entry.stamp}${generation}`
}
