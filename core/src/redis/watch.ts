/**
 * Watch: waits for news of the log, on a connection of its own.
 *
 * Invariant: it tells what may be new and nothing else: silence of it means nothing, and what it tells is checked.
 */
import type { Since } from '../consistency/contract.ts'
import type { Clock } from '../model/clock.ts'
import { listOf, type Driver, type Reply } from './driver.ts'

export interface WatchOptions {
  readonly clock: Clock
  readonly since: () => Since
  /** @param records of the stream @param generation that they are of, as far as is known */
  readonly onNews: (records: Reply, generation: string) => void
}

/** A connection that was cut silently is noticed by it. */
const blockMs = 1000
const restMs = 100

export class Watch {
  readonly #driver: Driver
  readonly #options: WatchOptions
  #isClosed = false
  #ended: Promise<void> | undefined

  constructor(driver: Driver, options: WatchOptions) {
    this.#driver = driver
    this.#options = options
  }

  begin(): void {
    this.#ended ??= this.#watch()
  }

  async close(): Promise<void> {
    this.#isClosed = true
  }

  async #watch(): Promise<void> {
    while (!this.#isClosed) {
      const { generation, applied } = this.#options.since()
      try {
        await this.#look(generation, applied)
      } catch {
        // The sync that goes on beside tells of what is wrong with the server.
        await new Promise<void>((resolve) => this.#options.clock.schedule(restMs, resolve))
      }
    }
  }

  async #look(generation: string, applied: number): Promise<void> {
    const { prefix } = this.#driver
    const reply = await this.#driver.wait(
      blockMs,
      'XREAD',
      ...['COUNT', 500, 'BLOCK', blockMs, 'STREAMS', `${prefix}:log`, `${applied}-0`],
    )
    if (reply === null || this.#isClosed) return
    // RESP2: a list of streams, each with its name and records; RESP3: pairs of the same, flat.
    const [first, second] = listOf(reply)
    const records = Array.isArray(first) ? listOf(first)[1] : second
    if (records !== undefined) this.#options.onNews(records, generation)
  }
}
