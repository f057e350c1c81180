/**
 * Redis or Valkey as the backing of a cache: puts its parts together, so that this process is one node of many.
 *
 * Invariant: this node leaves the register last, when nothing of it is under way any more.
 */
import { randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import { inspect } from 'node:util'
import type { Backend, Backing, BackingParts } from '../backing/contract.ts'
import { Member } from '../consistency/member.ts'
import type { BackingState } from '../model/backing.ts'
import { StaleproofError } from '../model/errors.ts'
import { checkKnown } from '../model/known.ts'
import { count, positiveDurationMs, sizeBytes, type Duration, type Size } from '../model/quantity.ts'
import { checkAddress } from './address.ts'
import { RedisClient, type ConnectionOptions } from './client.ts'
import { RedisHistory } from './history.ts'
import { RedisLogServer } from './log-server.ts'
import { RedisQueue } from './queue.ts'
import { connectionOptions, SharedConnection, type RedisConnection } from './shared.ts'
import { RedisTier } from './tier.ts'
import { RedisTurns } from './turns.ts'

export interface RedisOptions extends ConnectionOptions {
  /** One that several caches ask through, in place of where to find the server. */
  readonly connection?: RedisConnection | undefined
  /** Name of the cache on the server: caches of one name are one. Default 'staleproof'. */
  readonly prefix?: string | undefined
  /**
   * How long a node serves what it holds without having asked the server, and so how long a strict invalidation waits
   * for one that does not answer. Default 3s.
   */
  readonly lease?: Duration | undefined
  /**
   * How many replicas must have a record before it counts (WAIT). Default 0. With replicas that may be promoted, strict
   * holds only if each of them is waited for.
   */
  readonly replicas?: number | undefined
  /** Larger values are kept in memory only. Default 16mb. */
  readonly maxEntryBytes?: Size | undefined
  /** For people: what this node is called in results and events. Default: host and process. */
  readonly node?: string | undefined
}

const known: readonly (keyof RedisOptions)[] = [
  ...connectionOptions,
  'connection',
  'prefix',
  'lease',
  'replicas',
  'maxEntryBytes',
  'node',
]

/**
 * Keeps entries, log, queue and history of a cache on a server that many machines share:
 * `createCache({ redis: redis({ url: 'redis://cache.home:6379' }) })`. Needs the package `ioredis`, and Redis 7 or Valkey 8.
 * @throws E_OPTIONS_INVALID, E_DURATION_INVALID
 */
export function redis(options: RedisOptions = {}): Backend<'redis'> {
  checkKnown(options, known, 'redis')
  checkAddress(options, 'redis')
  checkText(options.prefix, 'redis.prefix')
  checkText(options.node, 'redis.node')
  const settings = {
    prefix: options.prefix ?? 'staleproof',
    leaseMs: positiveDurationMs(options.lease ?? '3s', 'redis.lease'),
    replicas: count(options.replicas ?? 0, 'redis.replicas', 0),
    entryBytesMax: sizeBytes(options.maxEntryBytes ?? '16mb', 'redis.maxEntryBytes'),
    node: options.node ?? `${hostname()}:${process.pid}`,
  }
  const connection = connectionOf(options)
  return { kind: 'redis', open: (parts) => new RedisBacking({ ...settings, connection }, parts) }
}

/** @throws E_OPTIONS_INVALID */
function checkText(value: unknown, what: string): void {
  if (value === undefined || (typeof value === 'string' && value !== '')) return
  throw new StaleproofError(
    'E_OPTIONS_INVALID',
    `${what} is ${inspect(value)}; give text that is not empty, or leave it out`,
  )
}

/** @throws E_OPTIONS_INVALID */
function connectionOf(options: RedisOptions): ConnectionOptions | SharedConnection {
  const { connection } = options
  if (connection === undefined) return options
  if (connection instanceof SharedConnection) return connection
  throw new StaleproofError(
    'E_OPTIONS_INVALID',
    'redis.connection is not what redisConnection() made; give that, or say by url, cluster or sentinel where the server is',
  )
}

/** Less, and it is over before it is renewed. */
const leaseMsMin = 100

function checkLease(leaseMs: number, boundMs: number): void {
  const problem =
    leaseMs < leaseMsMin
      ? `give at least ${leaseMsMin} ms`
      : leaseMs > boundMs
        ? `a node may serve for so long what it has not heard is stale, and consistency promises ${boundMs} ms: give no more, or raise ` +
          'consistency.eventual.bound and consistency.relaxed.bound'
        : undefined
  if (problem === undefined) return
  throw new StaleproofError('E_OPTIONS_INVALID', `redis.lease is ${leaseMs} ms; ${problem}`)
}

interface Settings {
  readonly prefix: string
  readonly leaseMs: number
  readonly replicas: number
  readonly entryBytesMax: number
  readonly node: string
  readonly connection: ConnectionOptions | SharedConnection
}

class RedisBacking implements Backing {
  readonly log: Member
  readonly shared: RedisTier
  readonly turns: RedisTurns
  readonly queue: RedisQueue
  readonly history: RedisHistory
  readonly #driver: RedisClient
  readonly #node: string
  readonly #server: RedisLogServer

  constructor(settings: Settings, parts: BackingParts) {
    const { prefix, leaseMs, replicas, entryBytesMax, node: nodeName, connection } = settings
    const { clock, onError } = parts
    checkLease(leaseMs, parts.boundMs)
    const id = randomUUID()
    const driver = new RedisClient(connection, prefix, parts)
    this.#driver = driver
    driver.onConnect(parts.onReached)
    this.#node = nodeName
    const common = { driver, clock, onError, node: id }
    this.history = new RedisHistory({ ...common, ...parts.history })
    this.#server = new RedisLogServer(driver, { clock, replicas, history: this.history })
    this.log = new Member({ ...parts, server: this.#server, id, nodeName, leaseMs })
    this.shared = new RedisTier({ ...parts, driver, log: this.log, entryBytesMax })
    this.turns = new RedisTurns({ driver, clock, nodeId: id })
    this.queue = new RedisQueue({ ...common, ...parts.queue, replicas, history: this.history })
  }

  get state(): BackingState {
    const { failure, waiting, others } = this.log
    const error = failure === undefined ? null : { code: failure.code, message: failure.message }
    const status = error === null ? 'ok' : 'failing'
    const { isFenced: fenced } = this.log
    const { worth } = this.#server
    return { name: 'redis', status, error, node: this.#node, fenced, others, waiting, worth }
  }

  async close(): Promise<void> {
    await this.queue.close()
    await this.history.close()
    this.turns.close()
    await this.log.close()
    await this.#server.close()
    await this.#driver.close()
  }
}
