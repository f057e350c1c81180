/**
 * The service: the life of the daemon, from its configuration to its end.
 *
 *   configuration -> port -> cache, cluster, links, rules -> sources, and what changed while nobody looked -> HTTP -> ready
 *   ... not ready -> HTTP -> sources -> cache
 *
 * Invariants: nothing is served before what changed since the last life is invalidated; it is ready only while every
 * source listens and requests are answered; what cannot start is told all at once, leaves nothing running, and has
 * touched no data directory if that could be known before; the end takes no longer than `graceMs`.
 */
import { isIP } from 'node:net'
import { join } from 'node:path'
import { StaleproofError, sizeBytes, systemClock, type Cache, type Clock } from 'staleproof'
import { takePort, type Port } from './api/port.ts'
import { createServer, type Server } from './api/server.ts'
import type { LoadedConfig } from './config/load.ts'
import type { Log } from './config/log.ts'
import { join as joinCluster, logErrors, logNode } from './config/node.ts'
import { checkConfig, declareAll, openCache } from './config/open.ts'
import type { WatchedFolder } from './config/schema.ts'
import { version } from './config/version.ts'
import type { Source, SourceStatus } from './sources/contract.ts'
import { Delivery } from './sources/delivery.ts'
import { FilesSource } from './sources/files.ts'
import { openFolder } from './sources/folder.ts'

export interface Service {
  readonly url: string
  readonly version: string
  /** It shares a server that it cannot reach yet. */
  readonly isFenced: boolean
  sources(): SourceStatus[]
  /** Ends what is under way and then everything; again: the same end. */
  stop(why: string): Promise<void>
}

/** What is under way when we are told to stop has this long to end. */
const graceMs = 10_000

/** @throws one error, or an AggregateError of all that keeps it from starting */
export async function startService(loaded: LoadedConfig, log: Log): Promise<Service> {
  const { sources, server } = loaded.config
  await checkConfig(loaded)
  throwAll([...hostErrors(loaded), ...(await folderErrors(sources.files))])
  const port = await takePort(server, log)
  try {
    return await serve({ loaded, log, port, cache: await openCache(loaded) })
  } catch (error) {
    await port.close(0)
    throw error
  }
}

interface Opened {
  readonly loaded: LoadedConfig
  readonly log: Log
  readonly port: Port
  readonly cache: Cache
}

async function serve({ loaded, log, port, cache }: Opened): Promise<Service> {
  const { data, server: settings } = loaded.config
  const parts = { ...watching({ loaded, log, cache }), cache, log, readiness: { ready: false } }
  const { sources, delivery, readiness } = parts
  logErrors(cache, log)
  logNode(cache, log)
  try {
    await joinCluster(cache, { loaded, clock: parts.clock, log })
    await declareAll(cache, loaded.config)
    throwAll(await startAll(sources, delivery))
    await delivery.deliverNow()
    await Promise.all(sources.map((source) => source.kept()))
    const statuses = () => sources.map((source) => source.status())
    const config = { host: settings.host, maxBodyBytes: sizeBytes(settings.maxBodyBytes) }
    const server = createServer({
      cache,
      config,
      log,
      port,
      readiness,
      sources: statuses,
      version,
      drainMs: graceMs,
    })
    const { url } = port
    readiness.ready = true
    const { redis } = cache.stats()
    log.info({ url, version, data, node: redis?.node, folders: sources.length }, 'ready')
    const isFenced = redis?.fenced === true
    return { url, version, isFenced, sources: statuses, stop: once((why) => stop({ ...parts, server }, why)) }
  } catch (error) {
    await stopAll(parts)
    throw error
  }
}

interface Parts {
  readonly cache: Cache
  readonly delivery: Delivery
  readonly sources: readonly Source[]
  readonly clock: Clock
  readonly log: Log
  readonly readiness: { ready: boolean }
}

/** The sources, and the way from them to the cache. */
function watching({
  loaded,
  log,
  cache,
}: Omit<Opened, 'port'>): Pick<Parts, 'clock' | 'delivery' | 'sources'> {
  const { data, redis, sources: configured, log: logged } = loaded.config
  const clock = systemClock()
  const unwritten = () => {
    const { disk, redis } = cache.stats()
    return (disk?.waiting ?? 0) + (redis?.waiting ?? 0)
  }
  const delivery = new Delivery({ cache, clock, log, source: 'files', unwritten })
  // What we write ourselves would never come to rest.
  const ours = [data, logged.file].filter((path) => typeof path === 'string')
  const looks =
    data === false ? undefined : { folder: join(data, 'looks'), position: () => cache.stats().log }
  const outlives = redis !== undefined
  const sources = configured.files.map(
    (folder) => new FilesSource({ folder, ours, clock, log, looks, outlives }),
  )
  return { clock, delivery, sources }
}

async function stop(parts: Parts & { server: Server }, why: string): Promise<void> {
  const { clock, log, readiness, server } = parts
  readiness.ready = false
  log.info({ why }, 'stopping')
  const late = new Promise<'late'>((resolve) => clock.schedule(graceMs, () => resolve('late')))
  const ended = server.close().then(() => stopAll(parts))
  if ((await Promise.race([ended, late])) === 'late') log.warn({ graceMs }, 'not everything ended in time')
  log.info('stopped')
}

async function stopAll({ cache, delivery, sources }: Omit<Parts, 'readiness'>): Promise<void> {
  await Promise.all(sources.map((source) => source.stop()))
  await delivery.close()
  await Promise.all(sources.map((source) => source.kept()))
  await cache.close()
}

async function startAll(sources: readonly Source[], delivery: Delivery): Promise<unknown[]> {
  return refusals(sources.map((source) => source.start((change) => delivery.report(change))))
}

/** Looked for before anything is begun: most of what is wrong with a folder is wrong already. */
async function folderErrors(folders: readonly WatchedFolder[]): Promise<unknown[]> {
  return refusals(folders.map(({ path }) => openFolder(path)))
}

async function refusals(attempts: readonly Promise<unknown>[]): Promise<unknown[]> {
  const outcomes = await Promise.allSettled(attempts)
  return outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason] : []))
}

/** Anybody who reaches the port can read and change everything: there are no accounts yet. */
function hostErrors({ config, originOf }: LoadedConfig): StaleproofError[] {
  const { host, insecure } = config.server
  if (insecure || isLoopback(host)) return []
  const message =
    `server.host is ${host} (${originOf(['server', 'host'])}), which others can reach, and there are no accounts: ` +
    'anybody could read and change everything. Keep 127.0.0.1, or add --insecure if the network keeps others out'
  return [new StaleproofError('E_HOST_NOT_LOOPBACK', message, { details: { host } })]
}

function isLoopback(host: string): boolean {
  if (host === 'localhost' || host === '::1') return true
  return isIP(host) === 4 && host.startsWith('127.')
}

function throwAll(errors: readonly unknown[]): void {
  if (errors.length > 1) throw new AggregateError(errors, 'the daemon cannot start')
  if (errors.length === 1) throw errors[0]
}

function once(work: (why: string) => Promise<void>): (why: string) => Promise<void> {
  let running: Promise<void> | undefined
  return (why) => {
    running ??= work(why)
    return running
  }
}
