/**
 * A queue and its history on one server, for as many nodes as a test makes believe that there are.
 */
import { randomUUID } from 'node:crypto'
import { StaleproofError } from '../src/model/errors.ts'
import { RedisClient } from '../src/redis/client.ts'
import type { Arg, Driver, Reply, Script } from '../src/redis/driver.ts'
import { RedisHistory } from '../src/redis/history.ts'
import { RedisQueue } from '../src/redis/queue.ts'
import { TestClock } from './clock.ts'
import { surroundings, type RedisServer } from './redis-server.ts'

export interface PairOptions {
  readonly keepFor?: number
  readonly keepCount?: number
  readonly sizeMax?: number
  readonly aging?: number
  /** Default: the id of a node that was not there before. */
  readonly node?: string
  /** Default: that of the place. */
  readonly driver?: Driver
}

/** What one node has of it. */
export interface RedisPair {
  readonly node: string
  readonly history: RedisHistory
  readonly queue: RedisQueue
}

const yearMs = 365 * 86_400_000

/** A prefix of its own on a server. */
export class RedisPlace {
  readonly driver: Driver
  readonly clock: TestClock
  readonly errors: { readonly error: unknown; readonly during: string }[] = []
  #opened = 0

  constructor({ url }: Pick<RedisServer, 'url'>, clock = new TestClock(0)) {
    this.driver = new RedisClient({ url }, randomUUID(), surroundings)
    this.clock = clock
  }

  open(options: PairOptions = {}): RedisPair {
    const { node = `node${++this.#opened}`, driver = this.driver } = options
    const { keepFor = yearMs, keepCount, sizeMax, aging } = options
    const onError = (error: unknown, during: string) => void this.errors.push({ error, during })
    const common = { driver, clock: this.clock, node, onError }
    const history = new RedisHistory({ ...common, keepFor, keepCount })
    return { node, history, queue: new RedisQueue({ ...common, history, sizeMax, aging }) }
  }

  /** Turns over one bit in each value of a hash that holds the text. @returns of how many */
  async damage(hash: string, text: string): Promise<number> {
    const reply = (await this.driver.call('HGETALL', this.key(hash))) as Buffer[]
    let found = 0
    for (let i = 0; i < reply.length; i += 2) {
      const [field, bytes] = reply.slice(i, i + 2) as [Buffer, Buffer]
      if (!bytes.includes(text)) continue
      found++
      bytes[bytes.length - 3] = (bytes.at(-3) ?? 0) ^ 1
      await this.driver.call('HSET', this.key(hash), field, bytes)
    }
    return found
  }

  key(name: string): string {
    return `${this.driver.prefix}:${name}`
  }

  /** As if nothing had been heard of the node for long. */
  async kill({ node }: Pick<RedisPair, 'node'>): Promise<void> {
    await this.driver.call('ZADD', this.key('seen'), 1, node)
  }

  close(): Promise<void> {
    return this.driver.close()
  }
}

/**
 * A driver that a test holds: `before` comes before a script is sent; an answer gets lost when `loses` says so, though
 * what was asked was done.
 */
export class HeldDriver implements Driver {
  readonly #driver: Driver
  before: (script: Script) => Promise<unknown> | undefined = () => undefined
  loses: (script: Script) => boolean = () => false

  constructor(driver: Driver) {
    this.#driver = driver
  }

  get prefix(): string {
    return this.#driver.prefix
  }

  get isConnected(): boolean {
    return this.#driver.isConnected
  }

  async run(script: Script, args: readonly Arg[]): Promise<Reply> {
    const isLost = this.loses(script)
    const before = this.before(script)
    if (before !== undefined) await before
    const reply = await this.#driver.run(script, args)
    if (isLost) throw new StaleproofError('E_REDIS_UNREACHABLE', 'the answer got lost')
    return reply
  }

  call(command: string, key: string, ...args: readonly Arg[]): Promise<Reply> {
    return this.#driver.call(command, key, ...args)
  }

  wait(limitMs: number, command: string, ...args: readonly Arg[]): Promise<Reply> {
    return this.#driver.wait(limitMs, command, ...args)
  }

  replicated(replicas: number, limitMs: number): Promise<number> {
    return this.#driver.replicated(replicas, limitMs)
  }

  onConnect(listener: () => void): void {
    this.#driver.onConnect(listener)
  }

  async close(): Promise<void> {}
}

/** Does that once, before the first run of the script. */
export function onceBefore(script: Script, work: () => Promise<unknown>): HeldDriver['before'] {
  let isOver = false
  return (each) => {
    if (each !== script || isOver) return undefined
    isOver = true
    return work()
  }
}
