/**
 * Reads: what is asked for in one tick is read in one go.
 *
 * Invariant: a read begins after it was asked for; one that fails fails for all who asked along with it.
 */
import { sentKeyOf } from '../bytes/names.ts'
import type { Answer } from '../tiers/contract.ts'
import { listOf, type Driver, type Reply } from './driver.ts'

/** Keys of one command; of large values fewer, so that one answer does not hold up all others. */
const batchMax = 128
const batchBytes = 262_144

/** Makes of bytes what the reader is given. */
type Take<T> = (key: string, bytes: Buffer) => Answer<T>

interface Waiting<T> {
  readonly key: string
  readonly resolve: (taken: Answer<T> | undefined) => void
  readonly reject: (error: unknown) => void
}

export class Reads<T> {
  readonly #driver: Driver
  readonly #take: Take<T>
  readonly #prefix: string
  #waiting: Waiting<T>[] = []
  /** Of a value, as it was of late. */
  #bytes = 0

  constructor(driver: Driver, take: Take<T>) {
    this.#driver = driver
    this.#take = take
    this.#prefix = `${driver.prefix}:e:`
  }

  /** What was made of the bytes under a key; undefined: nothing is there. */
  read(key: string): Promise<T | undefined> {
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

  async #read(batch: readonly Waiting<T>[]): Promise<void> {
    try {
      const [first, ...others] = batch.map(({ key }) => this.#rowOf(key))
      const values = listOf(await this.#driver.call('MGET', first as string | Buffer, ...others))
      for (const [i, each] of batch.entries()) this.#give(each, values[i])
    } catch (error) {
      for (const { reject } of batch) reject(error)
    }
  }

  #rowOf(name: string): string | Buffer {
    const key = sentKeyOf(name)
    return typeof key === 'string' ? this.#prefix + key : Buffer.concat([Buffer.from(this.#prefix), key])
  }

  #give({ key, resolve, reject }: Waiting<T>, bytes: Reply | undefined): void {
    if (!(bytes instanceof Buffer)) return resolve(undefined)
    this.#weigh(bytes.length)
    try {
      resolve(this.#take(key, bytes))
    } catch (error) {
      reject(error)
    }
  }

  /** Large ones count at once, and are forgotten slowly. */
  #weigh(bytes: number): void {
    this.#bytes += (bytes - this.#bytes) / (bytes > this.#bytes ? 2 : 16)
  }
}
