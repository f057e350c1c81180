/**
 * Connections: what a program says of its server, as options of ioredis.
 *
 * Invariants: nothing is queued while there is no connection, and nothing is sent again when one breaks; whatever waits
 * for the server (a connection, a sentinel, an answer, silence in the middle of one) waits `limitMs` at most; a
 * connection that broke is made again for ever, after delays that grow and are spread.
 */
import { Cluster, Redis, type ClusterOptions, type RedisOptions } from 'ioredis'
import { backoffMs } from '../model/backoff.ts'
import type { Random } from '../model/clock.ts'

export interface ConnectionOptions {
  /** redis:// or rediss:// (TLS), with user and password if need be. Default redis://127.0.0.1:6379. */
  readonly url?: string | undefined
  /** Some of the nodes of a cluster, in place of `url`. */
  readonly cluster?: readonly string[] | undefined
  /** Sentinels, in place of `url`, and the name of the primary that they watch. */
  readonly sentinel?: { readonly name: string; readonly urls: readonly string[] } | undefined
  /** Of all servers. Default: those of the url, or of the cluster's first. Sentinels have those of their own urls. */
  readonly username?: string | undefined
  readonly password?: string | undefined
  /** Options of `tls.connect`; {} for the defaults. Default: TLS if the url, or the first of several, says rediss. */
  readonly tls?: RedisOptions['tls'] | undefined
}

export type Connection = Redis | Cluster

export interface ConnectionLimits {
  readonly limitMs: number
  readonly random: Random
}

/** Each failure costs a server that is away a packet or two, and each ms more a fleet that waits for it. */
const retry = { firstMs: 50, maxMs: 500 }
/** For the other side to say goodbye as well. */
const goodbyeMs = 100
/** The server is another than we took it for: the connection is made anew, to whoever is the primary now. */
const demoted = /^(READONLY|MASTERDOWN|UNBLOCKED)/

export function openConnection(options: ConnectionOptions, limits: ConnectionLimits): Connection {
  const { url = 'redis://127.0.0.1:6379', cluster, sentinel } = options
  const common = optionsOf(options, limits)
  if (cluster !== undefined) return openCluster(cluster, common)
  if (sentinel !== undefined) return openSentinel(sentinel, common)
  return new Redis(url, common)
}

function optionsOf(options: ConnectionOptions, { limitMs, random }: ConnectionLimits) {
  const { username, password, tls } = options
  return {
    ...given({ username, password, tls }),
    commandTimeout: limitMs,
    connectTimeout: limitMs,
    // Half of a connection may be dead without a word. Then it is made anew, not only given up by each call.
    socketTimeout: limitMs,
    disconnectTimeout: goodbyeMs,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    // With 0 all that waits is rejected as soon as the connection breaks.
    maxRetriesPerRequest: 0,
    // Replies of one shape, whatever the server can do: maps as flat lists, numbers with a fraction as text.
    protocol: 2,
    retryStrategy: (failures: number) => backoffMs(retry, failures, random),
    reconnectOnError: (error: Error) => demoted.test(error.message),
  } satisfies RedisOptions
}

type Common = ReturnType<typeof optionsOf>

function openCluster(urls: readonly string[], common: Common): Cluster {
  const { enableOfflineQueue, retryStrategy, ...rest } = common
  const first = partsOf(urls[0])
  const options: ClusterOptions = {
    // A node that the cluster tells of has no url.
    redisOptions: {
      ...given({ username: first.username, password: first.password, tls: first.tls }),
      ...rest,
    },
    enableOfflineQueue,
    clusterRetryStrategy: retryStrategy,
    // By default a call whose connection broke is sent again, though it may have been carried out.
    retryDelayOnFailover: 0,
    // It would be rejected in time, and sent all the same when the cluster is back.
    retryDelayOnClusterDown: 0,
    // Of all nodes, so that one that answers nothing is left out soon.
    slotsRefreshTimeout: rest.commandTimeout,
    slotsRefreshInterval: 5000,
  }
  return new Cluster([...urls], options)
}

function openSentinel({ name, urls }: NonNullable<ConnectionOptions['sentinel']>, common: Common): Redis {
  const sentinels = urls.map(partsOf)
  const { username, password, tls } = sentinels[0] ?? {}
  const own = given({ sentinelUsername: username, sentinelPassword: password, sentinelTLS: tls })
  return new Redis({
    ...common,
    ...own,
    name,
    sentinels: sentinels.map(({ host, port }) => ({ host, port })),
    // Without this one that answers nothing is waited for without end.
    sentinelCommandTimeout: common.commandTimeout,
    sentinelRetryStrategy: common.retryStrategy,
    enableTLSForSentinelMode: common.tls !== undefined,
  })
}

function partsOf(text = '') {
  const url = new URL(text.includes('://') ? text : `redis://${text}`)
  return {
    host: url.hostname,
    port: Number(url.port || 26_379),
    username: decodeURIComponent(url.username) || undefined,
    password: decodeURIComponent(url.password) || undefined,
    tls: url.protocol === 'rediss:' ? {} : undefined,
  }
}

function given<T extends object>(options: T): { [Key in keyof T]?: NonNullable<T[Key]> } {
  const pairs = Object.entries(options).filter(([, value]) => value !== undefined)
  return Object.fromEntries(pairs) as { [Key in keyof T]?: NonNullable<T[Key]> }
}
