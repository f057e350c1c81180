/**
 * The connections of a server, and which of them carry a request: what `server.close()` of Node does not tell
 * apart. It waits for a connection that was opened ahead and never used, as browsers have them.
 *
 * Invariants: after `release` a connection is kept for the requests it carries and ends with the last of them;
 * a request that has been read in part only does not count.
 */
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

export class Connections {
  /** How many requests each connection carries. */
  readonly #carried = new Map<Socket, number>()
  #released = false

  constructor(server: Server) {
    server.on('connection', (socket) => this.#opened(socket))
    server.on('request', (request, response) => this.#asked(request, response))
  }

  /** Lets the connections go, each as soon as it carries nothing. */
  release(): void {
    this.#released = true
    for (const socket of this.#carried.keys()) this.#endIfIdle(socket)
  }

  #opened(socket: Socket): void {
    this.#carried.set(socket, 0)
    socket.once('close', () => this.#carried.delete(socket))
  }

  #asked({ socket }: IncomingMessage, response: ServerResponse): void {
    this.#count(socket, 1)
    response.once('close', () => {
      this.#count(socket, -1)
      if (this.#released) this.#endIfIdle(socket)
    })
  }

  #count(socket: Socket, change: 1 | -1): void {
    const carried = this.#carried.get(socket)
    if (carried !== undefined) this.#carried.set(socket, carried + change)
  }

  #endIfIdle(socket: Socket): void {
    if (this.#carried.get(socket) === 0) socket.destroySoon()
  }
}
