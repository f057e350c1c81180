/** A real server on a free port with a real cache, for one test; both are closed after it. */
import { once } from 'node:events'
import { connect } from 'node:net'
import { EventSourceParserStream, type EventSourceMessage } from 'eventsource-parser/stream'
import { pino } from 'pino'
import { type Cache, createCache } from 'staleproof'
import { expect, onTestFinished } from 'vitest'
import { problemSchema } from '../../src/api/protocol.ts'
import { takePort } from '../../src/api/port.ts'
import { createServer, type Server, type ServerOptions } from '../../src/api/server.ts'

export interface Serving {
  readonly url: string
  readonly port: number
  readonly cache: Cache
  readonly server: Server
  /** What was logged, a line each. */
  readonly logged: readonly string[]
  fetch(path: string, init?: RequestInit): Promise<Response>
  send(method: string, path: string, body?: unknown): Promise<Response>
}

type Overrides = Partial<Omit<ServerOptions, 'config' | 'port'>> & {
  readonly config?: Partial<ServerOptions['config']>
}

export async function serve(overrides: Overrides = {}): Promise<Serving> {
  const cache = overrides.cache ?? createCache()
  const logged: string[] = []
  const log = pino({ level: 'debug' }, { write: (line: string) => void logged.push(line) })
  const config = { host: '127.0.0.1', maxBodyBytes: 1024 ** 2, ...overrides.config }
  const port = await takePort({ host: config.host, port: 0 }, log)
  const { url } = port
  const server = createServer({
    cache,
    log,
    port,
    readiness: { ready: true },
    sources: () => [],
    version: '1.2.3',
    ...overrides,
    config,
  })
  onTestFinished(async () => {
    await server.close()
    await cache.close()
  })
  const go = (path: string, init?: RequestInit) => fetch(url + path, init)
  return { url, port: Number(new URL(url).port), cache, server, logged, fetch: go, send: sender(go) }
}

/** Sends JSON. */
function sender(go: Serving['fetch']): Serving['send'] {
  return (method, path, body) =>
    go(path, { method, headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body ?? {}) })
}

export interface EventReader {
  next(): Promise<EventSourceMessage>
  /** True once the server has ended the stream. */
  ended(): Promise<boolean>
  leave(): void
}

/** Follows `/v1/events`. Its first event, `ready`, has been read: from now on nothing is left out. */
export async function follow(serving: Serving, query = '', lastEventId?: string): Promise<EventReader> {
  const headers: Record<string, string> = lastEventId === undefined ? {} : { 'Last-Event-ID': lastEventId }
  const leaving = new AbortController()
  const { body } = await serving.fetch(`/v1/events${query}`, { headers, signal: leaving.signal })
  if (body === null) throw new Error('the event stream has no body')
  const reader = body
    .pipeThrough(new TextDecoderStream())
    .pipeThrough(new EventSourceParserStream())
    .getReader()
  const next = async () => {
    const { value } = await reader.read()
    if (value === undefined) throw new Error('the event stream has ended')
    return value
  }
  const ready = await next()
  if (ready.event !== 'ready') throw new Error(`the event stream began with ${ready.event}`)
  return { next, ended: async () => (await reader.read()).done, leave: () => leaving.abort() }
}

/** Checks that the response is a problem as it should be. */
export async function problemCode(response: Response): Promise<string> {
  expect(response.headers.get('Content-Type')).toBe('application/problem+json')
  const problem = problemSchema.parse(await response.json())
  expect(problem).toMatchObject({ status: response.status, type: `urn:staleproof:problem:${problem.code}` })
  return problem.code
}

/** Sends bytes that fetch would not, and gives back what comes first. */
export async function exchange(port: number, request: string): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  socket.write(request)
  const [answer] = (await once(socket, 'data')) as [Buffer]
  socket.destroy()
  return String(answer)
}
