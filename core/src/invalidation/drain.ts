/**
 * The drain: this process's worker on the queue of invalidations that wait.
 *
 *   submit -> [pending] -> claim -> [running] -> perform -> [completed]
 *                 ^                                 |
 *                 +--- release, after a backoff ----+ failed ----> [failed], when no run is left
 *
 * Any number of drains, each in its process, work on one queue; none waits for another, and what one put in another
 * finds at its own tick.
 * Invariants: what was accepted is carried out once, or ends as failed or cancelled and is shown (a run that
 * fails, or that a crash cuts off, is repeated: it may have done part of its work);
 * one round runs at a time, and a round takes only what was due at its ticks;
 * a record changes in one step with its job (contract.ts), so that between two processes, and after a crash, there is
 * nothing to be made to agree.
 */
import type { Clock } from '../model/clock.ts'
import { StaleproofError } from '../model/errors.ts'
import type { HistoryPage, HistoryQuery, InvalidationResult } from '../model/invalidation.ts'
import {
  cancelledRecord,
  type Claim,
  closed,
  type History,
  type InvalidationRequest,
  isQueued,
  type Job,
  pendingRecord,
  type Queue,
  type QueuedStrategy,
  queuedStrategies,
} from './contract.ts'
import { type DrainOptions, type DrainRules, drainRules } from './drain-options.ts'
import { Outbox } from './outbox.ts'
import { cutOffRecord, failedRecord, requestOf } from './record.ts'
import { Alarms, Ticker } from './schedule.ts'
import { Worker } from './worker.ts'

/** Most jobs claimed at once, however much they have in common. */
const jobsMax = 1000

/** Records that wait to be written: as many as the history keeps by default. */
const refusalsMax = 10_000

export class Drain {
  readonly #options: DrainOptions
  readonly #clock: Clock
  readonly #queue: Queue
  readonly #history: History
  readonly #rules: DrainRules
  readonly #outbox: Outbox
  /** Nobody waits for what is only said of those that were not accepted. */
  readonly #refusals: Outbox
  readonly #worker: Worker
  /** strategy -> time of a tick that no round has taken up yet. */
  readonly #due = new Map<QueuedStrategy, number>()
  #round: Promise<void> | undefined
  /** Latest time seen: what was due stays due though the wall clock is set back. */
  #latest = Number.NEGATIVE_INFINITY
  /** id -> a run that somebody asked for by hand and that no queue holds. */
  readonly #byHand = new Map<string, Promise<InvalidationResult>>()
  /** Runs of jobs that somebody asked for by hand. */
  readonly #now = new Set<Promise<InvalidationResult>>()
  #tickers: readonly Ticker[] = []
  /** Ticks for what is to be tried again before the next tick of its strategy. */
  readonly #alarms: Alarms<QueuedStrategy>
  #started: Promise<void> | undefined
  #closed: Promise<void> | undefined

