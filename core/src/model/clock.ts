/**
 * Time and chance come in through these contracts, so that a test or a simulator can hold them.
 * This is the only file of the library that asks the machine for either.
 */
export type Timer = { cancel(): void }

export interface Clock {
  /** Wall time, ms since 1970. */
  now(): number
  /**
   * Wall time that may lag `now()` by about 1 ms, by the length of the running synchronous work, or by some hundred
   * calls: for lifetimes, where that does not matter, on the path of every hit, where the price of `now()` does.
   */
  coarseNow(): number
  /** Time since some moment of the past, in ms: nobody sets it forward or back. On Linux it stands still in suspend. */
  monotonic(): number
  /** Runs `work` once after `delayMs`. A waiting timer does not keep the process alive unless `keepAlive`. */
  schedule(delayMs: number, work: () => void, keepAlive?: boolean): Timer
  /** Resolves after other work of the event loop had its turn. */
  turn(): Promise<void>
}

/** A number in [0, 1). */
export type Random = () => number

export const systemRandom: Random = () => Math.random()

export function systemClock(): Clock {
  return new SystemClock()
}

/** Calls after which the time is looked up again: promises that follow each other let no timer fire. */
const usesMax = 256

class SystemClock implements Clock {
  #coarse = 0
  #uses = 0
  #timer: NodeJS.Timeout | undefined
  readonly #forget = () => {
    this.#coarse = 0
    this.#timer = undefined
  }

  now(): number {
    return Date.now()
  }

  coarseNow(): number {
    return this.#coarse === 0 || ++this.#uses > usesMax ? this.#look() : this.#coarse
  }

  monotonic(): number {
    return performance.now()
  }

  schedule(delayMs: number, work: () => void, keepAlive = false): Timer {
    // Node fires at once what is set for longer than 2^31 - 1 ms.
    const timer = setTimeout(work, Math.min(delayMs, 2 ** 31 - 1))
    if (!keepAlive) timer.unref()
    return { cancel: () => clearTimeout(timer) }
  }

  turn(): Promise<void> {
    return new Promise((resolve) => setImmediate(resolve))
  }

  #look(): number {
    this.#coarse = Date.now()
    this.#uses = 0
    this.#timer ??= setTimeout(this.#forget, 1).unref()
    return this.#coarse
  }
}
