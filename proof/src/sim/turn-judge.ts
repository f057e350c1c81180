/**
 * Whose turn it is: of all nodes one loads a key, and who waits gets on when that one is gone.
 *
 *   stampede   while a node that is well loads a key by its turn, no other that is well begins to, unless it has waited its limit
 *   takeover   who waits for a node that is dead or stopped loads the key by itself when the turn has run out
 *
 * A turn saves work: nothing else rests on it. So only nodes are held to it with which, and with the server, nothing has been
 * wrong for a while. Some loads take no turn: of what is stale in its grace, the second try of a reader, without a lease.
 */
import type { Judge } from './judge.ts'
import type { Node } from './node.ts'
import type { Plan } from './plan.ts'
import type { Timeline } from './timeline.ts'

export interface TurnJudgeParts {
  readonly plan: Plan
  readonly timeline: Timeline
  readonly keys: readonly string[]
  readonly judge: Judge
  /** When something was wrong with the server last, or its clock was set. */
  readonly disturbedAt: () => number
}

/** A read with a loader. */
interface Reader {
  readonly node: Node
  readonly key: number
  readonly at: number
  isOver: boolean
}

interface Load {
  readonly reader: Reader
  readonly at: number
  endedAt: number
  /** It is the first load here since the reader came. */
  readonly isFirst: boolean
}

/** After so long without a fault, what it led to is over: a lease, a turn that could not be renewed. */
const calmMs = 4000
/** Who waits so long loads by himself. */
const waitMs = 10_000 * 0.98
/** A turn, by a clock that is fast, and what is under way when its node dies. */
const takeoverMs = 3000 * 1.01 + 1500 + 600

export class TurnJudge {
  readonly #parts: TurnJudgeParts
  /** key -> loads of it, those that are over as long as a reader may have seen them */
  readonly #loads = new Map<number, Load[]>()

  constructor(parts: TurnJudgeParts) {
    this.#parts = parts
  }

  /** @param read with the loader as it is to be given */
  async during<T>(
    { node, key }: Pick<Reader, 'node' | 'key'>,
    read: (around: <V>(make: () => Promise<V>) => Promise<V>) => Promise<T>,
  ): Promise<T> {
    const { timeline, plan } = this.#parts
    if (!plan.hasTier || !plan.isAlwaysShared || plan.policies[key] === 'gracious')
      return read((make) => make())
    const reader: Reader = { node, key, at: timeline.now, isOver: false }
    this.#lookLater(reader, takeoverMs)
    try {
      return await read((make) => this.#load(reader, make))
    } finally {
      reader.isOver = true
    }
  }

  async #load<V>(reader: Reader, make: () => Promise<V>): Promise<V> {
    const { timeline } = this.#parts
    const loads = this.#loadsOf(reader.key)
    const isFirst = !loads.some((load) => load.reader.node === reader.node && load.endedAt >= reader.at)
    const load: Load = { reader, at: timeline.now, endedAt: Infinity, isFirst }
    for (const other of loads) this.#compare(load, other)
    loads.push(load)
    try {
      return await make()
    } finally {
      load.endedAt = timeline.now
    }
  }

  #compare(load: Load, other: Load): void {
    if (other.endedAt < Infinity || other.reader.node === load.reader.node) return
    if (!this.#isByTurn(load) || !this.#isByTurn(other) || !this.#isAlone(other)) return
    const { judge, keys } = this.#parts
    const [name, before] = [load.reader.node.name, other.reader.node.name]
    const since = other.at.toFixed(1)
    judge.report(22, `${name} loads ${keys[load.reader.key]}, which ${before} loads since ${since}`)
  }

  /** It took its turn, and is well. */
  #isByTurn({ reader, at, isFirst }: Load): boolean {
    return isFirst && at - reader.at < waitMs && this.#isCalm(reader)
  }

  /** What ends another load of the key here gives up the turn. */
  #isAlone({ reader, at }: Load): boolean {
    const own = this.#loadsOf(reader.key).filter((load) => load.reader.node === reader.node)
    return own.filter(({ endedAt }) => endedAt >= reader.at || endedAt >= at).length === 1
  }

  #isCalm({ node, at }: Reader): boolean {
    const last = Math.max(node.bornAt, node.disturbedAt, this.#parts.disturbedAt())
    return node.isRunning && !node.isTierFailing && last <= at - calmMs
  }

  #lookLater(reader: Reader, afterMs: number): void {
    this.#parts.timeline.after(afterMs, () => this.#look(reader))
  }

  /** Nobody who could has loaded it for so long, and it still waits. */
  #look(reader: Reader): void {
    const { timeline, judge, keys, plan } = this.#parts
    // A server whose clock is set back keeps the turn of a dead node for as much longer.
    if (reader.isOver || !this.#isCalm(reader) || plan.faults.includes('serverClock')) return
    const last = Math.max(reader.at, ...this.#loadsOf(reader.key).map((load) => this.#lastOf(load)))
    const leftMs = last + takeoverMs - timeline.now
    if (leftMs > 0) return this.#lookLater(reader, leftMs)
    judge.report(
      22,
      `${reader.node.name} waits for ${keys[reader.key]}, which nobody loads since ${last.toFixed(1)}`,
    )
  }

  /** When the turn of that load could be renewed last. */
  #lastOf({ reader: { node }, endedAt }: Load): number {
    const { timeline } = this.#parts
    if (endedAt < Infinity) return endedAt
    return node.isRunning ? timeline.now : Math.max(node.disturbedAt, node.link.cutUntil)
  }

  /** Without those that nobody can have seen. */
  #loadsOf(key: number): Load[] {
    const oldest = this.#parts.timeline.now - 2 * waitMs
    const loads = (this.#loads.get(key) ?? []).filter(({ endedAt }) => endedAt >= oldest)
    this.#loads.set(key, loads)
    return loads
  }
}
