/**
 * The client: ioredis as a driver. One line for what is asked, others for what waits.
 *
 * Why ioredis: docs/redis.md, `npm run bench -- redis`. Its traps are left out in connection.ts.
 */
import type { Clock, Random } from '../model/clock.ts'
import { StaleproofError } from '../model/errors.ts'
import type { ConnectionOptions } from './connection.ts'
import { numberOf, type Arg, type Driver, type Reply, type Script } from './driver.ts'
import { Line } from './line.ts'
import { SharedConnection } from './shared.ts'

export type { ConnectionOptions } from './connection.ts'

export interface ClientSurroundings {
  readonly clock: Clock
  readonly random: Random
}

/** A server that answers nothing for so long counts as unreachable. */
const answerMs = 2000

export class RedisClient implements Driver {
  readonly prefix: string
  readonly #connection: SharedConnection
  readonly #around: ClientSurroundings
  readonly #asking: Line
  /** limitMs -> line: a call that waits holds up what comes after it, so that nothing else is asked there. */
  readonly #waiting = new Map<number, Line>()
  #isClosed = false
  #lastWait: Promise<unknown> = Promise.resolve()
  #nextWait: Promise<Reply> | undefined

  constructor(to: ConnectionOptions | SharedConnection, prefix: string, around: ClientSurroundings) {
    this.#connection = to instanceof SharedConnection ? to : new SharedConnection(to)
    this.#around = around
    // A hash tag: a cluster keeps all keys of it on one node, so that a script may use them.
    this.prefix = `{${prefix}}`
    this.#asking = this.#connection.join({ ...around, limitMs: answerMs })
  }

  get isConnected(): boolean {
    return this.#asking.isReady
  }

  onConnect(listener: () => void): void {
    this.#asking.onReady(listener)
  }

  /** The first time whole, so that what is asked in the same tick stays in order; then by its hash. */
  async run(script: Script, args: readonly Arg[]): Promise<Reply> {
    if (!this.#connection.sent.has(script.sha)) return this.#whole(script, args)
    try {
      return await this.#asking.ask('EVALSHA', [script.sha, 1, this.prefix, ...args])
    } catch (error) {
      if (!isUnknownScript(error)) throw error
      return this.#whole(script, args)
    }
  }

  call(command: string, key: string | Uint8Array, ...args: readonly Arg[]): Promise<Reply> {
    return this.#asking.ask(command, [key, ...args])
  }

  async wait(limitMs: number, command: string, ...args: readonly Arg[]): Promise<Reply> {
    if (this.#isClosed) throw new StaleproofError('E_REDIS_UNREACHABLE', 'Redis: it was closed here')
    const line =
      this.#waiting.get(limitMs) ??
      new Line(this.#connection.options, { ...this.#around, limitMs: limitMs + answerMs })
    this.#waiting.set(limitMs, line)
    return line.ask(command, args)
  }

  /** Those who ask while one waits share the next: each would hold up the connection for as long. */
  async replicated(replicas: number, limitMs: number): Promise<number> {
    const wait = () => this.#asking.askBeside(this.prefix, 'WAIT', [replicas, limitMs])
    // A cluster makes the connection to one of its servers anew without a word.
    if (this.#connection.options.cluster !== undefined) return numberOf(await wait())
    const { connections } = this.#asking
    this.#nextWait ??= this.#lastWait.then(() => {
      this.#nextWait = undefined
      const waiting = wait()
      this.#lastWait = waiting.catch(() => undefined)
      return waiting
    })
    const count = numberOf(await this.#nextWait)
    // On another connection there is nothing to wait for: it says at once that all have it.
    if (connections === this.#asking.connections) return count
    throw new StaleproofError(
      'E_REDIS_UNREACHABLE',
      'Redis: the connection broke before the replicas had answered',
    )
  }

  async close(): Promise<void> {
    this.#isClosed = true
    const waiting = [...this.#waiting.values()].map((line) => line.close())
    await Promise.all([this.#connection.leave(), ...waiting])
  }

  #whole({ text, sha }: Script, args: readonly Arg[]): Promise<Reply> {
    this.#connection.sent.add(sha)
    return this.#asking.ask('EVAL', [text, 1, this.prefix, ...args])
  }
}

function isUnknownScript(error: unknown): boolean {
  const { cause } = error as { cause?: unknown }
  return cause instanceof Error && cause.message.startsWith('NOSCRIPT')
}
