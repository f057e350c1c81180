/**
 * The log server of the simulation, as a node has it: the simulated Redis behind the node's link.
 *
 * News and hints come late, twice, for nothing or never.
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
  /** The cache is told, besides the log. */
  readonly onReached: () => void
  /** What was sent with a sync that was answered. */
  readonly onAnswer: (sentAt: number) => void
}

/** So long waits who asks to be told of acknowledgements. */
const hearMs = 500
const givenUpMs = 2000

export class SimulatedLogServer implements LogServer {
  readonly name = 'redis'
  readonly worth = { is: 'single', why: 'it is simulated' } as const
  readonly #parts: SimulatedLogServerParts
  #watching:
    | { readonly since: () => Since; readonly onNews: OnNews; readonly onReached: () => void }
    | undefined

  /** What was acknowledged last. */
  #acked = 0
  #hearing: Promise<void> | undefined
  /** The wait that is under way, at the server. */
  #ear: { readonly said: number; readonly answer: () => void } | undefined

  constructor(parts: SimulatedLogServerParts) {
    this.#parts = parts
  }

  async sync(since: Since, presence: Presence): Promise<Said> {
    const sentAt = this.#parts.link.timeline.now
    const isNews = since.applied !== this.#acked
    this.#acked = since.applied
    const said = await this.#parts.asking.ask('sync', [since, presence, isNews])
    this.#parts.onAnswer(sentAt)
    return said
  }

  append(since: Since, changes: readonly Omit<Told, 'n'>[]): Promise<Appended> {
    return this.#parts.asking.ask('append', [since, changes])
  }

  /** Its replica lags, and is not waited for. */
  async secured(): Promise<void> {}

  nodes(generation: string, except: string): Promise<Register | 'other'> {
    return this.#parts.asking.ask('nodes', [generation, except])
  }

  /** One waits for all, as on a real server. */
  acknowledged(said: number): Promise<void> {
    this.#hearing ??= this.#hear(said)
    return this.#hearing
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

  watch(since: () => Since, onNews: OnNews, onReached: () => void): void {
    this.#watching = { since, onNews, onReached }
  }

  /** The server can be asked again, or so it seems. */
  reached(): void {
    const { chance, link, newsLost, onReached } = this.#parts
    if (chance.is(newsLost / 2)) return
    const times = chance.is(0.1) ? 2 : 1
    for (let i = 0; i < times; i++) {
      const at = link.timeline.now + chance.between(0, chance.is(0.2) ? 800 : 50)
      const tell = () => {
        this.#watching?.onReached()
        onReached()
      }
      link.timeline.at(at, () => link.machine.receive(tell))
    }
  }

  /** Somebody acknowledged more. */
  acknowledgement(): void {
    if (this.#ear !== undefined && this.#parts.link.redis.carryOut('acks', []) > this.#ear.said)
      this.#ear.answer()
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

  /** Asks, on a connection of its own, to be told when more is acknowledged, or after a while. */
  #hear(said: number): Promise<void> {
    const { chance, link, newsLost } = this.#parts
    const { timeline, redis } = link
    const hearing = new Promise<void>((resolve) => {
      const answer = () => {
        this.#ear = undefined
        const back = link.passes('back')
        if (back === undefined) return
        const late = chance.between(0, chance.is(0.1) ? 500 : 2)
        timeline.at(back + late, () => link.machine.receive(() => end(resolve)))
      }
      const arrive = () => {
        if (redis.isDown) return
        // For nothing, at times.
        if (chance.is(0.05) || redis.carryOut('acks', []) > said) return answer()
        const ear = { said, answer }
        this.#ear = ear
        timeline.after(hearMs, () => this.#ear === ear && answer())
      }
      const there = link.passes('there')
      if (there !== undefined && !chance.is(newsLost / 4)) timeline.at(there, arrive)
    })
    const end = (resolve: () => void = () => undefined) => {
      if (this.#hearing === hearing) this.#hearing = undefined
      resolve()
    }
    // Who was not answered asks again.
    timeline.after(hearMs + givenUpMs, end)
    return hearing
  }

  async close(): Promise<void> {
    this.#watching = undefined
  }
}
