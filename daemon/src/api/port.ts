/**
 * The port of the daemon: taken before anything else is begun, and answered on once there is something to answer with.
 *
 * Invariants: until `answerWith` every request is told, with a 503, that the daemon is starting; who cannot have the
 * port has begun nothing that would have to be undone.
 */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Logger } from 'pino'
import { StaleproofError } from 'staleproof'
import { Connections } from './connections.ts'
import { problemOf } from './problem.ts'
import { problemMediaType } from './protocol.ts'

export interface Address {
  readonly host: string
  readonly port: number
}

export type Answer = (request: IncomingMessage, response: ServerResponse) => void

export class Port {
  readonly url: string
  readonly #http: Server
  readonly #connections: Connections
  readonly #log: Logger
  #answer: Answer = answerStarting

  constructor(http: Server, log: Logger) {
    this.url = urlOf(http.address() as AddressInfo)
    this.#http = http
    this.#log = log
    this.#connections = new Connections(http)
    http.on('request', (request, response) => this.#answer(request, response))
    http.on('error', (err) => log.error({ err }, 'the server could not take a connection'))
  }

  answerWith(answer: Answer): void {
    this.#answer = answer
  }

  /**
   * No connection is taken from now on. Resolves when the last request under way has its answer, or after `drainMs`,
   * when the rest is cut off.
   */
  async close(drainMs: number): Promise<void> {
    if (!this.#http.listening) return
    const timer = setTimeout(() => {
      this.#log.warn({ drainMs }, 'requests under way took too long and were cut off')
      this.#http.closeAllConnections()
    }, drainMs)
    await new Promise<void>((resolve, reject) => {
      this.#http.close((error) => (error === undefined ? resolve() : reject(error)))
      this.#connections.release()
    })
    clearTimeout(timer)
  }
}

/** @throws E_PORT_IN_USE, E_HOST_UNUSABLE */
export async function takePort(address: Address, log: Logger): Promise<Port> {
  const http = createServer()
  http.listen(address.port, address.host)
  try {
    await once(http, 'listening')
  } catch (error) {
    throw unusable(error as NodeJS.ErrnoException, address)
  }
  return new Port(http, log)
}

function unusable(cause: NodeJS.ErrnoException, { host, port }: Address): StaleproofError {
  const more = { cause, details: { host, port } }
  if (cause.code !== 'EADDRINUSE') {
    return new StaleproofError('E_HOST_UNUSABLE', `cannot listen on ${host}:${port}: ${cause.message}`, more)
  }
  const message = `${host}:${port} is taken; stop the other program or choose another port`
  return new StaleproofError('E_PORT_IN_USE', message, more)
}

function urlOf({ address, family, port }: AddressInfo): string {
  return `http://${family === 'IPv6' ? `[${address}]` : address}:${port}`
}

function answerStarting(request: IncomingMessage, response: ServerResponse): void {
  const starting = new StaleproofError('E_API_NOT_READY', 'the daemon is starting; ask again in a moment')
  const instance = request.url?.split('?')[0] ?? '/'
  const problem = problemOf(starting, { instance, requestId: crypto.randomUUID() })
  response.writeHead(503, { 'Content-Type': problemMediaType, 'Retry-After': '1', Connection: 'close' })
  response.end(JSON.stringify(problem))
}
