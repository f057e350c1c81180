/**
 * A queue and its history on one server, for as many nodes as a test makes believe that there are.
 */
import { randomUUID } from 'node:crypto'
import { RedisClient } from '../src/redis/client.ts'
import type { Driver } from '../src/redis/driver.ts'
import { RedisHistory } from '../src/redis/history.ts'
import { RedisQueue } from '../src/redis/queue.ts'
import { TestClock } from './clock.ts'
import type { RedisServer } from './redis-server.ts'

export interface PairOptions {
  readonly keepFor?: number
  readonly keepCount?: number
  readonly sizeMax?: number
  readonly aging?: number
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
    this.driver = new RedisClient({ url }, randomUUID())
    this.clock = clock
  }

  open({ keepFor = yearMs, keepCount, sizeMax, aging }: PairOptions = {}): RedisPair {
    const node = `node${++this.#opened}`
    const { driver, clock } = this
    const onError = (error: unknown, during: string) => void this.errors.push({ error, during })
    const common = { driver, clock, node, onError }
    const history = new RedisHistory({ ...common, keepFor, keepCount })
    return { node, history, queue: new RedisQueue({ ...common, history, sizeMax, aging }) }
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
