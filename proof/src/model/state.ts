/**
 * The state of all machines together: one row of a source, one key that is made from it, nodes, a log and a shared tier
 * in Redis, and a writer that invalidates strictly.
 *
 * Invariants: nothing in a state is ever changed, so that states share what did not move; every number is small enough
 * for the byte that it has in the key; nodes are alike, so that the key has them in order of their bytes.
 */
import type { Setting } from './rules.ts'

export interface Entry {
  readonly version: number
  readonly stamp: number
  readonly generation: number
}

export interface Flight {
  /** Whether it has read the source. */
  readonly hasRead: boolean
  readonly entry: Entry
  /** The newest version that was promised to one of its callers when that caller began. */
  readonly owed: number
  readonly doomed: boolean
}

export interface LookUp {
  readonly answered: boolean
  readonly entry: Entry | undefined
  readonly owed: number
}

export interface Node {
  readonly generation: number
  /** The position up to which the log was applied. */
  readonly applied: number
  /** What is stamped below is unusable. */
  readonly low: number
  /** The ledger: the position at which the row was last invalidated. */
  readonly invalidated: number
  /** The newest version of the row that this node knows of. */
  readonly known: number
  readonly leased: boolean
  /** What Redis believes of the lease. Only those look at it who have switched off a rule. */
  readonly registered: 'held' | 'ended' | 'lost'
  readonly memory: Entry | undefined
  readonly flight: Flight | undefined
  readonly lookUp: LookUp | undefined
  /** What is on its way to the shared tier. */
  readonly storing: Entry | undefined
}

export interface Log {
  readonly generation: number
  /** The version that each record tells of, from position 1 on; 0 is a record of another name, or one trimmed. */
  readonly records: readonly number[]
  readonly trimmed: number
  readonly replicated: number
}

export interface Writer {
  readonly phase: 'idle' | 'begun' | 'waiting'
  readonly version: number
  readonly position: number
  readonly generation: number
}

/** What may still happen, and how often. */
export type Left = Pick<
  Setting,
  'writes' | 'failovers' | 'foreign' | 'restarts' | 'expiries' | 'trims' | 'clockSteps'
>

export interface State {
  readonly truth: number
  readonly replica: number
  /** The newest version whose strict invalidation has resolved. */
  readonly promised: number
  readonly writer: Writer
  readonly log: Log
  readonly shared: Entry | undefined
  readonly sharedReplica: Entry | undefined
  readonly nodes: readonly Node[]
  readonly left: Left
  /** What a reader got and should not have got. */
  readonly wrong: string | undefined
}

export const idle: Writer = { phase: 'idle', version: 0, position: 0, generation: 0 }

export const fresh: Node = {
  generation: 0,
  applied: 0,
  low: 0,
  invalidated: 0,
  known: 0,
  leased: true,
  registered: 'held',
  memory: undefined,
  flight: undefined,
  lookUp: undefined,
  storing: undefined,
}

export function startOf(setting: Setting): State {
  const { writes, failovers, foreign, restarts, expiries, trims, clockSteps } = setting
  return {
    truth: 0,
    replica: 0,
    promised: 0,
    writer: idle,
    log: { generation: 0, records: [], trimmed: 0, replicated: 0 },
    shared: undefined,
    sharedReplica: undefined,
    nodes: Array.from({ length: setting.nodes }, () => fresh),
    left: { writes, failovers, foreign, restarts, expiries, trims, clockSteps },
    wrong: undefined,
  }
}

export const tailOf = (log: Log): number => log.records.length

export function append(log: Log, version: number): Log {
  return { ...log, records: [...log.records, version] }
}

export function spend(left: Left, what: keyof Left): Left {
  return { ...left, [what]: left[what] - 1 }
}

export function withNode(state: State, index: number, node: Node): State {
  return { ...state, nodes: state.nodes.map((other, at) => (at === index ? node : other)) }
}

const commonBytes = 12
const nodeBytes = 9
const phases = { idle: 0, begun: 1, waiting: 2 }
const registrations = { held: 0, ended: 1, lost: 2 }

export function keyOf(state: State, bytes: Uint8Array): number {
  const { writer, log, left } = state
  bytes[0] = small(state.truth) * 16 + small(state.replica)
  bytes[1] = small(state.promised) * 16 + phases[writer.phase]
  bytes[2] = small(writer.version) * 16 + small(writer.position)
  bytes[3] = small(writer.generation) * 16 + small(log.generation)
  bytes[4] = small(log.trimmed) * 16 + small(log.replicated)
  const records = packed(log.records)
  bytes[5] = records & 255
  bytes[6] = records >> 8
  bytes[7] = entryByte(state.shared)
  bytes[8] = entryByte(state.sharedReplica)
  bytes[9] = small(left.writes) * 16 + small(left.failovers)
  bytes[10] = small(left.foreign) * 16 + small(left.restarts)
  bytes[11] = (small(left.expiries) * 4 + small(left.trims)) * 4 + small(left.clockSteps)
  return nodesKey(state.nodes, bytes)
}

/** Writes the nodes in the order of their bytes: each as far back as it belongs among those that stand. */
function nodesKey(nodes: readonly Node[], bytes: Uint8Array): number {
  let end = commonBytes
  for (const node of nodes) {
    nodeKey(node, bytes, end)
    for (let at = end; at > commonBytes && isBefore(bytes, at); at -= nodeBytes) swap(bytes, at)
    end += nodeBytes
  }
  return end
}

function nodeKey(node: Node, bytes: Uint8Array, at: number): void {
  const { flight, lookUp } = node
  bytes[at] = small(node.generation) * 16 + small(node.applied)
  bytes[at + 1] = small(node.low) * 16 + small(node.invalidated)
  bytes[at + 2] = small(node.known) * 16 + registrations[node.registered] * 2 + Number(node.leased)
  bytes[at + 3] = entryByte(node.memory)
  bytes[at + 4] = entryByte(node.storing)
  bytes[at + 5] = entryByte(flight?.entry)
  bytes[at + 6] =
    flight === undefined ? 0 : small(flight.owed) * 16 + Number(flight.hasRead) * 2 + Number(flight.doomed)
  bytes[at + 7] = lookUp === undefined ? 0 : small(lookUp.owed) * 16 + 1 + Number(lookUp.answered)
  bytes[at + 8] = entryByte(lookUp?.entry)
}

function isBefore(bytes: Uint8Array, at: number): boolean {
  for (let offset = 0; offset < nodeBytes; offset++) {
    const difference = (bytes[at + offset] as number) - (bytes[at - nodeBytes + offset] as number)
    if (difference !== 0) return difference < 0
  }
  return false
}

function swap(bytes: Uint8Array, at: number): void {
  for (let offset = 0; offset < nodeBytes; offset++) {
    const other = bytes[at - nodeBytes + offset] as number
    bytes[at - nodeBytes + offset] = bytes[at + offset] as number
    bytes[at + offset] = other
  }
}

function entryByte(entry: Entry | undefined): number {
  if (entry === undefined) return 0
  const { version, stamp, generation } = entry
  if (version > 3 || stamp > 11 || generation > 3) throw new RangeError('an entry does not fit into its byte')
  return 1 + (stamp * 4 + version) * 4 + generation
}

/** Records have three bits each; the leading one says how many there are. */
function packed(records: readonly number[]): number {
  if (records.length > 5) throw new RangeError('the log does not fit into its bytes')
  return records.reduce((sum, version) => sum * 8 + version, 1)
}

function small(value: number): number {
  if (value < 0 || value > 15) throw new RangeError(`${value} does not fit into half a byte`)
  return value
}
