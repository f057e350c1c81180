/**
 * Node: this daemon as one of those that share a server, from its joining on.
 *
 * Invariants: a server that may never be used ends the start, since no later moment is better to say so; one that cannot
 * be reached does not: the daemon runs without serving what is held, and the library goes on trying.
 */
import { StaleproofError, type Cache, type CacheEvents, type Clock } from 'staleproof'
import type { LoadedConfig } from './load.ts'
import type { Log } from './log.ts'

export interface Joining {
  readonly loaded: LoadedConfig
  readonly clock: Clock
  readonly log: Log
}

/** A server that is started together with us is there by then. */
const joinMs = 5000
const tryAgainMs = 100

/** What no waiting mends. */
const refusals = new Set(['E_REDIS_EVICTION', 'E_REDIS_VERSION', 'E_REDIS_REFUSED'])

/** Resolves when this node has joined, or cannot for now. @throws E_REDIS_EVICTION, E_REDIS_VERSION, E_REDIS_REFUSED */
export async function join(cache: Cache, { loaded, clock, log }: Joining): Promise<void> {
  const { redis } = loaded.config
  if (redis === undefined) return
  const { disk } = cache.stats()
  if (disk !== null && disk.others > 0) {
    log.warn(
      { data: loaded.config.data },
      'another process has the data directory open: give each node its own',
    )
  }
  const until = clock.monotonic() + joinMs
  for (;;) {
    const error = await failureOf(cache)
    if (error === undefined) return
    if (refusals.has(error.code)) throw placed(error, loaded)
    if (clock.monotonic() >= until) {
      const { code } = error
      return log.warn(
        { code, why: error.message },
        'started without Redis: nothing held is served until it answers',
      )
    }
    await new Promise<void>((resolve) => clock.schedule(tryAgainMs, resolve))
  }
}

/** Tells the log what becomes of this node. */
export function logNode(cache: Cache, log: Log): void {
  let hasJoined = false
  cache.on('node', ({ status, ...facts }) => {
    const isFirst = status === 'generation' && !hasJoined
    hasJoined ||= isFirst
    const [level, message] = isFirst ? (['info', 'joined the cluster'] as const) : news[status]
    log[level]({ node: cache.stats().redis?.node, status, ...facts }, message)
  })
}

/** What fails again and again while the server is away comes without a stack. */
export function logErrors(cache: Cache, log: Log): void {
  cache.on('error', ({ error, during }) => {
    const isAway = error instanceof StaleproofError && error.code === 'E_REDIS_UNREACHABLE'
    if (isAway) log.warn({ code: error.code, why: error.message, during }, 'Redis cannot be reached')
    else log.error({ err: error, during }, 'the cache met an error')
  })
}

type Status = CacheEvents['node']['status']

const news: Readonly<Record<Status, readonly ['info' | 'warn', string]>> = {
  leased: ['info', 'this node has a lease: it serves what it holds'],
  fenced: ['warn', 'this node is fenced: it could not ask the log, and serves nothing that it holds'],
  gap: ['warn', 'this node was away for too long: it begins anew with what the others know'],
  generation: ['warn', 'the log may have lost something: nothing that was cached before is served any more'],
  left: ['info', 'left the cluster'],
}

async function failureOf(cache: Cache): Promise<StaleproofError | undefined> {
  try {
    await cache.ready()
    return undefined
  } catch (error) {
    if (error instanceof StaleproofError) return error
    throw error
  }
}

/** With the setting that named the server. */
function placed(cause: StaleproofError, { originOf }: LoadedConfig): StaleproofError {
  const { code, message, details } = cause
  return new StaleproofError(code, `${message} (the server is named by ${originOf(['redis'])})`, {
    cause,
    details,
  })
}
