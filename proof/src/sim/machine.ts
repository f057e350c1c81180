/**
 * A machine: the clock of one process, and whatever comes to it from outside.
 *
 *   running --stop--> stopped (monotonic time goes on) --go--> running: what waited happens now
 *           --suspend--> suspended (it stands still, the wall clock goes on) --go--> running
 *
 * Invariants: nothing of the process happens while it is stopped, and nothing ever when it is dead; both of its clocks
 * go by their own rate, within half a percent of true time.
 */
import type { Clock, Timer } from 'staleproof'
import type { Chance } from './chance.ts'
import type { Event, Timeline } from './timeline.ts'

/** A timer may come so much too early, as rates are multiplied. */
const roundingMs = 1e-6
const began = Date.UTC(2026, 0, 1)

/** ms since 1970 of a moment of the timeline: a clock that is right says so. */
export function trueTime(at: number): number {
  return Math.floor(began + at)
}

export class Machine implements Clock {
  isStopped = false
  isDead = false
  readonly #timeline: Timeline
  readonly #chance: Chance
  readonly #rate: number
  readonly #wallRate: number
  #wallOffset: number
  /** True time that it was suspended for, altogether; and since when it is. */
  #suspended = 0
  #suspendedSince: number | undefined
  #waiting: { readonly isTimer: boolean; readonly work: () => void }[] = []

  /** @param wallWithinMs how far its wall clock may be from the truth */
  constructor(timeline: Timeline, chance: Chance, wallWithinMs: number) {
    this.#timeline = timeline
    this.#chance = chance
    this.#rate = 1 + chance.between(-0.005, 0.005)
    this.#wallRate = 1 + chance.between(-0.005, 0.005)
    this.#wallOffset = chance.between(-wallWithinMs, wallWithinMs)
  }

  now(): number {
    return Math.floor(began + this.#wallOffset + this.#timeline.now * this.#wallRate)
  }

  coarseNow(): number {
    return this.now()
  }

  monotonic(): number {
    const until = this.#suspendedSince ?? this.#timeline.now
    return (until - this.#suspended) * this.#rate + 1000
  }

  schedule(delayMs: number, work: () => void): Timer {
    const due = this.monotonic() + Math.max(0, delayMs)
    let isCancelled = false
    let event: Event | undefined
    const fire = () => {
      if (isCancelled) return
      const left = due - this.monotonic()
      if (left > roundingMs) event = this.#timeline.after(left / this.#rate, arrive)
      else work()
    }
    const arrive = () => this.#happen(fire, true)
    // Whoever finds that it is a rounding too early, and waits for the rest, has to get on.
    event = this.#timeline.after(Math.max(2 * roundingMs, delayMs) / this.#rate, arrive)
    return {
      cancel: () => {
        isCancelled = true
        if (event !== undefined) event.work = undefined
      },
    }
  }

  turn(): Promise<void> {
    return Promise.resolve()
  }

  /** Something comes from outside. */
  receive(work: () => void): void {
    this.#happen(work, false)
  }

  stop(isSuspended: boolean): void {
    if (this.isStopped) return
    this.isStopped = true
    if (isSuspended) this.#suspendedSince = this.#timeline.now
  }

  go(): void {
    if (!this.isStopped) return
    if (this.#suspendedSince !== undefined) this.#suspended += this.#timeline.now - this.#suspendedSince
    this.#suspendedSince = undefined
    this.isStopped = false
    const waiting = this.#waiting
    this.#waiting = []
    // Some event loops look at their timers first.
    const timersFirst = this.#chance.is(0.5)
    const rank = (one: { isTimer: boolean }) => (one.isTimer === timersFirst ? 0 : 1)
    waiting.sort((a, b) => rank(a) - rank(b))
    for (const { work, isTimer } of waiting) this.#timeline.after(0, () => this.#happen(work, isTimer))
  }

  die(): void {
    this.isDead = true
    this.#waiting = []
  }

  /** Somebody sets the wall clock. */
  step(ms: number): void {
    this.#wallOffset += ms
  }

  #happen(work: () => void, isTimer: boolean): void {
    if (this.isDead) return
    if (this.isStopped) this.#waiting.push({ work, isTimer })
    else work()
  }
}
