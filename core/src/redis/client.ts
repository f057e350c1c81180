/**
 * The client: ioredis as a driver. Two connections: one for what is asked, one for what waits.
 *
 * Why ioredis: of the clients it is the cheapest for many small reads at once (`npm run bench -- redis`). Its trap is
 * left out: what was asked and not answered when a connection broke is rejected, never sent again by itself.
 */
import { Cluster, Redis, type ClusterOptions, type RedisOptions } from 'ioredis'
import { StaleproofError, type ErrorCode } from '../model/errors.ts'
import type { Arg, Driver, Reply, Script } from './driver.ts'

export interface ConnectionOptions {
  /** redis:// or rediss:// (TLS), with user and password if need be. Default redis://127.0.0.1:6379. */
  readonly url?: string | undefined
  /** Some of the nodes of a cluster, in place of `url`. */
  readonly cluster?: readonly string[] | undefined
  /** Sentinels, in place of `url`, and the name of the primary that they watch. */
  readonly sentinel?: { readonly name: string; readonly urls: readonly string[] } | undefined
  /** Of all servers. Default: those of the url. */
  readonly username?: string | undefined
  readonly password?: string | undefined
  /** Options of `tls.connect`; {} for the defaults. Default: TLS if the url says rediss. */
  readonly tls?: RedisOptions['tls'] | undefined
}

type Connection = Redis | Cluster

/** A server that answers nothing for so long counts as unreachable. */
const answerMs = 2000
const connectMs = 5000
const retryMs = { first: 50, last: 2000 }

export class RedisClient implements Driver {
  readonly prefix: string
  readonly #options: ConnectionOptions
  readonly #asking: Connection
  #waiting: Connection | undefined
  /** Settles when the first connection is there, or could not be made. Never rejects. */
  readonly #first: Promise<void>
  #isFirst = true
  #failure: unknown

  constructor(options: ConnectionOptions, prefix: string) {
    this.#options = options
    // A hash tag: a cluster keeps all keys of it on one node, so that a script may use them.
    this.prefix = `{${prefix}}`
    this.#asking = this.#connect()
    this.#first = new Promise<void>((resolve) => {
      this.#asking.once('ready', resolve)
      this.#asking.on('error', (error: unknown) => {
        this.#failure = error
        resolve()
      })
    }).then(() => {
      this.#isFirst = false
    })
  }

  get isConnected(): boolean {
    return this.#asking.status === 'ready'
  }

  onConnect(listener: () => void): void {
    this.#asking.on('ready', listener)
  }

  async run(script: Script, args: readonly Arg[]): Promise<Reply> {
    try {
      return await this.call('EVALSHA', script.sha, 1, this.prefix, ...args)
    } catch (error) {
      if (!isUnknownScript(error)) throw error
      return this.call('EVAL', script.text, 1, this.prefix, ...args)
    }
  }

  call(command: string, key: string | Uint8Array, ...args: readonly Arg[]): Promise<Reply> {
    return this.#ask(this.#asking, command, [key, ...args])
  }

  async wait(limitMs: number, command: string, ...args: readonly Arg[]): Promise<Reply> {
    this.#waiting ??= this.#connect(limitMs + answerMs)
    return this.#ask(this.#waiting, command, args)
  }

  async close(): Promise<void> {
    this.#waiting?.disconnect()
    const { status } = this.#asking
    if (status === 'ready') await this.#asking.quit().catch(() => undefined)
    this.#asking.disconnect()
  }

  async #ask(connection: Connection, command: string, args: readonly Arg[]): Promise<Reply> {
    if (this.#isFirst) await this.#first
    try {
      return (await connection.callBuffer(command, args as (string | Buffer | number)[])) as Reply
    } catch (error) {
      throw told(error, this.#failure)
    }
  }

  #connect(commandTimeout = answerMs): Connection {
    const { url = 'redis://127.0.0.1:6379', cluster, sentinel, username, password, tls } = this.#options
    const options = {
      ...given({ username, password, tls }),
      commandTimeout,
      connectTimeout: connectMs,
      enableOfflineQueue: commandTimeout !== answerMs,
      autoResendUnfulfilledCommands: false,
      maxRetriesPerRequest: 0,
      retryStrategy: (times: number) => delayOf(times),
      // A primary that became a replica: the connection is made anew, to whoever is the primary now.
      reconnectOnError: (error: Error) => /^READONLY|^MASTERDOWN/.test(error.message),
    } satisfies RedisOptions
    const connection = this.#made(options, { url, cluster, sentinel })
    connection.on('error', () => undefined)
    return connection
  }

  #made(options: RedisOptions, { url, cluster, sentinel }: ConnectionOptions): Connection {
    if (cluster !== undefined) {
      const { enableOfflineQueue, ...redisOptions } = options
      const all = { redisOptions, enableOfflineQueue, clusterRetryStrategy: delayOf } as ClusterOptions
      return new Cluster([...cluster], all)
    }
    if (sentinel === undefined) return new Redis(url as string, options)
    return new Redis({ ...options, name: sentinel.name, sentinels: sentinel.urls.map(hostOf) })
  }
}

/** Grows, and is spread by chance: a fleet must not come back at once. */
function delayOf(times: number): number {
  const most = Math.min(retryMs.first * 2 ** Math.min(times - 1, 10), retryMs.last)
  return most * spread()
}

let spreadState = process.pid
/** Cheap chance, for a delay only: [0.5, 1). */
function spread(): number {
  spreadState = (spreadState * 1_103_515_245 + 12_345) % 2 ** 31
  return 0.5 + spreadState / 2 ** 32
}

function given<T extends object>(options: T): Partial<T> {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as Partial<T>
}

function hostOf(url: string): { host: string; port: number } {
  const { hostname, port } = new URL(url.includes('://') ? url : `redis://${url}`)
  return { host: hostname, port: Number(port || 26_379) }
}

function isUnknownScript(error: unknown): boolean {
  const { cause } = error as { cause?: unknown }
  return cause instanceof Error && cause.message.startsWith('NOSCRIPT')
}

/** @param failure of the last connection */
function told(error: unknown, failure: unknown): StaleproofError {
  const message = error instanceof Error ? error.message : String(error)
  const [code, advice] = kindOf(message)
  const why =
    code === 'E_REDIS_UNREACHABLE' && failure instanceof Error ? `${message}; ${failure.message}` : message
  return new StaleproofError(code, `Redis: ${why}${advice}`, { cause: error })
}

/** What a server's or client's words mean. */
function kindOf(message: string): [ErrorCode, string] {
  if (message.startsWith('OOM')) return ['E_REDIS_FULL', '; raise maxmemory, or let it hold less']
  if (/^(NOAUTH|WRONGPASS|NOPERM)/.test(message))
    return ['E_REDIS_REFUSED', '; see docs/redis.md for what the user must be allowed to do']
  if (/^(ERR|WRONGTYPE|NOSCRIPT|CROSSSLOT|EXECABORT|MISCONF|NOREPLICAS)/.test(message))
    return ['E_REDIS_FAILED', '']
  return ['E_REDIS_UNREACHABLE', '']
}
