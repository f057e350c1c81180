/**
 * The server: the API on a port, from the first request to the last.
 *
 * Invariants: `listen` resolves when requests are answered; `close` resolves when the last request under way
 * has its answer and every event stream has ended, or after `drainMs`, when the rest is cut off.
 */
import { once } from 'node:events'
import { createServer as createHttpServer, type Server as HttpServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { getRequestListener, type HttpBindings } from '@hono/node-server'
import type { Logger } from 'pino'
import { type Cache, StaleproofError } from 'staleproof'
import { createApi } from './api.ts'
import { Connections } from './connections.ts'
import { Journal } from './journal.ts'
import type { Api } from './parts.ts'
import { problemOf, requestInvalid } from './problem.ts'
import { problemMediaType } from './protocol.ts'

export interface ServerOptions {
  readonly cache: Cache
  readonly config: { readonly host: string; readonly port: number; readonly maxBodyBytes: number }
  readonly log: Logger
  readonly readiness: { readonly ready: boolean }
  readonly sources: () => unknown[]
  readonly version: string
  /** The latest events, for clients that resume. */
  readonly journal?: Journal
  /** How often a quiet event stream gets a sign of life. */
  readonly keepAliveMs?: number
  /** How long `close` waits for requests under way. */
  readonly drainMs?: number
}

export interface Server {
  /** @throws E_PORT_IN_USE */
  listen(): Promise<{ url: string }>
  close(): Promise<void>
}

export function createServer(options: ServerOptions): Server {
  const { cache, config, log, journal = new Journal(), keepAliveMs = 15_000, drainMs = 10_000 } = options
  const unsubscribe = [
    cache.on('invalidated', (data) => journal.tell({ event: 'invalidated', data })),
    cache.on('changed', (data) => journal.tell({ event: 'changed', data })),
  ]
  const http = httpServer(createApi({ ...options, ...config, journal, keepAliveMs }))
  const connections = new Connections(http)
  let closed: Promise<void> | undefined
  return {
    listen: () => listen(http, options),
    close: () => {
      closed ??= drain(http, { connections, journal, log, drainMs }).finally(() => {
        for (const end of unsubscribe) end()
      })
      return closed
    },
  }
}

function httpServer(api: Api): HttpServer {
  const answer = (request: Request, env: unknown) => api.fetch(request, env as HttpBindings)
  const listener = getRequestListener(answer, { errorHandler: unreadable })
  return createHttpServer((incoming, outgoing) => void listener(incoming, outgoing))
}

/** Raised before there is a request that the API could answer: a broken address or Host header. */
function unreadable(error: unknown): Response {
  const detail = error instanceof Error ? error.message : 'cannot be read'
  const invalid = requestInvalid([{ in: 'header', name: 'Host', detail }])
  const problem = problemOf(invalid, { instance: '/', requestId: crypto.randomUUID() })
  return new Response(JSON.stringify(problem), { status: 400, headers: { 'Content-Type': problemMediaType } })
}

async function listen(http: HttpServer, { config, log }: ServerOptions): Promise<{ url: string }> {
  http.listen(config.port, config.host)
  try {
    await once(http, 'listening')
  } catch (error) {
    throw isPortInUse(error) ? portInUse(error, config) : error
  }
  http.on('error', (err) => log.error({ err }, 'the server could not take a connection'))
  return { url: urlOf(http.address() as AddressInfo) }
}

function isPortInUse(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'EADDRINUSE'
}

function urlOf({ address, family, port }: AddressInfo): string {
  return `http://${family === 'IPv6' ? `[${address}]` : address}:${port}`
}

function portInUse(cause: unknown, { host, port }: ServerOptions['config']): StaleproofError {
  return new StaleproofError(
    'E_PORT_IN_USE',
    `${host}:${port} is taken; stop the other program or choose another port`,
    { cause, details: { host, port } },
  )
}

interface Drain {
  readonly connections: Connections
  readonly journal: Journal
  readonly log: Logger
  readonly drainMs: number
}

async function drain(http: HttpServer, { connections, journal, log, drainMs }: Drain): Promise<void> {
  if (!http.listening) return
  const timer = setTimeout(() => {
    log.warn({ drainMs }, 'requests under way took too long and were cut off')
    http.closeAllConnections()
  }, drainMs)
  await new Promise<void>((resolve, reject) => {
    http.close((error) => (error === undefined ? resolve() : reject(error)))
    journal.close()
    connections.release()
  })
  clearTimeout(timer)
}
