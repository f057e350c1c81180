/**
 * A clock that only its owner moves.
 *
 * Invariants: timers run in the order of their time, then of their making; a timer runs within `advance`, and what
 * it starts goes on by itself; nothing moves but by `advance`.
 */
import type { Clock, Timer } from 'staleproof'

interface Waiting {
  readonly at: number
  readonly work: () => void
}

export class HandClock implements Clock {
  #now = Date.UTC(2026, 0, 1)
  readonly #timers = new Set<Waiting>()

  now(): number {
    return this.#now
  }

  coarseNow(): number {
    return this.#now
  }

  monotonic(): number {
    return this.#now
  }

  schedule(delayMs: number, work: () => void): Timer {
    const timer = { at: this.#now + Math.max(0, delayMs), work }
    this.#timers.add(timer)
    return { cancel: () => this.#timers.delete(timer) }
  }

  turn(): Promise<void> {
    return Promise.resolve()
  }

  advance(ms: number): void {
    const end = this.#now + ms
    for (let timer = this.#next(end); timer !== undefined; timer = this.#next(end)) {
      this.#timers.delete(timer)
      this.#now = Math.max(this.#now, timer.at)
      timer.work()
    }
    this.#now = end
  }

  #next(end: number): Waiting | undefined {
    let first: Waiting | undefined
    for (const timer of this.#timers) {
      if (timer.at <= end && (first === undefined || timer.at < first.at)) first = timer
    }
    return first
  }
}

/** The same, on which work in slices takes time: some turns of the event loop, and every look at the clock a little. */
export class SlowClock extends HandClock {
  readonly #lookMs: number
  #looks = 0

  /** @param lookMs 0: a slice has no end but its first stride */
  constructor(lookMs: number) {
    super()
    this.#lookMs = lookMs
  }

  override now(): number {
    return super.now() + this.#looks++ * this.#lookMs
  }

  override async turn(): Promise<void> {
    for (let i = 0; i < 3; i++) await new Promise((resolve) => setImmediate(resolve))
  }
}
