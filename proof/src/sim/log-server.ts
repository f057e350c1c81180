/**
 * The log server of the simulation, as a node has it: the simulated Redis behind the node's link.
 *
 * News come late, twice or never.
 */
import type { Chance } from './chance.ts'
import type { Connection, Link } from './link.ts'
import type {
  Appended,
  LogServer,
  NodeAck,
  OnNews,
  Presence,
  Register,
  Said,
  Since,
  Snapshot,
  Told,
} from './parts.ts'

export interface SimulatedLogServerParts {
  readonly link: Link
  readonly asking: Connection
  readonly chance: Chance
  /** How many of the news get lost. */
  readonly newsLost: number
  /** What was sent with a sync that was answered. */
  readonly onAnswer: (sentAt: number) => void
}

export class SimulatedLogServer implements LogServer {
  readonly name = 'redis'
  readonly worth = { is: 'single', why: 'it is simulated' } as const
  readonly #parts: SimulatedLogServerParts
  #watching: { readonly since: () => Since; readonly onNews: OnNews } | undefined

  constructor(parts: SimulatedLogServerParts) {
    this.#parts = parts
  }

  async sync(since: Since, presence: Presence): Promise<Said> {
    const sentAt = this.#parts.link.timeline.now
    const said = await this.#parts.asking.ask('sync', [since, presence])
    this.#parts.onAnswer(sentAt)
    return said
  }

  append(since: Since, changes: readonly Omit<Told, 'n'>[]): Promise<Appended> {
    return this.#parts.asking.ask('append', [since, changes])
  }

  nodes(generation: string, except: string): Promise<Register | 'other'> {
    return this.#parts.asking.ask('nodes', [generation, except])
  }

  /** The hint that never comes: who waits looks by himself. */
  acknowledged(): Promise<void> {
    return new Promise(() => {})
  }

  forget(generation: string, nodes: readonly NodeAck[]): Promise<void> {
    return this.#parts.asking.ask('forget', [generation, nodes])
  }

  leave(id: string): Promise<void> {
    return this.#parts.asking.ask('leave', [id])
  }

  snapshot(): Promise<Snapshot | undefined> {
    return this.#parts.asking.ask('snapshot', [])
  }

  /** Two commands: others may come between. */
  async records(generation: string, n: number): Promise<readonly Told[]> {
    const { asking } = this.#parts
    const [current, records] = await Promise.all([asking.ask('generation', []), asking.ask('records', [n])])
    return current === generation ? records : []
  }

  begin(base: Pick<Snapshot, 'generation' | 'dump'>): Promise<void> {
    return this.#parts.asking.ask('begin', [base])
  }

  keep(snapshot: Snapshot): Promise<void> {
    return this.#parts.asking.ask('keep', [snapshot])
  }

  watch(since: () => Since, onNews: OnNews): void {
    this.#watching = { since, onNews }
  }

  /** Something was appended. */
  news(): void {
    const { chance, link, newsLost } = this.#parts
    if (this.#watching === undefined || chance.is(newsLost)) return
    const { since, onNews } = this.#watching
    // Asked for a while ago.
    const { generation, applied } = since()
    const times = chance.is(0.05) ? 2 : 1
    for (let i = 0; i < times; i++) {
      const at = link.passes('back')
      if (at === undefined) continue
      const records = link.redis.carryOut('records', [applied])
      link.timeline.at(at + chance.between(0, chance.is(0.1) ? 500 : 2), () =>
        link.machine.receive(() => onNews(records, generation)),
      )
    }
  }

  async close(): Promise<void> {
    this.#watching = undefined
  }
}