  constructor(options: DrainOptions) {
    this.#options = options
    this.#clock = options.clock
    this.#queue = options.queue
    this.#history = options.history
    this.#rules = drainRules(options)
    this.#outbox = new Outbox(options)
    this.#refusals = new Outbox({ ...options, waitingMax: refusalsMax })
    this.#alarms = new Alarms(options.clock, (strategy, at) => this.#tick(strategy, at))
    this.#worker = new Worker({
      ...options,
      retries: this.#rules.retries,
      outbox: this.#outbox,
      tell: (record) => this.#tell(record),
      onRelease: ({ strategy, dueAt }) => this.#setAlarm(strategy, dueAt),
    })
  }

  /** Ends what a crash cut off, then ticks. Nothing is drained before. */
  start(): Promise<void> {
    this.#started ??= this.#start()
    return this.#started
  }

  /**
   * Accepts an invalidation: resolves, with a pending record, once it is in the history and in the queue.
   * @throws E_INVALIDATION_QUEUE_FULL, and the record says failed; E_STRATEGY_UNKNOWN for one that is not queued
   */
  async submit(request: InvalidationRequest): Promise<InvalidationResult> {
    this.#open()
    return this.#accept(this.#jobOf(request))
  }

  list(query: HistoryQuery = {}): Promise<HistoryPage> {
    return this.#history.list(query)
  }

  get(id: string): Promise<InvalidationResult | undefined> {
    return this.#history.get(id)
  }

  /** Takes back what still waits. @throws E_INVALIDATION_UNKNOWN, E_INVALIDATION_STATUS */
  async cancel(id: string): Promise<InvalidationResult> {
    this.#open()
    const endedAt = this.#clock.now()
    const job = await this.#queue.remove(id, endedAt)
    if (job === undefined) throw wrongStatus(await this.#known(id), 'cancelled', 'pending')
    const record = cancelledRecord(job, endedAt)
    this.#tell(record)
    return record
  }

  /**
   * Carries out now what waits for its turn, with the runs that it has left. Resolves with its record as it ended, or
   * pending again if this drain closes before that.
   * @throws E_INVALIDATION_UNKNOWN, E_INVALIDATION_STATUS
   */
  async runNow(id: string): Promise<InvalidationResult> {
    this.#open()
    const run = this.#runNow(id)
    this.#now.add(run)
    return run.finally(() => this.#now.delete(run))
  }

  /**
   * Puts what failed or was cancelled back into the queue, with all its runs before it. What was immediate or
   * lazy is never queued: it is carried out now, once.
   * @throws E_INVALIDATION_UNKNOWN, E_INVALIDATION_STATUS, E_INVALIDATION_QUEUE_FULL, E_TARGET_EMPTY
   */
  async retry(id: string): Promise<InvalidationResult> {
    this.#open()
    const record = await this.#known(id)
    const underWay = this.#byHand.get(id)
    if (underWay !== undefined) return underWay
    if (record.status !== 'failed' && record.status !== 'cancelled') throw notRetried(record)
    if (record.names.length === 0 && record.prefix === null && !record.all) throw unreadable(id)
    if (isQueued(record.strategy)) {
      const accepted = await this.#accept(this.#jobOf(record))
      if (accepted.status === 'completed') throw notRetried(accepted)
      return accepted
    }
    const run = this.#runAlone(record).finally(() => this.#byHand.delete(id))
    this.#byHand.set(id, run)
    return run
  }

  /** Carries out what is due now without waiting for a tick; resolves when it has been tried. */
  async flush(): Promise<void> {
    this.#open()
    for (const strategy of queuedStrategies) this.#tick(strategy, this.#clock.now())
    await this.#round
  }

  /** Ends ticking and waits for the batch under way; what else waits stays in the queue. */
  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  async #start(): Promise<void> {
    await this.#endCutOff()
    await this.#setAlarms(Number.NEGATIVE_INFINITY)
    if (this.#closed !== undefined) return
    this.#tickers = queuedStrategies.map((strategy) => {
      const { schedule } = this.#rules.strategies[strategy]
      return new Ticker(this.#clock, schedule, () => this.#tick(strategy, this.#clock.now()))
    })
  }

  /** What another process carried out without the queue when it ended stays running otherwise. */
  async #endCutOff(): Promise<void> {
    try {
      const endedAt = this.#clock.now()
      const records = await this.#history.endCutOff((record) => cutOffRecord(record, endedAt))
      for (const record of records) this.#tell(record)
    } catch (error) {
      this.#options.onError(error, 'looking for what was cut off')
    }
  }

  /** For what was put off, by whatever process, and is due after that time. */
  async #setAlarms(after: number): Promise<void> {
    try {
      const due = await this.#queue.nextDue()
      for (const strategy of queuedStrategies) {
        const at = due[strategy]
        if (at !== undefined && at > after) this.#setAlarm(strategy, at)
      }
    } catch (error) {
      if (this.#closed === undefined) this.#options.onError(error, 'looking for what was put off')
    }
  }

  async #close(): Promise<void> {
    for (const ticker of this.#tickers) ticker.stop()
    this.#alarms.stop()
    this.#worker.stop()
    await Promise.allSettled([this.#started, this.#round, ...this.#byHand.values(), ...this.#now])
    await this.#outbox.close()
    await this.#refusals.close()
  }

  async #runNow(id: string): Promise<InvalidationResult> {
    const job = await this.#queue.take(id)
    if (job === undefined) throw wrongStatus(await this.#known(id), 'run now', 'pending')
    await this.#worker.runThrough(job, () => this.#closed !== undefined)
    return this.#known(id)
  }

  async #runAlone(record: InvalidationResult): Promise<InvalidationResult> {
    const result = await this.#worker.runAlone(record)
    if (result === undefined) throw notRetried(await this.#known(record.id))
    return result
  }

  /** @returns the record: pending, or of one that is there already. */
  async #accept(job: Job): Promise<InvalidationResult> {
    try {
      if (!(await this.#queue.add(job))) return await this.#known(job.id)
    } catch (error) {
      await this.#refuse(failedRecord(job, error, this.#clock.now()))
      throw error
    }
    const record = pendingRecord(job)
    this.#tell(record)
    return record
  }

  /** Says in the history that it was not accepted, unless it was after all, or by another process meanwhile. */
  async #refuse(record: InvalidationResult): Promise<void> {
    await this.#refusals.take(async () => {
      if (await this.#history.put(record, ['failed', 'cancelled'])) this.#tell(record)
    })
  }

  #jobOf(request: InvalidationRequest): Job {
    const { strategy } = request
    if (!isQueued(strategy)) throw notQueued(strategy)
    const { priority } = this.#rules.strategies[strategy]
    const names = [...new Set(request.names)]
    const dueAt = this.#seen(this.#clock.now())
    return { ...requestOf(request), names, strategy, priority, dueAt, attempts: 0, error: null }
  }

  /** Has a round take up what of `strategy` is due at `at`: the one under way, or a new one. */
  #tick(strategy: QueuedStrategy, at: number): void {
    if (this.#closed !== undefined) return
    this.#due.set(strategy, this.#seen(at))
    this.#round ??= this.#runRound()
  }

  #seen(time: number): number {
    this.#latest = Math.max(this.#latest, time)
    return this.#latest
  }

  #setAlarm(strategy: QueuedStrategy, at: number): void {
    if (this.#closed === undefined) this.#alarms.set(strategy, at)
  }

  /**
   * A round: batch after batch, until nothing is left that was due at the ticks that it took up. It looks for
   * ticks and ends in one breath, so that no tick is lost between the two.
   */
  async #runRound(): Promise<void> {
    const namesMax: Partial<Record<QueuedStrategy, number>> = {}
    let now = Number.NEGATIVE_INFINITY
    try {
      await this.#endCutOff()
      for (;;) {
        // Between batches others have their turn; before the first, ticks of the same time come together.
        await this.#clock.turn()
        if (this.#closed !== undefined) return
        for (const [strategy, at] of this.#due) {
          namesMax[strategy] = this.#rules.strategies[strategy].namesMax
          now = Math.max(now, at)
        }
        this.#due.clear()
        const jobs = await this.#claim({ now, namesMax, jobsMax })
        if (jobs.length > 0) await this.#worker.run(jobs)
        else if (this.#due.size === 0) break
      }
      void this.#setAlarms(now)
    } finally {
      this.#round = undefined
    }
  }

  /** Nothing if the queue fails: what is due then is due at the next tick too. */
  async #claim(claim: Claim): Promise<readonly Job[]> {
    try {
      return await this.#queue.claim(claim)
    } catch (error) {
      this.#options.onError(error, 'claiming invalidations')
      return []
    }
  }

  #tell(record: InvalidationResult): void {
    try {
      this.#options.onRecord(record)
    } catch (error) {
      this.#options.onError(error, 'telling of an invalidation')
    }
  }

  async #known(id: string): Promise<InvalidationResult> {
    const record = await this.#history.get(id)
    if (record !== undefined) return record
    throw new StaleproofError(
      'E_INVALIDATION_UNKNOWN',
      `no invalidation '${id}' is in the history; it may have been dropped for age or number`,
      { details: { id } },
    )
  }

  #open(): void {
    if (this.#closed !== undefined) throw closed('queue of invalidations')
  }
}

function notQueued(strategy: string): StaleproofError {
  return new StaleproofError(
    'E_STRATEGY_UNKNOWN',
    `an invalidation with the strategy '${strategy}' is never queued; carry it out at once`,
    { details: { strategy } },
  )
}

function notRetried(record: InvalidationResult): StaleproofError {
  return wrongStatus(record, 'retried', 'failed or cancelled')
}

function unreadable(id: string): StaleproofError {
  return new StaleproofError(
    'E_TARGET_EMPTY',
    `what invalidation '${id}' was for cannot be read any more, so that it cannot be retried; invalidate it anew, by its names`,
    { details: { id } },
  )
}

function wrongStatus(record: InvalidationResult, wish: string, possible: string): StaleproofError {
  const { id, status } = record
  const state = status === possible ? 'about to run' : status
  return new StaleproofError(
    'E_INVALIDATION_STATUS',
    `invalidation '${id}' is ${state} and cannot be ${wish}; only one that is ${possible} can`,
    { details: { id, status } },
  )
}
