/**
 * A proxy between a node and its server whose faults are switched while it runs: the network, as bad as it can be.
 *
 * A link is one port of the proxy: each node gets one of its own, so that one can be cut off and another not. Faults are
 * of a link and hold for the connections it has and for those to come, until they are switched again.
 *
 *   pass      as it came
 *   delay     each piece `ms` later, and up to `jitterMs` more by chance, in order all the same
 *   drop      swallowed without a word, in one direction or both: a connection that is half open
 *   reset     each connection ends at once with RST; new ones too
 *   refuse    nobody listens on the port; connections that are there go on
 *   cut       after so many bytes more, in the middle of whatever they belong to, RST; then as `pass`
 *
 * Invariants: bytes of a direction arrive in order and once, or not at all; what was swallowed stays swallowed, so that a
 * connection that lost bytes is never mended; after `close` nothing is open.
 */
import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'

/** up: from the node to the server. */
export type Direction = 'up' | 'down'

export type Fault =
  | { readonly is: 'pass' | 'reset' | 'refuse' }
  | { readonly is: 'delay'; readonly ms: number; readonly jitterMs?: number }
  | { readonly is: 'drop'; readonly direction: Direction | 'both' }
  | { readonly is: 'cut'; readonly direction: Direction; readonly afterBytes: number }

/** A number in [0, 1). */
export type Random = () => number

export interface Counts {
  /** Connections that were made so far. */
  readonly connections: number
  readonly open: number
  /** Bytes that were handed on. */
  readonly up: number
  readonly down: number
  /** Bytes that were swallowed. */
  readonly dropped: number
}

export interface LinkOptions {
  /** Of the server. */
  readonly port: number
  readonly host?: string
  readonly random: Random
}

interface Pair {
  readonly node: Socket
  readonly server: Socket
  /** It has lost bytes that way: what comes after them is of no use. */
  readonly lost: Record<Direction, boolean>
  /** What is on its way, in order. */
  readonly queue: Record<Direction, Piece[]>
}

interface Piece {
  /** ms of the monotonic clock; never before that of the piece in front of it. */
  readonly due: number
  readonly work: () => void
}

export class Link {
  /** Where the node has to connect to. */
  port = 0
  readonly #options: LinkOptions
  readonly #pairs = new Set<Pair>()
  readonly #timers = new Set<NodeJS.Timeout>()
  readonly #counts = { connections: 0, up: 0, down: 0, dropped: 0 }
  #fault: Fault = { is: 'pass' }
  /** Bytes that may pass before the cut. */
  #left = Number.POSITIVE_INFINITY
  #server: Server | undefined

  private constructor(options: LinkOptions) {
    this.#options = options
  }

  static async open(options: LinkOptions): Promise<Link> {
    const link = new Link(options)
    await link.#listen()
    return link
  }

