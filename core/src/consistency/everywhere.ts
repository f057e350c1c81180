/**
 * Everywhere: waits until no node serves what was made before a record: each has acknowledged it, or its lease is over.
 *
 * Invariants: the wait is timed here, by the monotonic clock, from a moment after the record was in the log; a node that
 * is not known counts only once this generation is so old that no lease from before it can be left; if the generation
 * ends meanwhile nothing is known, since the record may be lost; a node leaves the register only if it has said nothing
 * since it was seen there, a lease ago or more: with each sync it may get a new lease, whatever it acknowledges.
 */
import type { LogServer, NodeAck, Register } from './contract.ts'
import { backoffMs } from '../model/backoff.ts'
import type { Clock, Random } from '../model/clock.ts'
import type { NodeOutcome } from '../model/invalidation.ts'
import type { Position } from '../model/position.ts'

export interface Waiting {
  readonly server: LogServer
  readonly clock: Clock
  readonly random: Random
  /** Id of this node. */
  readonly id: string
  /** Each lease from before has ended after so long. */
  readonly outlastMs: number
  /** Generation that this node is in now. */
  readonly generation: () => string
  /** Whether no lease from before this generation can be left. */
  readonly isSettled: () => boolean
  readonly onError: (error: unknown, during: string) => void
}

/** The register, when it was seen first after the record was in the log. */
interface Sight {
  readonly at: number
  readonly nodes: readonly NodeAck[]
}

/** In case that the hint does not come. */
const lookAgain = { firstMs: 10, maxMs: 50 }

/** @returns undefined: the generation ended. @throws if at the end the server cannot be asked which it is in */
export async function everywhere(
  { generation, n }: Position,
  waiting: Waiting,
): Promise<readonly NodeOutcome[] | undefined> {
  const { clock, outlastMs } = waiting
  const from = clock.monotonic()
  let first: Sight | undefined
  for (let looks = 1; ; looks++) {
    const isOver = clock.monotonic() - from >= outlastMs
    const register = await registerOf(generation, waiting, isOver)
    if (register === 'other') return undefined
    const nodes = register?.nodes
    if (nodes !== undefined) first ??= { at: clock.monotonic(), nodes }
    const lagging = nodes?.filter(({ acked }) => acked < n)
    if (lagging?.length === 0 && waiting.isSettled()) return nodes?.map((node) => outcomeOf(node, n))
    if (isOver && lagging !== undefined) {
      forgetSilent(generation, { lagging, first }, waiting)
      return nodes?.map((node) => outcomeOf(node, n))
    }
    await until(register, looks, waiting)
  }
}

/** Until a node has acknowledged something, or a while later. */
function until(
  register: Register | undefined,
  looks: number,
  { clock, random, server }: Waiting,
): Promise<void> {
  return new Promise((resolve) => {
    const timer = clock.schedule(backoffMs(lookAgain, looks, random), resolve, true)
    const heard = () => {
      timer.cancel()
      resolve()
    }
    if (register !== undefined) void server.acknowledged(register.said).then(heard)
  })
}

/** Undefined: it could not be asked, and is asked again, unless the time is over. */
async function registerOf(
  generation: string,
  { server, id, generation: current }: Waiting,
  isOver: boolean,
): Promise<Register | 'other' | undefined> {
  if (generation !== current()) return 'other'
  try {
    return await server.nodes(generation, id)
  } catch (error) {
    if (isOver) throw error
    return undefined
  }
}

/** Nobody else has to wait for those who have said nothing since they were seen first, as soon as that is a lease ago. */
function forgetSilent(
  generation: string,
  { lagging, first }: { readonly lagging: readonly NodeAck[]; readonly first: Sight | undefined },
  { clock, outlastMs, server, onError }: Waiting,
): void {
  const before = new Map(first?.nodes.map(({ id, said }) => [id, said]))
  const silent = lagging.filter(({ id, said }) => before.get(id) === said)
  if (silent.length === 0 || first === undefined) return
  const forget = () => {
    server
      .forget(generation, silent)
      .catch((error: unknown) => onError(error, 'taking nodes out of the register'))
  }
  clock.schedule(first.at + outlastMs - clock.monotonic(), forget)
}

function outcomeOf({ id, name, acked }: NodeAck, n: number): NodeOutcome {
  return { id, name, status: acked >= n ? 'acknowledged' : 'outlasted' }
}
