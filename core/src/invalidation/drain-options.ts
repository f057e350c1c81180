/**
 * What a drain is made of, and its rules with every default decided.
 */
import type { Growth } from '../model/backoff.ts'
import type { Clock, Random } from '../model/clock.ts'
import type { Consistency, InvalidationResult } from '../model/invalidation.ts'
import { count, type Duration, durationMs } from '../model/quantity.ts'
import type { History, Perform, Queue, QueuedStrategy } from './contract.ts'
import { type Schedule, type ScheduleOptions, scheduleOf } from './schedule.ts'

export interface QueuedStrategyOptions extends ScheduleOptions {
  /** Lower goes first. Default: scheduled 2, background 4. */
  readonly priority?: number | undefined
  /** Most distinct names a batch. Default: scheduled 100, background 1000. */
  readonly batch?: number | undefined
}

export interface RetryOptions {
  /** Further runs after one that failed. Default: strict 3, eventual 1, relaxed 0. */
  readonly retries?: number | undefined
  /** Wait before each of them; of queued ones it doubles from one to the next, to a minute at most. Default 1 s. */
  readonly retryDelay?: Duration | undefined
}

export interface DrainOptions {
  readonly clock: Clock
  readonly random: Random
  readonly queue: Queue
  readonly history: History
  readonly perform: Perform
  /** A record was made, or changed its status. */
  readonly onRecord: (record: InvalidationResult) => void
  /** Something failed that no caller is there to be told. */
  readonly onError: (error: unknown, during: string) => void
  readonly strategies?: Partial<Readonly<Record<QueuedStrategy, QueuedStrategyOptions>>> | undefined
  readonly consistency?: Partial<Readonly<Record<Consistency, RetryOptions>>> | undefined
}

export interface StrategyRules {
  readonly priority: number
  readonly namesMax: number
  readonly schedule: Schedule
}

export interface RetryRules {
  readonly retries: number
  readonly delayMs: number
}

export interface DrainRules {
  readonly strategies: Readonly<Record<QueuedStrategy, StrategyRules>>
  readonly retries: Readonly<Record<Consistency, RetryRules>>
}

const strategyDefaults = {
  scheduled: { priority: 2, batch: 100, interval: '300s' },
  background: { priority: 4, batch: 1000, interval: '60s' },
} as const

const retryDefaults: Readonly<Record<Consistency, number>> = { strict: 3, eventual: 1, relaxed: 0 }

/** @throws E_OPTIONS_INVALID, E_COUNT_INVALID, E_DURATION_INVALID */
export function drainRules(options: Pick<DrainOptions, 'strategies' | 'consistency'>): DrainRules {
  const { strategies = {}, consistency = {} } = options
  return {
    strategies: {
      scheduled: strategyRules('scheduled', strategies.scheduled),
      background: strategyRules('background', strategies.background),
    },
    retries: {
      strict: retryRules('strict', consistency.strict),
      eventual: retryRules('eventual', consistency.eventual),
      relaxed: retryRules('relaxed', consistency.relaxed),
    },
  }
}

function strategyRules(strategy: QueuedStrategy, options: QueuedStrategyOptions = {}): StrategyRules {
  const defaults = strategyDefaults[strategy]
  const what = `strategies.${strategy}`
  return {
    priority: count(options.priority ?? defaults.priority, `${what}.priority`, 0),
    namesMax: count(options.batch ?? defaults.batch, `${what}.batch`),
    schedule: scheduleOf(options, defaults.interval, what),
  }
}

function retryRules(consistency: Consistency, options: RetryOptions = {}): RetryRules {
  return {
    retries: count(options.retries ?? retryDefaults[consistency], `consistency.${consistency}.retries`, 0),
    delayMs: durationMs(options.retryDelay ?? '1s', `consistency.${consistency}.retryDelay`),
  }
}

const delayMsMax = 60_000

/** How the waits between the runs of a queued job grow: to a minute at most, or to the first one if that is longer. */
export function retryGrowth({ delayMs }: Pick<RetryRules, 'delayMs'>): Growth {
  return { firstMs: delayMs, maxMs: Math.max(delayMs, delayMsMax) }
}
