/**
 * Batch: steps that are asked for while others are being written go together, into one transaction and one flush.
 *
 * Invariants: steps are taken in the order in which they were asked for; a step that throws undoes the transaction, and
 * all that were in it fail with it, so that a step says by its result what it refuses; one transaction of a batch is
 * under way at a time, and it holds so few steps that others have their turn.
 */
import type { Environment } from './environment.ts'

const stepsMax = 256

interface Step {
  readonly work: () => unknown
  readonly isDurable: boolean
  readonly resolve: (result: unknown) => void
  readonly reject: (error: unknown) => void
}

export interface BatchOptions {
  readonly environment: Pick<Environment, 'transact' | 'flush'>
  /** Called within each transaction, before the first step and after the last. */
  readonly before?: () => void
  readonly after: () => void
}

export class Batch {
  readonly #options: BatchOptions
  readonly #waiting: Step[] = []
  #isRunning = false

  constructor(options: BatchOptions) {
    this.#options = options
  }

  /** Resolves when the step is committed; if it is to be durable, when it is flushed. */
  step<T>(work: () => T, isDurable = false): Promise<T> {
    const done = new Promise<unknown>((resolve, reject) => {
      this.#waiting.push({ work, isDurable, resolve, reject })
    })
    if (!this.#isRunning) {
      this.#isRunning = true
      // Others of this tick come along.
      queueMicrotask(() => void this.#run())
    }
    return done as Promise<T>
  }

  async #run(): Promise<void> {
    while (this.#waiting.length > 0) {
      const steps = this.#waiting.splice(0, stepsMax)
      try {
        this.#settle(steps, await this.#options.environment.transact(() => this.#take(steps)))
      } catch (error) {
        for (const { reject } of steps) reject(error)
      }
    }
    this.#isRunning = false
  }

  #take(steps: readonly Step[]): readonly unknown[] {
    this.#options.before?.()
    const results = steps.map(({ work }) => work())
    this.#options.after()
    return results
  }

  /** Not waited for: the next transaction need not be later for a flush. */
  #settle(steps: readonly Step[], results: readonly unknown[]): void {
    const isFlushed = steps.some(({ isDurable }) => isDurable) ? this.#options.environment.flush() : undefined
    for (const [i, { isDurable, resolve, reject }] of steps.entries()) {
      if (isDurable) isFlushed?.then(() => resolve(results[i]), reject)
      else resolve(results[i])
    }
  }
}
