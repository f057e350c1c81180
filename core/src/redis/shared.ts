/**
 * A connection that several caches ask through: each has a prefix of its own, and waits for news on a line of its own.
 *
 * Invariant: it is there from the first cache that is opened with it to the last that is closed.
 */
import { checkKnown } from '../model/known.ts'
import { checkAddress } from './address.ts'
import type { ConnectionOptions } from './connection.ts'
import { Line, type LineOptions } from './line.ts'

/** Opaque: to be given to `redis({ connection })`. */
export interface RedisConnection {
  readonly options: ConnectionOptions
}

export class SharedConnection implements RedisConnection {
  readonly options: ConnectionOptions
  /** Hashes of the scripts that the server has been sent since the connection was made. */
  readonly sent = new Set<string>()
  #line: Line | undefined
  #users = 0

  constructor(options: ConnectionOptions) {
    this.options = options
  }

  join(how: LineOptions): Line {
    this.#users++
    if (this.#line === undefined) {
      this.#line = new Line(this.options, how)
      this.#line.onReady(() => this.sent.clear())
    }
    return this.#line
  }

  async leave(): Promise<void> {
    if (--this.#users > 0) return
    const line = this.#line
    this.#line = undefined
    await line?.close()
  }
}

export const connectionOptions: readonly (keyof ConnectionOptions)[] = [
  'url',
  'cluster',
  'sentinel',
  'username',
  'password',
  'tls',
]

/**
 * One connection for several caches: `const home = redisConnection({ url })`, then `redis({ connection: home, prefix: 'a' })`
 * and `redis({ connection: home, prefix: 'b' })`. It is opened with the first and closed with the last of them.
 * @throws E_OPTIONS_INVALID
 */
export function redisConnection(options: ConnectionOptions = {}): RedisConnection {
  checkKnown(options, connectionOptions, 'redisConnection')
  checkAddress(options, 'redisConnection')
  return new SharedConnection(options)
}
