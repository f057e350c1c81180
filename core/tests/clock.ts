/**
 * A clock that a test moves by hand.
 *
 * Invariants: timers run in the order of their time, then of their making; when `advance` or `settle` resolves,
 * every microtask that could run has run; nothing moves but by `advance` and `step`.
 */
import type { Clock, Timer } from '../src/model/clock.ts'

interface Waiting {
  readonly at: number
  readonly work: () => void
}

export class TestClock implements Clock {
  /** How often `turn` was asked for. */
  turns = 0
  #now: number
  /** Time since the clock was made, which `step` does not alter. */
  #elapsed = 0
  readonly #timers = new Set<Waiting>()

  constructor(now = Date.UTC(2026, 0, 1)) {
    this.#now = now
  }

  now(): number {
    return this.#now
  }

  coarseNow(): number {
    return this.#now
  }

  monotonic(): number {
    return this.#elapsed
  }

  schedule(delayMs: number, work: () => void): Timer {
    const timer = { at: this.#elapsed + Math.max(0, delayMs), work }
    this.#timers.add(timer)
    return { cancel: () => this.#timers.delete(timer) }
  }

  turn(): Promise<void> {
    this.turns++
    return Promise.resolve()
  }

  /** Timers that wait. */
  get waiting(): number {
    return this.#timers.size
  }

  /** Lets time pass: runs what falls due, and lets microtasks settle before, between and after. */
  async advance(ms: number): Promise<void> {
    const end = this.#elapsed + ms
    await this.settle()
    for (let timer = this.#next(end); timer !== undefined; timer = this.#next(end)) {
      this.#timers.delete(timer)
      this.#pass(timer.at)
      timer.work()
      await this.settle()
    }
    this.#pass(end)
    await this.settle()
  }

  /** Sets the wall clock forward or back, as an administrator would: timers do not notice. */
  step(ms: number): void {
    this.#now += ms
  }

  /** Lets every microtask run. */
  settle(): Promise<void> {
    return new Promise((resolve) => setImmediate(resolve))
  }

  #pass(elapsed: number): void {
    this.#now += elapsed - this.#elapsed
    this.#elapsed = elapsed
  }

  #next(end: number): Waiting | undefined {
    let first: Waiting | undefined
    for (const timer of this.#timers) {
      if (timer.at <= end && (first === undefined || timer.at < first.at)) first = timer
    }
    return first
  }
}
