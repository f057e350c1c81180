/**
 * Line: one connection to the server (to each server of a cluster), and what is known of it.
 *
 * Invariants: what is asked before the first connection waits for it, or for the news that there is none; after that a
 * call is sent at once or rejected; it is sent once at most; it settles within the limit, whatever becomes of the
 * connection; after `close` nothing is left that keeps a process alive.
 */
import { Command } from 'ioredis'
import type { Clock, Random } from '../model/clock.ts'
import { openConnection, type Connection, type ConnectionOptions } from './connection.ts'
import type { Arg, Reply } from './driver.ts'
import { told } from './told.ts'

export interface LineOptions {
  readonly clock: Clock
  readonly random: Random
  /** A server that answers nothing for so long counts as unreachable. */
  readonly limitMs: number
}

export class Line {
  readonly #connection: Connection
  /** Settles when the first connection is there, or could not be made in time. Never rejects. */
  readonly #first: Promise<void>
  #isFirst = true
  /** How many there were so far. */
  #connections = 0
  #failure: unknown

  constructor(options: ConnectionOptions, { clock, random, limitMs }: LineOptions) {
    this.#connection = openConnection(options, { random, limitMs })
    this.#connection.on('error', (error: unknown) => (this.#failure = error))
    this.#connection.on('ready', () => {
      this.#failure = undefined
      this.#connections++
    })
    this.#first = this.#attempt(clock, limitMs).then(() => {
      this.#isFirst = false
    })
  }

  get isReady(): boolean {
    return this.#connection.status === 'ready'
  }

  get connections(): number {
    return this.#connections
  }

  /** Each time that there is a connection. */
  onReady(listener: () => void): void {
    this.#connection.on('ready', listener)
  }

  ask(command: string, args: readonly Arg[]): Promise<Reply> {
    return this.#send(() => this.#connection.callBuffer(command, args.map(sendable)))
  }

  /** One that names no key, to the server of a cluster that has this one: by itself it would go to any of them. */
  askBeside(key: string, command: string, args: readonly number[]): Promise<Reply> {
    const beside = { slot: new Command('GET', [key]).getSlot() }
    return this.#send(() => this.#connection.sendCommand(new Command(command, [...args]), undefined, beside))
  }

  async close(): Promise<void> {
    const { status } = this.#connection
    this.#failure = new Error('it was closed here')
    const ended = new Promise<void>((resolve) => this.#connection.once('end', resolve))
    this.#connection.disconnect()
    // What waits to be made again is given up at once, without a word.
    if (['connecting', 'connect', 'ready'].includes(status)) await ended
  }

  async #send(send: () => unknown): Promise<Reply> {
    if (this.#isFirst) await this.#first
    try {
      return (await send()) as Reply
    } catch (error) {
      throw told(error, this.#failure)
    }
  }

  async #attempt(clock: Clock, limitMs: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = clock.schedule(limitMs, () => done())
      const done = () => {
        timer.cancel()
        resolve()
      }
      for (const event of ['ready', 'error', 'end']) this.#connection.once(event, done)
    })
  }
}

/** ioredis knows no bytes but a Buffer. */
function sendable(arg: Arg): string | number | Buffer {
  if (typeof arg !== 'object' || arg instanceof Buffer) return arg
  return Buffer.from(arg.buffer, arg.byteOffset, arg.byteLength)
}
