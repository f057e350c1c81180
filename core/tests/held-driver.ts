/**
 * A driver that a test watches and holds up: `before` comes before a script is sent; an answer gets lost when `loses` says
 * so, though what was asked was done.
 */
import { StaleproofError } from '../src/model/errors.ts'
import type { Arg, Driver, Reply, Script } from '../src/redis/driver.ts'

export class HeldDriver implements Driver {
  /** Scripts by their SHA, and commands by their name. */
  readonly asked: string[] = []
  before: ((script: Script) => Promise<unknown> | undefined) | undefined
  loses: (script: Script) => boolean = () => false
  readonly #driver: Driver

  constructor(driver: Driver) {
    this.#driver = driver
  }

  get prefix(): string {
    return this.#driver.prefix
  }

  get isConnected(): boolean {
    return this.#driver.isConnected
  }

  async run(script: Script, args: readonly Arg[]): Promise<Reply> {
    this.asked.push(script.sha)
    const isLost = this.loses(script)
    const before = this.before?.(script)
    if (before !== undefined) await before
    const reply = await this.#driver.run(script, args)
    if (isLost) throw new StaleproofError('E_REDIS_UNREACHABLE', 'the answer got lost')
    return reply
  }

  call(command: string, key: string | Uint8Array, ...args: readonly Arg[]): Promise<Reply> {
    this.asked.push(command)
    return this.#driver.call(command, key, ...args)
  }

  wait(limitMs: number, command: string, ...args: readonly Arg[]): Promise<Reply> {
    return this.#driver.wait(limitMs, command, ...args)
  }

  replicated(replicas: number, limitMs: number): Promise<number> {
    return this.#driver.replicated(replicas, limitMs)
  }

  onConnect(listener: () => void): void {
    this.#driver.onConnect(listener)
  }

  /** The other goes on: it may not be held by this one alone. */
  async close(): Promise<void> {}
}

/** Does that once, before the first run of the script. */
export function onceBefore(script: Script, work: () => Promise<unknown>): HeldDriver['before'] {
  let isOver = false
  return (each) => {
    if (each !== script || isOver) return undefined
    isOver = true
    return work()
  }
}