  get counts(): Counts {
    return { ...this.#counts, open: this.#pairs.size }
  }

  /** It holds at once; only what follows `refuse` has to wait until somebody listens again. */
  async switch(fault: Fault): Promise<void> {
    this.#fault = fault
    this.#left = fault.is === 'cut' ? fault.afterBytes : Number.POSITIVE_INFINITY
    if (fault.is === 'reset') this.#resetAll()
    if (fault.is === 'refuse') this.#deafen()
    else await this.#listen()
  }

  async close(): Promise<void> {
    this.#resetAll()
    for (const timer of this.#timers) clearTimeout(timer)
    const server = this.#server
    this.#deafen()
    if (server !== undefined) await once(server, 'close')
  }

  async #listen(): Promise<void> {
    if (this.#server !== undefined) return
    const server = createServer({ allowHalfOpen: true }, (socket) => this.#join(socket))
    this.#server = server
    server.listen(this.port, '127.0.0.1')
    await once(server, 'listening')
    this.port = (server.address() as { port: number }).port
  }

  /** No new connection, at once; those that are there go on. */
  #deafen(): void {
    this.#server?.close()
    this.#server = undefined
  }

  #join(node: Socket): void {
    this.#counts.connections++
    if (this.#fault.is === 'reset') return reset(node.on('error', ignore))
    const { port, host = '127.0.0.1' } = this.#options
    const pair: Pair = {
      ...{ node, server: connect({ port, host, noDelay: true, allowHalfOpen: true }) },
      lost: { up: false, down: false },
      queue: { up: [], down: [] },
    }
    this.#pairs.add(pair)
    node.setNoDelay(true)
    this.#carry(pair, 'up')
    this.#carry(pair, 'down')
  }

  #carry(pair: Pair, direction: Direction): void {
    const from = direction === 'up' ? pair.node : pair.server
    from.on('error', ignore)
    from.on('data', (bytes) => this.#pass(pair, direction, bytes))
    // Who goes is gone on the other side as well, behind what it has said. The end gets lost where bytes get lost.
    from.on('end', () => this.#later(pair, direction, () => this.#say(pair, direction, undefined)))
    from.on('close', () => this.#later(pair, direction, () => this.#part(pair, direction)))
  }

  #pass(pair: Pair, direction: Direction, bytes: Buffer): void {
    if (this.#isDropped(pair, direction)) {
      this.#counts.dropped += bytes.length
      return
    }
    const fault = this.#fault
    if (fault.is !== 'cut' || fault.direction !== direction) return this.#send(pair, direction, bytes)
    const part = bytes.subarray(0, this.#left)
    this.#left -= part.length
    if (part.length === bytes.length) return this.#send(pair, direction, bytes)
    this.#fault = { is: 'pass' }
    this.#cut(pair, direction, part)
  }

  #isDropped({ lost }: Pair, direction: Direction): boolean {
    const fault = this.#fault
    if (fault.is === 'drop' && (fault.direction === 'both' || fault.direction === direction))
      lost[direction] = true
    return lost[direction]
  }

  #send(pair: Pair, direction: Direction, bytes: Buffer): void {
    this.#later(pair, direction, () => this.#say(pair, direction, bytes))
  }

  #say(pair: Pair, direction: Direction, bytes: Buffer | undefined): void {
    const to = direction === 'up' ? pair.server : pair.node
    if (pair.lost[direction] || !to.writable) return
    if (bytes === undefined) return void to.end()
    this.#counts[direction] += bytes.length
    to.write(bytes)
  }

  /** The last bytes arrive, and the reset right behind them. */
  #cut(pair: Pair, direction: Direction, bytes: Buffer): void {
    const to = direction === 'up' ? pair.server : pair.node
    this.#counts[direction] += bytes.length
    pair.lost.up = pair.lost.down = true
    if (bytes.length === 0) return this.#reset(pair)
    to.write(bytes, () => this.#reset(pair))
  }

  /** At once, or when the delay is over; never before what came before it. */
  #later({ queue }: Pair, direction: Direction, work: () => void): void {
    const pieces = queue[direction]
    const now = performance.now()
    const due = Math.max(pieces.at(-1)?.due ?? 0, now + this.#delayMs())
    if (pieces.length === 0 && due <= now) return work()
    if (pieces.push({ due, work }) === 1) this.#next(pieces)
  }

  /** One timer for a direction: two that are due together would fire in any order. */
  #next(pieces: Piece[]): void {
    const [piece] = pieces
    if (piece === undefined) return
    const timer = setTimeout(() => {
      this.#timers.delete(timer)
      piece.work()
      pieces.shift()
      this.#next(pieces)
    }, piece.due - performance.now())
    this.#timers.add(timer)
  }

  #delayMs(): number {
    const fault = this.#fault
    return fault.is === 'delay' ? fault.ms + (fault.jitterMs ?? 0) * this.#options.random() : 0
  }

  /** One side has gone for good. The other learns it, unless nothing of it gets through. */
  #part(pair: Pair, direction: Direction): void {
    const other = direction === 'up' ? pair.server : pair.node
    if (!this.#isDropped(pair, direction)) other.destroy()
    if (pair.node.destroyed && pair.server.destroyed) this.#pairs.delete(pair)
  }

  #resetAll(): void {
    for (const pair of this.#pairs) this.#reset(pair)
  }

  #reset(pair: Pair): void {
    this.#pairs.delete(pair)
    pair.lost.up = pair.lost.down = true
    for (const socket of [pair.node, pair.server]) reset(socket)
  }
}

/** `resetAndDestroy` says a polite goodbye first; with its own flag set, `destroy` sends nothing but the reset. */
function reset(socket: Socket): void {
  Object.assign(socket, { resetAndClosing: true })
  socket.destroy()
}

function ignore(): void {
  // That a connection ended in an error is told by its closing.
}
