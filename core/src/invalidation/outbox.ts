/**
 * Steps that have to be taken though the queue or the history fails for a while: they are tried until they succeed.
 *
 * Invariants: the steps of one task are taken in order, each successful one once; a failure is told, never
 * swallowed; what `close` leaves undone is what a crash would have left undone, and repaired like that.
 */
import type { Clock, Timer } from '../model/clock.ts'

export type Step = () => Promise<unknown>

export interface OutboxOptions {
  readonly clock: Clock
  readonly onError: (error: unknown, during: string) => void
}

const retryMs = 1000

export class Outbox {
  readonly #clock: Clock
  readonly #onError: OutboxOptions['onError']
  /** Each task's steps that are still to be taken. */
  #tasks: Step[][] = []
  #timer: Timer | undefined
  #retrying = Promise.resolve()
  #closed = false

  constructor(options: OutboxOptions) {
    this.#clock = options.clock
    this.#onError = options.onError
  }

  /** Resolves when the steps are taken, or when one failed and is left for later. */
  async take(...steps: Step[]): Promise<void> {
    try {
      for (let step = steps[0]; step !== undefined; step = steps[0]) {
        await step()
        steps.shift()
      }
    } catch (error) {
      this.#tasks.push(steps)
      this.#arm()
      this.#onError(error, 'recording an invalidation')
    }
  }

  /** Tries once more, then gives up. */
  async close(): Promise<void> {
    this.#closed = true
    this.#timer?.cancel()
    await this.#retrying
    await this.#retry()
  }

  async #retry(): Promise<void> {
    this.#timer = undefined
    const tasks = this.#tasks
    this.#tasks = []
    for (const steps of tasks) await this.take(...steps)
  }

  #arm(): void {
    if (this.#closed) return
    this.#timer ??= this.#clock.schedule(retryMs, () => {
      this.#retrying = this.#retry()
    })
  }
}
