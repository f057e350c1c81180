/**
 * Reads: what is asked for in one tick is read in one go.
 *
 * Invariant: a read begins after it was asked for; one that fails fails for all who asked along with it.
 */
import { listOf, type Driver, type Reply } from './driver.ts'

/** Keys of one command; of large values fewer, so that one answer does not hold up all others. */
const batchMax = 128
const batchBytes = 262_144

interface Waiting {
  readonly key: Buffer
  readonly resolve: (bytes: Reply | undefined) => void
  readonly reject: (error: unknown) => void
}

export class Reads {
  readonly #driver: Driver
  readonly #prefix: Buffer
  #waiting: Waiting[] = []
  /** Of a value, as it was of late. */
  #bytes = 0

  constructor(driver: Driver) {
    this.#driver = driver
    this.#prefix = Buffer.from(`${driver.prefix}:e:`)
  }

  /** The bytes under a key; null: nothing. */
  read(key: Buffer): Promise<Reply | undefined> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ key, resolve, reject })
      // When all that can go on now has gone on.
      if (this.#waiting.length === 1) queueMicrotask(() => process.nextTick(() => this.#begin()))
    })
  }

  #begin(): void {
    const waiting = this.#waiting
    this.#waiting = []
    const most = Math.max(1, Math.min(batchMax, Math.floor(batchBytes / (this.#bytes + 1))))
    for (let at = 0; at < waiting.length; at += most) void this.#read(waiting.slice(at, at + most))
  }

  async #read(batch: readonly Waiting[]): Promise<void> {
    const [first, ...others] = batch.map(({ key }) => Buffer.concat([this.#prefix, key]))
    try {
      const values = listOf(await this.#driver.call('MGET', first as Buffer, ...others))
      for (const value of values) if (value instanceof Buffer) this.#weigh(value.length)
      for (const [i, { resolve }] of batch.entries()) resolve(values[i])
    } catch (error) {
      for (const { reject } of batch) reject(error)
    }
  }

  /** Large ones count at once, and are forgotten slowly. */
  #weigh(bytes: number): void {
    this.#bytes += (bytes - this.#bytes) / (bytes > this.#bytes ? 2 : 16)
  }
}
