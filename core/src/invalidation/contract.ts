/**
 * Contracts of the queue and the history: what waits to be invalidated, and what was.
 *
 * Implementations live in memory (one process), on disk (several processes) and in Redis (many machines), and
 * pass one conformance suite. Each process holds a handle of its own, and what a handle claims is its own.
 *
 * Invariants: a job leaves the queue by `done` or `remove` only, and only once; a claimed job is given to nobody
 * else for as long as its claimer lives; of jobs that are due, none waits for ever behind later ones;
 * a record that is pending or running stays in the history.
 */
import { StaleproofError } from '../model/errors.ts'
import type {
  Consistency,
  HistoryPage,
  HistoryQuery,
  InvalidationResult,
  Mode,
  Status,
  Strategy,
} from '../model/invalidation.ts'

/** An invalidation with every choice made: nothing is left to defaults. */
export interface InvalidationRequest {
  readonly id: string
  /** Each once. */
  readonly names: readonly string[]
  readonly prefix: string | null
  readonly all: boolean
  readonly strategy: Strategy
  readonly consistency: Consistency
  readonly mode: Mode
  readonly reason: string | null
  readonly actor: string | null
  /** ms since 1970, as all times here. */
  readonly requestedAt: number
}

/**
 * Carries an invalidation out: logs it, cascades, purges, reads back. Resolves with `completed`, or with
 * `failed` and what is known of it; rejects if nothing is known. What it did in part, it may do again.
 */
export type Perform = (request: InvalidationRequest) => Promise<InvalidationResult>

/** Those strategies whose work waits in the queue. */
export type QueuedStrategy = 'scheduled' | 'background'
export const queuedStrategies: readonly QueuedStrategy[] = ['scheduled', 'background']

export function isQueued(strategy: Strategy): strategy is QueuedStrategy {
  return strategy === 'scheduled' || strategy === 'background'
}

/** An accepted request on its way through the queue. */
export interface Job extends InvalidationRequest {
  readonly strategy: QueuedStrategy
  /** Lower goes first. */
  readonly priority: number
  /** Not to be claimed before this time. */
  readonly dueAt: number
  /** Runs begun since it was put in. */
  readonly attempts: number
  /** Why the last of them failed. */
  readonly error: InvalidationResult['error']
}

export interface Claim {
  /** Claims only what is due at this time. */
  readonly now: number
  /** Strategies to claim from, and most distinct names in a batch of each; a prefix and "all" count as one. */
  readonly namesMax: Partial<Readonly<Record<QueuedStrategy, number>>>
  /** Most jobs in a batch, however few their names. */
  readonly jobsMax: number
}

/** After `close`, every method rejects with E_CACHE_CLOSED. */
export interface Queue {
  /**
   * Resolves once the job would survive what the implementation survives. A job whose id is there already, be
   * it waiting or claimed, is left as it is.
   * @throws E_INVALIDATION_QUEUE_FULL
   */
  add(job: Job): Promise<void>
  /**
   * The next batch, in the order of `rank`: that of the first job that is due, with others of its strategy that
   * follow, as many as fit; at least one. Empty if nothing is due.
   * They stay this handle's until `done` or `release`, until it closes, or until its process is gone.
   */
  claim(claim: Claim): Promise<readonly Job[]>
  /** Takes a claimed job out. False, and nothing happens, if this handle does not hold it. */
  done(id: string): Promise<boolean>
  /**
   * Puts a claimed job back as given (attempts, error), to be claimed from `dueAt` on. Never refused for want of
   * room. False, and nothing happens, if this handle does not hold it.
   */
  release(job: Job, dueAt: number): Promise<boolean>
  /** Takes a waiting job out. Undefined, and nothing happens, if it is claimed or unknown. */
  remove(id: string): Promise<Job | undefined>
  /** Every job, waiting or claimed, in the order in which they were added. */
  list(): Promise<readonly Job[]>
  /** How many there are, waiting or claimed, as far as can be told at once. */
  readonly waiting: number
  /** How many there are, waiting or claimed. */
  size(): Promise<number>
  /** Gives up what is claimed. May be called again. */
  close(): Promise<void>
}

/** After `close`, every method rejects with E_CACHE_CLOSED. */
export interface History {
  /** Inserts the record, or replaces that of the same id. */
  put(record: InvalidationResult): Promise<void>
  get(id: string): Promise<InvalidationResult | undefined>
  /**
   * Newest request first. Pages that follow one another by cursor show every record at most once, and all that
   * were there when the first was read and still match, whatever is put in between.
   * @throws E_OPTIONS_INVALID for a limit, E_CURSOR_INVALID for a cursor that this history did not give
   */
  list(query: HistoryQuery): Promise<HistoryPage>
  close(): Promise<void>
}

/**
 * Place in the queue: lowest first, then first come first served.
 *
 * Effective priority = priority - time waited / aging, so that it falls by one for each aging interval. Whatever
 * the time, two jobs compare by it as they do by `requestedAt + priority * aging`, which stays the same: nothing
 * has to be sorted again as time goes by, and a job is passed only by those that came within a bounded time.
 */
export function rank(job: Pick<Job, 'priority' | 'requestedAt'>, agingMs: number): number {
  return job.requestedAt + job.priority * agingMs
}

/** Neither waiting nor under way. */
export function hasEnded(status: Status): boolean {
  return status !== 'pending' && status !== 'running'
}

/** Whether a record answers the query; its limit and cursor are not looked at. */
export function matches(query: HistoryQuery, record: InvalidationResult): boolean {
  return (
    record.requestedAt >= (query.since ?? Number.NEGATIVE_INFINITY) &&
    record.requestedAt < (query.until ?? Number.POSITIVE_INFINITY) &&
    (query.status === undefined || record.status === query.status) &&
    (query.strategy === undefined || record.strategy === query.strategy) &&
    (query.actor === undefined || record.actor === query.actor) &&
    (query.name === undefined || record.names.includes(query.name))
  )
}

const pageLimitMax = 1000

/** Records a page. @throws E_OPTIONS_INVALID */
export function pageLimit(query: HistoryQuery): number {
  const limit = query.limit ?? 50
  if (Number.isSafeInteger(limit) && limit >= 1 && limit <= pageLimitMax) return limit
  throw new StaleproofError(
    'E_OPTIONS_INVALID',
    `limit is ${String(limit)}; give a whole number from 1 to ${pageLimitMax}`,
    { details: { option: 'limit', value: limit } },
  )
}

export function cursorInvalid(cursor: string): StaleproofError {
  return new StaleproofError(
    'E_CURSOR_INVALID',
    `'${cursor.slice(0, 80)}' is not a cursor of this history; give 'next' of the page before, or none`,
    { details: { cursor } },
  )
}

export function queueFull(sizeMax: number): StaleproofError {
  return new StaleproofError(
    'E_INVALIDATION_QUEUE_FULL',
    `the queue holds ${sizeMax} invalidations, as many as it may, and this one was not accepted; try again ` +
      'when some are done, use the strategy lazy or immediate, or raise strategies.queueMax',
    { details: { sizeMax } },
  )
}

export function closed(what: string): StaleproofError {
  return new StaleproofError('E_CACHE_CLOSED', `the ${what} is closed; nothing can be asked of it any more`)
}
