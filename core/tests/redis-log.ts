/**
 * A node of a log in Redis, for tests of what stands beside it: it applies what it is told, in order. It has no lease,
 * acknowledges nothing and mends nothing.
 *
 * Nodes of one process hear of each other's records at once, so that `catchUp` need not wait for the server.
 */
import { randomUUID } from 'node:crypto'
import type { LogBeside, Said, Since, Told } from '../src/consistency/contract.ts'
import type { Change, Log, LogState } from '../src/log/contract.ts'
import type { Clock } from '../src/model/clock.ts'
import type { Position } from '../src/model/position.ts'
import { RedisLogServer } from '../src/redis/log-server.ts'
import type { Driver } from '../src/redis/driver.ts'

export interface RedisLogParts {
  readonly driver: Driver
  readonly clock: Clock
  readonly state: LogState
}

/** prefix -> nodes of this process */
const peers = new Map<string, Set<RedisLog>>()

type Before = ((n: number) => void) | undefined

export class RedisLog implements Log, LogBeside {
  readonly name = 'redis'
  readonly membership = undefined
  readonly id = randomUUID()
  readonly server: RedisLogServer
  generation = ''
  applied = 0
  /** What was told last, if it was not that the log goes on. */
  refused: Said['is'] | undefined
  #witness = ''
  readonly #parts: RedisLogParts
  /** nonce -> what is called right before that record of ours is applied */
  readonly #own = new Map<string, Before>()
  readonly #heard = new Map<number, Told>()

  private constructor(parts: RedisLogParts) {
    this.#parts = parts
    this.server = new RedisLogServer(parts.driver, { clock: parts.clock, replicas: 0 })
  }

  /** Joins the log, or begins it. */
  static async open(parts: RedisLogParts): Promise<RedisLog> {
    const log = new RedisLog(parts)
    await log.join()
    const all = peers.get(parts.driver.prefix) ?? new Set()
    peers.set(parts.driver.prefix, all.add(log))
    return log
  }

  /** Knows nothing of before, but for what is in the log. */
  async join(): Promise<void> {
    await this.server.begin({ generation: randomUUID(), dump: undefined })
    const { generation, n } = (await this.server.snapshot()) as { generation: string; n: number }
    Object.assign(this, { generation, applied: n, refused: undefined })
    this.#witness = ''
    this.#heard.clear()
    await this.sync()
  }

  async sync(): Promise<boolean> {
    const presence = { id: this.id, name: this.id, isSettled: true }
    return this.take(await this.server.sync(this.since(), presence))
  }

  since(): Since {
    return { generation: this.generation, applied: this.applied, witness: this.#witness }
  }

  catchUp(): void {
    for (let told = this.#next(); told !== undefined; told = this.#next()) this.#applyNext(told)
  }

  async append(change: Change, before?: (n: number) => void): Promise<Position> {
    const record = this.own(change, before)
    const { said, first } = await this.server.append(this.since(), [record])
    this.take(said)
    if (first === undefined) throw new Error(`the log is ${said.is}`)
    return { generation: this.generation, n: first }
  }

  take(said: Said): boolean {
    this.refused = said.is === 'same' ? undefined : said.is
    if (said.is !== 'same') return false
    for (const node of [this, ...(peers.get(this.#parts.driver.prefix) ?? [])]) {
      if (node.generation === this.generation) node.#hear(said.records)
    }
    this.catchUp()
    return this.applied >= said.tail
  }

  own(change: Change, before: Before): Omit<Told, 'n'> {
    const record = { nonce: randomUUID(), node: this.id, change, atMs: this.#parts.clock.now() }
    this.#own.set(record.nonce, before)
    return record
  }

  disown(nonce: string): void {
    this.#own.delete(nonce)
  }

  /** How many records it waits for, that are to be its own. */
  get owned(): number {
    return this.#own.size
  }

  async close(): Promise<void> {
    peers.get(this.#parts.driver.prefix)?.delete(this)
  }

  #hear(records: readonly Told[]): void {
    for (const told of records) if (told.n > this.applied) this.#heard.set(told.n, told)
  }

  #next(): Told | undefined {
    return this.#heard.get(this.applied + 1)
  }

  #applyNext({ n, nonce, node, change, atMs }: Told): void {
    this.#heard.delete(n)
    this.#own.get(nonce)?.(n)
    this.#own.delete(nonce)
    this.applied = n
    this.#witness = nonce
    this.#parts.state.apply({ ...change, n, atMs }, node === this.id)
  }
}
