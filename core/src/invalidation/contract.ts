/**
 * Contracts of the queue and the history: what waits to be invalidated, and what was.
 *
 * Implementations live in memory (one process), on disk (several processes) and in Redis (many machines), and
 * pass one conformance suite. Each process holds a handle of its own, and what a handle claims is its own.
 *
 * A queue is made with its history, and keeps the record of each job in it, in one step with the job: whoever looks, and
 * wherever a crash comes, the two agree.
 *
 *   add -> [pending] -> claim -> begin -> [running] -> done -> [as it ended]
 *              ^  |                           |
 *              |  +-- remove -> [cancelled]   |
 *              +------- release, take back ---+
 *
 * Invariants: a job leaves the queue by `done` or `remove` only, and only once; a claimed job is given to nobody
 * else for as long as its claimer lives, and only its claimer changes it or its record; of jobs that are due, none waits
 * for ever behind later ones; a record that is pending or running stays in the history.
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
   * Puts a job in, and its record as pending. Resolves once both would survive what the implementation survives.
   * False, and nothing happens, if its id is there already, be it waiting or claimed, or its record says completed.
   * @throws E_INVALIDATION_QUEUE_FULL
   */
  add(job: Job): Promise<boolean>
  /**
   * The next batch, in the order of `rank`: that of the first job that is due, with others of its strategy that
   * follow, as many as fit; at least one. Empty if nothing is due.
   * They stay this handle's until `done` or `release`, until it closes, or until its process is gone. What a process
   * that is gone had claimed waits again; if its run had begun, with the error E_INVALIDATION_CRASHED.
   */
  claim(claim: Claim): Promise<readonly Job[]>
  /** Claims one that waits, due or not. Undefined, and nothing happens, if it is claimed or unknown. */
  take(id: string): Promise<Job | undefined>
  /**
   * Counts a run of a claimed job, before anything is done, and says so in its record. A process that crashes now has
   * not run it for nothing. @returns the job with its new count; undefined, and nothing happens, if this handle does
   * not hold it
   */
  begin(job: Job, startedAt: number): Promise<Job | undefined>
  /** Takes a claimed job out, with its record as it ended. False, and nothing happens, if this handle does not hold it. */
  done(ended: InvalidationResult): Promise<boolean>
  /**
   * Puts a claimed job back as given (attempts, error), to be claimed from `dueAt` on. Never refused for want of
   * room. False, and nothing happens, if this handle does not hold it.
   */
  release(job: Job, dueAt: number): Promise<boolean>
  /** Takes a waiting job out, as cancelled. Undefined, and nothing happens, if it is claimed or unknown. */
  remove(id: string, endedAt: number): Promise<Job | undefined>
  /** For each strategy, when the first of those that were released is due; of what was claimed since, nothing. */
  nextDue(): Promise<Partial<Readonly<Record<QueuedStrategy, number>>>>
  /** Every job, waiting or claimed, in the order in which they were added. */
  list(): Promise<readonly Job[]>
  /** How many there are, waiting or claimed. */
  size(): Promise<number>
  /** The same without waiting for the answer: as last known. */
  readonly waiting: number
  /** Gives up what is claimed. May be called again. */
  close(): Promise<void>
}

