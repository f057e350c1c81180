/**
 * Watch: waits for news of the log, on a connection of its own.
 *
 * Invariants: it tells what may be new and nothing else: silence of it means nothing, and what it tells is checked; it
 * asks no more than ten times a second if nothing comes of it.
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
      const before = this.#options.since()
      const isOver = await this.#look(before).catch(() => true)
      // Either the server is not to be heard, or what it told did not move us on: it would tell the same at once. Both
      // are for the sync that goes on beside.
      if (isOver && !this.#isClosed && isSame(before, this.#options.since())) await this.#rest()
    }
  }

  /** @returns whether there were news */
  async #look({ generation, applied }: Since): Promise<boolean> {
    const { prefix } = this.#driver
    const reply = await this.#driver.wait(
      blockMs,
      'XREAD',
      ...['COUNT', 500, 'BLOCK', blockMs, 'STREAMS', `${prefix}:log`, `${applied}-0`],
    )
    if (reply === null || this.#isClosed) return false
    // A list of streams, each with its name and records.
    const [stream] = listOf(reply)
    this.#options.onNews(listOf(stream)[1] as Reply, generation)
    return true
  }

  #rest(): Promise<void> {
    return new Promise((resolve) => this.#options.clock.schedule(restMs, resolve))
  }
}

function isSame(a: Since, b: Since): boolean {
  return a.generation === b.generation && a.applied === b.applied
}
