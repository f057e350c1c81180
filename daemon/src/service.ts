/**
 * The service: the life of the daemon, from its configuration to its end.
 *
 *   configuration -> cache, links, rules -> sources -> HTTP -> ready ... not ready -> HTTP -> sources -> cache
 *
 * Invariants: it is ready only while every source listens and requests are answered; what cannot start is told
 * all at once, and nothing is left running then; the end takes no longer than `graceMs`.
 */
import { isIP } from 'node:net'
import { StaleproofError, sizeBytes, systemClock, type Cache, type Clock } from 'staleproof'
import { createServer, type Server } from './api/server.ts'
import type { LoadedConfig } from './config/load.ts'
import type { Log } from './config/log.ts'
import { openCache } from './config/open.ts'
import { version } from './config/version.ts'
import type { Source, SourceStatus } from './sources/contract.ts'
import { Delivery } from './sources/delivery.ts'
import { FilesSource } from './sources/files.ts'

export interface Service {
  readonly url: string
  readonly version: string
  sources(): SourceStatus[]
  /** Ends what is under way and then everything; again: the same end. */
  stop(why: string): Promise<void>
}

/** What is under way when we are told to stop has this long to end. */
const graceMs = 10_000

/** @throws one error, or an AggregateError of all that keeps it from starting */
export async function startService(loaded: LoadedConfig, log: Log): Promise<Service> {
  const clock = systemClock()
  const cache = await openCache(loaded)
  const delivery = new Delivery({ cache, clock, log, source: 'files' })
  const sources = loaded.config.sources.files.map((folder) => new FilesSource({ folder, clock, log }))
  const readiness = { ready: false }
  const statuses = () => sources.map((source) => source.status())
  const parts = { cache, delivery, sources, log, clock, readiness }
  try {
    throwAll([...hostErrors(loaded), ...(await startAll(sources, delivery))])
    const { host, port, maxBodyBytes } = loaded.config.server
    const config = { host, port, maxBodyBytes: sizeBytes(maxBodyBytes) }
    const server = createServer({
      cache,
      config,
      log,
      readiness,
      sources: statuses,
      version,
      drainMs: graceMs,
    })
    const { url } = await listen(server, config)
    readiness.ready = true
    cache.on('error', ({ error, during }) => log.error({ err: error, during }, 'the cache met an error'))
    log.info({ url, version, folders: sources.length }, 'ready')
    return { url, version, sources: statuses, stop: once((why) => stop({ ...parts, server }, why)) }
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
  await cache.close()
}

async function startAll(sources: readonly Source[], delivery: Delivery): Promise<unknown[]> {
  const outcomes = await Promise.allSettled(
    sources.map((source) => source.start((change) => delivery.report(change))),
  )
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

async function listen(
  server: Server,
  { host, port }: { host: string; port: number },
): Promise<{ url: string }> {
  try {
    return await server.listen()
  } catch (cause) {
    if (cause instanceof StaleproofError) throw cause
    const message = `cannot listen on ${host}:${port}: ${(cause as Error).message}`
    throw new StaleproofError('E_HOST_UNUSABLE', message, { cause, details: { host, port } })
  }
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
