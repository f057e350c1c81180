/**
 * The server: the API on a port, from the first request to the last.
 *
 * Invariants: requests are answered from the moment that it is made; `close` resolves when the last request under way
 * has its answer and every event stream has ended, or after `drainMs`, when the rest is cut off.
 */
import { getRequestListener, type HttpBindings } from '@hono/node-server'
import type { Logger } from 'pino'
import type { Cache } from 'staleproof'
import { createApi } from './api.ts'
import { Journal } from './journal.ts'
import type { Api } from './parts.ts'
import type { Answer, Port } from './port.ts'
import { problemOf, requestInvalid } from './problem.ts'
import { problemMediaType } from './protocol.ts'

export interface ServerOptions {
  readonly cache: Cache
  readonly port: Port
  readonly config: { readonly host: string; readonly maxBodyBytes: number }
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
  close(): Promise<void>
}

export function createServer(options: ServerOptions): Server {
  const { cache, config, port, journal = new Journal(), keepAliveMs = 15_000, drainMs = 10_000 } = options
  const unsubscribe = [
    cache.on('invalidated', (data) => journal.tell({ event: 'invalidated', data })),
    cache.on('changed', (data) => journal.tell({ event: 'changed', data })),
    cache.on('node', ({ status }) => {
      if (status === 'gap' || status === 'generation') journal.tellGap()
    }),
  ]
  port.answerWith(answerBy(createApi({ ...options, ...config, journal, keepAliveMs })))
  let closed: Promise<void> | undefined
  return {
    close: () => {
      closed ??= close()
      return closed
    },
  }

  async function close(): Promise<void> {
    const closing = port.close(drainMs)
    journal.close()
    await closing.finally(() => {
      for (const end of unsubscribe) end()
    })
  }
}

function answerBy(api: Api): Answer {
  const answer = (request: Request, env: unknown) => api.fetch(request, env as HttpBindings)
  const listener = getRequestListener(answer, { errorHandler: unreadable })
  return (incoming, outgoing) => void listener(incoming, outgoing)
}

/** Raised before there is a request that the API could answer: a broken address or Host header. */
function unreadable(error: unknown): Response {
  const detail = error instanceof Error ? error.message : 'cannot be read'
  const invalid = requestInvalid([{ in: 'header', name: 'Host', detail }])
  const problem = problemOf(invalid, { instance: '/', requestId: crypto.randomUUID() })
  return new Response(JSON.stringify(problem), { status: 400, headers: { 'Content-Type': problemMediaType } })
}
