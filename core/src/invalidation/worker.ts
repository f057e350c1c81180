/**
 * The worker: carries out one batch of claimed jobs, and settles each.
 *
 * Invariants: every job of the batch is settled once: done, or released for another run; jobs of a group share
 * one run, and fail together; a run is counted before it begins, so that a job that ends its process in each of them
 * is given up: nothing that it does can keep it from being counted; what another process took over is left to it.
 */
import { backoffMs } from '../model/backoff.ts'
import type { InvalidationResult, Status } from '../model/invalidation.ts'
import { coalesce, type Group, isAlone, unionOf } from './coalesce.ts'
import { type InvalidationRequest, type Job, pendingRecord, runningRecord } from './contract.ts'
import { type DrainOptions, type DrainRules, retryGrowth } from './drain-options.ts'
import type { Outbox } from './outbox.ts'
import { crashedRecord, failedRecord, requestOf, shareOf } from './record.ts'

export interface WorkerOptions
  extends Pick<DrainOptions, 'clock' | 'random' | 'queue' | 'history' | 'perform' | 'onError'> {
  readonly retries: DrainRules['retries']
  readonly outbox: Outbox
  /** A record is in the history now. */
  readonly tell: (record: InvalidationResult) => void
  /** A job was released, to be claimed again from its `dueAt` on. */
  readonly onRelease: (job: Job) => void
}

/** Runs that may end in a crash, besides those that may fail. */
const crashesMax = 3
/** Jobs that are settled at once: enough to share a write, few enough to leave others their turn. */
const atOnce = 200
const ended: readonly Status[] = ['failed', 'cancelled']

export class Worker {
  readonly #options: WorkerOptions
  /** Each ends a wait for another run. */
  readonly #waits = new Set<() => void>()

  constructor(options: WorkerOptions) {
    this.#options = options
  }