/** After `close`, every method rejects with E_CACHE_CLOSED. */
export interface History {
  /**
   * Inserts the record, or replaces that of the same id. With `from`: only if there is none, or its status is one of
   * these; else false, and nothing happens.
   */
  put(record: InvalidationResult, from?: readonly Status[]): Promise<boolean>
  /**
   * The same in the step in which the log beside it is being written (its `alongside`): both are there afterwards, or
   * neither.
   */
  putWithin(record: InvalidationResult, from?: readonly Status[]): void
  get(id: string): Promise<InvalidationResult | undefined>
  /**
   * Newest request first. Pages that follow one another by cursor show every record at most once, and all that
   * were there when the first was read and still match, whatever is put in between.
   * @throws E_OPTIONS_INVALID for a limit, E_CURSOR_INVALID for a cursor that this history did not give
   */
  list(query: HistoryQuery): Promise<HistoryPage>
  /**
   * Replaces the records of those immediate and lazy invalidations that a process had under way when it ended.
   * @returns the new ones
   */
  endCutOff(end: (record: InvalidationResult) => InvalidationResult): Promise<readonly InvalidationResult[]>
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

/** What a job counts for in a batch; the zero byte sets a prefix apart from a name of the same text. */
function countedNames(job: Job): readonly string[] {
  if (job.all) return [...job.names, '\0all']
  return job.prefix === null ? job.names : [...job.names, `\0prefix:${job.prefix}`]
}

/** A batch while it is claimed: jobs as long as they fit; the first always does. */
export class ClaimBatch {
  readonly jobs: Job[] = []
  readonly #names = new Set<string>()
  readonly #namesMax: number
  readonly #jobsMax: number

  constructor(strategy: QueuedStrategy, claim: Claim) {
    this.#namesMax = claim.namesMax[strategy] ?? 1
    this.#jobsMax = claim.jobsMax
  }

  /** False, and the job is left out, if it does not fit. */
  take(job: Job): boolean {
    const fresh = countedNames(job).filter((name) => !this.#names.has(name))
    const fits = this.#names.size + fresh.length <= this.#namesMax && this.jobs.length < this.#jobsMax
    if (!fits && this.jobs.length > 0) return false
    for (const name of fresh) this.#names.add(name)
    this.jobs.push(job)
    return true
  }
}

/** Why a job waits again whose run was cut off: no failure that the run itself had. */
export const crashed: NonNullable<Job['error']> = {
  code: 'E_INVALIDATION_CRASHED',
  message: 'the process that ran it ended in the middle',
}

/** A request and how far it came: a job, or what is carried out without being queued. */
export type Attempt = InvalidationRequest & Pick<Job, 'attempts' | 'error'>

/** It waits: for its first run, or to be tried again. Field by field: as a chain of copies it took ten times as long. */
export function pendingRecord(attempt: Attempt): InvalidationResult {
  return {
    id: attempt.id,
    position: null,
    status: 'pending',
    names: attempt.names,
    prefix: attempt.prefix,
    all: attempt.all,
    strategy: attempt.strategy,
    consistency: attempt.consistency,
    mode: attempt.mode,
    reason: attempt.reason,
    actor: attempt.actor,
    cascade: [],
    reached: null,
    truncated: false,
    beyondDepth: 0,
    tiers: {},
    nodes: [],
    attempts: attempt.attempts,
    requestedAt: attempt.requestedAt,
    startedAt: null,
    endedAt: null,
    error: attempt.error,
    token: null,
  }
}

export function runningRecord(attempt: Attempt, startedAt: number): InvalidationResult {
  return { ...pendingRecord(attempt), status: 'running', startedAt }
}

export function cancelledRecord(attempt: Attempt, endedAt: number): InvalidationResult {
  return { ...pendingRecord(attempt), status: 'cancelled', endedAt }
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

/** Where a record stands in the history: it never changes. */
export interface Place {
  readonly requestedAt: number
  /** Order of arrival: decides between requests of the same time. */
  readonly seq: number
}

/** The last place of a page: places never change, so that inserts do not move the page that follows. */
export function cursorOf({ requestedAt, seq }: Place): string {
  return `${requestedAt}-${seq}`
}

/** @throws E_CURSOR_INVALID */
export function placeOf(cursor: string): Place {
  const parts = /^(\d{1,16})-(\d{1,16})$/.exec(cursor)
  if (parts === null) throw cursorInvalid(cursor)
  return { requestedAt: Number(parts[1]), seq: Number(parts[2]) }
}

function cursorInvalid(cursor: string): StaleproofError {
  return new StaleproofError(
    'E_CURSOR_INVALID',
    `'${String(cursor).slice(0, 80)}' is not a cursor of this history; give 'next' of the page before, or none`,
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
