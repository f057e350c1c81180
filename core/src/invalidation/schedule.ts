/**
 * When the queue is worked on: every so often, or as a cron expression says.
 *
 * Invariants: a tick is never before its time; ticks missed while the process stood still are made up for by one;
 * a wall clock set back delays the next tick by one interval at most.
 */
import { Cron } from 'croner'
import type { Clock, Timer } from '../model/clock.ts'
import { StaleproofError } from '../model/errors.ts'
import { type Duration, positiveDurationMs } from '../model/quantity.ts'

/** The time of the first tick after `after`, ms since 1970; Infinity if none is left. */
export type Schedule = (after: number) => number

export interface ScheduleOptions {
  /** Time from tick to tick. */
  readonly interval?: Duration | undefined
  /** Five fields, or six with seconds first, in local time: `'0 3 * * *'` is every night at three. */
  readonly cron?: string | undefined
}

/**
 * @param what names the options in messages: `strategies.scheduled`
 * @throws E_OPTIONS_INVALID, E_DURATION_INVALID
 */
export function scheduleOf(options: ScheduleOptions, fallback: Duration, what: string): Schedule {
  if (options.cron === undefined) return every(options.interval ?? fallback, `${what}.interval`)
  if (options.interval === undefined) return cron(options.cron, `${what}.cron`)
  throw new StaleproofError(
    'E_OPTIONS_INVALID',
    `${what} has both interval and cron; give one of them, as each alone says when to tick`,
    { details: { option: what } },
  )
}

function every(interval: Duration, what: string): Schedule {
  const intervalMs = positiveDurationMs(interval, what)
  return (after) => after + intervalMs
}

function cron(expression: string, what: string): Schedule {
  const pattern = parse(expression, what)
  return (after) => pattern.nextRun(new Date(after))?.getTime() ?? Number.POSITIVE_INFINITY
}

function parse(expression: string, what: string): Cron {
  try {
    return new Cron(expression)
  } catch (cause) {
    throw new StaleproofError(
      'E_OPTIONS_INVALID',
      `${what} is '${expression}', which is not a cron expression: ` +
        `${cause instanceof Error ? cause.message : String(cause)}; give five fields such as '*/5 * * * *'`,
      { cause, details: { option: what, value: expression } },
    )
  }
}

/** Calls `onTick` at each time of a schedule, from its making until `stop`. */
export class Ticker {
  readonly #clock: Clock
  readonly #schedule: Schedule
  readonly #onTick: () => void
  #at: number
  #timer: Timer | undefined

  constructor(clock: Clock, schedule: Schedule, onTick: () => void) {
    this.#clock = clock
    this.#schedule = schedule
    this.#onTick = onTick
    this.#at = schedule(clock.now())
    this.#arm()
  }

  /** Time of the next tick, ms since 1970; Infinity if none is left. */
  get at(): number {
    return this.#at
  }

  stop(): void {
    this.#timer?.cancel()
    this.#timer = undefined
    this.#at = Number.POSITIVE_INFINITY
  }

  #arm(): void {
    if (this.#at === Number.POSITIVE_INFINITY) return
    // A timer counts time that passes; only a look now and then sees that the wall clock was set.
    const delayMs = Math.min(Math.max(0, this.#at - this.#clock.now()), lookAgainMs)
    this.#timer = this.#clock.schedule(delayMs, () => this.#wake())
  }

  #wake(): void {
    const now = this.#clock.now()
    const next = this.#schedule(now)
    const isDue = now >= this.#at
    this.#at = isDue ? next : Math.min(this.#at, next)
    this.#arm()
    if (isDue) this.#onTick()
  }
}

const lookAgainMs = 3_600_000

/** Calls at single times, one for each that was asked for, however often. */
export class Alarms<Key extends string> {
  readonly #clock: Clock
  readonly #onAlarm: (key: Key, at: number) => void
  /** key and time -> the timer that waits for it. */
  readonly #timers = new Map<string, Timer>()

  constructor(clock: Clock, onAlarm: (key: Key, at: number) => void) {
    this.#clock = clock
    this.#onAlarm = onAlarm
  }

  set(key: Key, at: number): void {
    const id = `${key} ${at}`
    if (this.#timers.has(id)) return
    const timer = this.#clock.schedule(Math.max(0, at - this.#clock.now()), () => {
      this.#timers.delete(id)
      // A timer may fire a moment before its time by the wall clock.
      this.#onAlarm(key, Math.max(at, this.#clock.now()))
    })
    this.#timers.set(id, timer)
  }

  stop(): void {
    for (const timer of this.#timers.values()) timer.cancel()
    this.#timers.clear()
  }
}
