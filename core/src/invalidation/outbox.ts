/**
 * Steps that have to be taken though the queue or the history fails for a while: they are tried until they succeed.
 *
 * Invariants: the steps of one task are taken in order, each successful one once; a failure is told, the first of each
 * round for all of it; a round of retries ends after a few failures, however many tasks wait, and none is for ever behind those
 * that fail; what `close` leaves undone is what a crash would have left undone, and repaired like that; of more tasks than
 * may wait the oldest are given up, and each round tells how many.
 */
import type { Clock, Timer } from '../model/clock.ts'
import { StaleproofError } from '../model/errors.ts'

export type Step = () => Promise<unknown>

export interface OutboxOptions {
  readonly clock: Clock
  readonly onError: (error: unknown, during: string) => void
  /** Tasks that may wait. Default: any number. */
  readonly waitingMax?: number
}

const retryMs = 1000
/** Failures in a round after which the rest is left for the next one. */
const failuresMax = 10

export class Outbox {
  readonly #clock: Clock
  readonly #onError: OutboxOptions['onError']
  readonly #waitingMax: number
  /** Each task's steps that are still to be taken. */
  #tasks: Step[][] = []
  /** A failure of this round was told. */
  #isTold = false
  /** Tasks that were given up since that was told last. */
  #givenUp = 0
  #timer: Timer | undefined
  #retrying: Promise<void> | undefined
  #closed = false

  constructor(options: OutboxOptions) {
    this.#clock = options.clock
    this.#onError = options.onError
    this.#waitingMax = options.waitingMax ?? Infinity
  }

  /** Resolves when the steps are taken, or when one failed and is left for later. */
  async take(...steps: Step[]): Promise<void> {
    if (!(await this.#try(steps))) this.#arm()
  }

  /** Tries once more, then gives up. */
  async close(): Promise<void> {
    this.#closed = true
    this.#timer?.cancel()
    await this.#retrying
    await this.#retry()
  }

  /** @returns whether all steps are taken; else the others wait behind what waits already */
  async #try(steps: Step[]): Promise<boolean> {
    try {
      for (let step = steps[0]; step !== undefined; step = steps[0]) {
        await step()
        steps.shift()
      }
      return true
    } catch (error) {
      this.#tasks.push(steps)
      if (!this.#isTold) this.#onError(error, 'recording an invalidation')
      this.#isTold = true
      this.#giveUp()
      return false
    }
  }

  #giveUp(): void {
    const { length } = this.#tasks.splice(0, this.#tasks.length - this.#waitingMax)
    this.#givenUp += length
  }

  /** Once for all: there may be thousands a second. A round follows whatever was given up, since others wait then. */
  #tellGivenUp(): void {
    if (this.#givenUp === 0) return
    const message = `${this.#waitingMax} may wait to be recorded, and more came: the oldest will not be; given up: ${this.#givenUp}`
    this.#givenUp = 0
    this.#onError(new StaleproofError('E_INVALIDATION_UNRECORDED', message), 'recording an invalidation')
  }

  async #retry(): Promise<void> {
    const tasks = this.#tasks
    this.#tasks = []
    this.#isTold = false
    let [tried, failures] = [0, 0]
    for (const steps of tasks) {
      tried++
      if (!(await this.#try(steps)) && ++failures === failuresMax) break
    }
    this.#tasks = [...tasks.slice(tried), ...this.#tasks]
    this.#giveUp()
    this.#tellGivenUp()
  }

  #arm(): void {
    if (this.#closed || this.#retrying !== undefined) return
    this.#timer ??= this.#clock.schedule(retryMs, () => {
      this.#timer = undefined
      this.#retrying = this.#retry().finally(() => {
        this.#retrying = undefined
        if (this.#tasks.length > 0) this.#arm()
      })
    })
  }
}
