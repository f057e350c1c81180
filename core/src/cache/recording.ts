/**
 * Recording: writes into the history how invalidations ended.
 *
 *   ended -> gathered -> with the next record of the log, or a moment later, or when somebody asks
 *                        (a history that is in no transaction with the log: only the latter two)
 *
 * Nobody waits for it but who asks for records: a transaction of its own for each would keep the next invalidation waiting.
 * Invariants: whoever asks sees what has ended; a record replaces none that ended before; one that the history does not
 * take is tried again until it does, or too many wait; what a crash leaves unwritten is found under way, and ended by whoever finds it.
 */
import type { History } from '../invalidation/contract.ts'
import { Outbox, type OutboxOptions } from '../invalidation/outbox.ts'
import type { Timer } from '../model/clock.ts'
import type { InvalidationResult, Status } from '../model/invalidation.ts'

/** With the next record of the log they cost no transaction: that is worth waiting for. */
const gatherMs = 100
/** Records that wait for a history which fails: as many as it keeps by default. */
const waitingMax = 10_000
const notEnded: readonly Status[] = ['pending', 'running']

export class Recording {
  readonly #history: History
  readonly #options: OutboxOptions
  readonly #outbox: Outbox
  #gathered: InvalidationResult[] = []
  readonly #writing = new Set<Promise<void>>()
  #timer: Timer | undefined

  constructor(history: History, options: OutboxOptions) {
    this.#history = history
    this.#options = options
    this.#outbox = new Outbox({ ...options, waitingMax })
  }

  add(record: InvalidationResult): void {
    this.#gathered.push(record)
    this.#timer ??= this.#options.clock.schedule(gatherMs, () => this.#write(this.#take()))
  }

  /** What is gathered when `ride` is called goes with the transaction that it is called in, if `step` succeeds; else by itself. */
  alongside<T>(step: (ride: () => void) => Promise<T>): Promise<T> {
    const riding: InvalidationResult[] = []
    let isWritten = false
    const ride = () => {
      // It may be tried more than once.
      isWritten = false
      riding.push(...this.#take())
      for (const record of riding) this.#history.putWithin(record, notEnded)
      isWritten = true
    }
    const stepping = step(ride)
    const writeRest = () => {
      if (!isWritten) this.#write(riding)
    }
    const writeAll = () => this.#write(riding)
    this.#await(stepping.then(writeRest, writeAll))
    return stepping
  }

  /** Resolves when all is written, or was tried. */
  async upToDate(): Promise<void> {
    this.#write(this.#take())
    // What could not go with another is written after that.
    await Promise.all(this.#writing)
    await Promise.all(this.#writing)
  }

  async close(): Promise<void> {
    await this.upToDate()
    await this.#outbox.close()
  }

  #take(): InvalidationResult[] {
    this.#timer?.cancel()
    this.#timer = undefined
    return this.#gathered.splice(0)
  }

  #write(records: readonly InvalidationResult[]): void {
    for (const record of records) {
      const put = () => this.#history.put(record, notEnded)
      this.#await(this.#outbox.take(put))
    }
  }

  #await(work: Promise<void>): void {
    const writing = work.finally(() => this.#writing.delete(writing))
    this.#writing.add(writing)
  }
}