  async run(jobs: readonly Job[]): Promise<void> {
    const open = await this.#each(jobs, async (job) => {
      if (!this.#isSpent(job)) return job
      await this.#finish(crashedRecord(job, this.#options.clock.now()))
      return undefined
    })
    for (const group of coalesce(open)) await this.#runGroup(group)
  }

  /** Carries out one job now, with all its runs, unless `isStopped`. */
  async runThrough(job: Job, isStopped: () => boolean): Promise<void> {
    const { clock } = this.#options
    if (isStopped()) return void (await this.#options.queue.release(job, job.dueAt))
    for (let last: Job = job; ; ) {
      if (this.#isSpent(last)) return this.#finish(crashedRecord(last, clock.now()))
      const begun = await this.#begin(last, clock.now())
      if (begun === undefined) return
      const result = await this.#perform(requestOf(begun))
      last = { ...begun, error: result.error }
      const isOver = result.status === 'completed' || !this.#hasRunsLeft(last)
      if (!isOver && !isStopped()) await this.#wait(this.#backoffMs([last]))
      if (isOver || isStopped()) return this.#settle(shareOf(result, begun), last)
    }
  }

  /**
   * Carries out what is in no queue, unless somebody else does already.
   * @returns its record, completed or failed; undefined if it was neither failed nor cancelled any more
   */
  async runAlone(before: InvalidationResult): Promise<InvalidationResult | undefined> {
    const { history, clock, outbox, tell } = this.#options
    const run = { ...requestOf(before), attempts: before.attempts + 1, error: null }
    const running = runningRecord(run, clock.now())
    try {
      if (!(await history.put(running, ended))) return undefined
    } catch (error) {
      // It may be there all the same, and nobody would carry it out.
      await outbox.take(() => history.put(before, ['running']))
      throw error
    }
    tell(running)
    const result = shareOf(await this.#perform(requestOf(before)), run)
    await outbox.take(
      () => history.put(result, ['running']),
      async () => tell(result),
    )
    return result
  }

  async #runGroup(group: Group): Promise<void> {
    const startedAt = this.#options.clock.now()
    const [first, ...others] = await this.#each(group, (job) => this.#begin(job, startedAt))
    if (first === undefined) return
    const begun: Group = [first, ...others]
    const result = await this.#perform(unionOf(begun))
    const dueAt = this.#options.clock.now() + this.#backoffMs(begun)
    await this.#each(begun, (job) =>
      this.#settle(shareOf(result, job), { ...job, dueAt, error: result.error }),
    )
  }

  /** Undefined if the job is somebody else's by now. A count that cannot be written keeps no job from being done. */
  async #begin(job: Job, startedAt: number): Promise<Job | undefined> {
    const { queue, tell, onError } = this.#options
    try {
      const begun = await queue.begin(job, startedAt)
      if (begun !== undefined) tell(runningRecord(begun, startedAt))
      return begun
    } catch (error) {
      onError(error, 'recording an invalidation')
      return { ...job, attempts: job.attempts + 1 }
    }
  }

  /** @returns completed, or failed with the error. */
  async #perform(request: InvalidationRequest): Promise<InvalidationResult> {
    const startedAt = this.#options.clock.now()
    const result = await this.#tryPerform(request)
    const endedAt = this.#options.clock.now()
    if (result.status === 'completed') return { ...result, startedAt, endedAt, error: null }
    const error = result.error ?? {
      code: 'E_INVALIDATION_INCOMPLETE',
      message: `it ended as ${result.status}`,
    }
    return { ...result, status: 'failed', startedAt, endedAt, error }
  }

  async #tryPerform(request: InvalidationRequest): Promise<InvalidationResult> {
    try {
      return await this.#options.perform(request)
    } catch (error) {
      // The record has room for a message only; where it came from is in the error itself.
      this.#options.onError(error, 'carrying out an invalidation')
      return failedRecord(request, error, this.#options.clock.now())
    }
  }

  async #settle(result: InvalidationResult, job: Job): Promise<void> {
    if (result.status === 'completed' || !this.#hasRunsLeft(job)) return this.#finish(result)
    const { outbox, queue, tell, onRelease } = this.#options
    await outbox.take(async () => {
      if (!(await queue.release(job, job.dueAt))) return
      tell(pendingRecord(job))
      onRelease(job)
    })
  }

  async #finish(record: InvalidationResult): Promise<void> {
    const { outbox, queue, tell } = this.#options
    await outbox.take(async () => {
      if (await queue.done(record)) tell(record)
    })
  }

  #hasRunsLeft(job: Job): boolean {
    return job.attempts <= this.#options.retries[job.consistency].retries
  }

  /** Whether so many runs were begun that some must have ended in a crash, and enough of them. */
  #isSpent(job: Job): boolean {
    return isAlone(job) && job.attempts >= this.#options.retries[job.consistency].retries + crashesMax
  }

  /** Many at once, which may share a write; others have their turn in between. @returns what came of those that did not come to nothing */
  async #each<T>(jobs: readonly Job[], work: (job: Job) => Promise<T>): Promise<Exclude<T, undefined>[]> {
    const results: T[] = []
    for (let i = 0; i < jobs.length; i += atOnce) {
      if (i > 0) await this.#options.clock.turn()
      results.push(...(await Promise.all(jobs.slice(i, i + atOnce).map(work))))
    }
    return results.filter((result) => result !== undefined) as Exclude<T, undefined>[]
  }

  /** Ends the waits for another run: whoever waits looks whether it is stopped. */
  stop(): void {
    for (const end of this.#waits) end()
  }

  #wait(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      const end = () => {
        timer.cancel()
        this.#waits.delete(end)
        resolve()
      }
      const timer = this.#options.clock.schedule(delayMs, end, true)
      this.#waits.add(end)
    })
  }

  /** One for the group, so that what was done together is tried together again. */
  #backoffMs(group: Group): number {
    const runs = Math.max(...group.map((job) => job.attempts))
    const growth = retryGrowth(this.#options.retries[group[0].consistency])
    return backoffMs(growth, runs, this.#options.random)
  }
}
