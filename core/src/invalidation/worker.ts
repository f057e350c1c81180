/**
 * The worker: carries out one batch of claimed jobs, and settles each.
 *
 * Invariants: every job of the batch is settled once: done, or released for another run; jobs of a group share
 * one run, and fail together; the record goes before the queue.
 */
import type { InvalidationResult } from '../model/invalidation.ts'
import { coalesce, type Group, unionOf } from './coalesce.ts'
import { hasEnded, type InvalidationRequest, type Job } from './contract.ts'
import { backoffMs, type DrainOptions, type DrainRules } from './drain-options.ts'
import type { Outbox } from './outbox.ts'
import { failedRecord, pendingRecord, requestOf, runningRecord, shareOf } from './record.ts'

export interface WorkerOptions
  extends Pick<DrainOptions, 'clock' | 'random' | 'queue' | 'history' | 'perform' | 'onError'> {
  readonly retries: DrainRules['retries']
  readonly outbox: Outbox
  /** Puts a record in the history and tells of it. */
  readonly record: (record: InvalidationResult) => Promise<void>
  /** A job was released, to be claimed again from its `dueAt` on. */
  readonly onRelease: (job: Job) => void
}

export class Worker {
  readonly #options: WorkerOptions

  constructor(options: WorkerOptions) {
    this.#options = options
  }

  async run(jobs: readonly Job[]): Promise<void> {
    const open: Job[] = []
    await this.#each(jobs, async (job) => {
      if (await this.#isOpen(job)) open.push({ ...job, attempts: job.attempts + 1 })
      else await this.#options.outbox.take(() => this.#options.queue.done(job.id))
    })
    for (const group of coalesce(open)) await this.#runGroup(group)
  }

  /** Carries out what is in no queue. @returns its record, completed or failed */
  async runAlone(before: InvalidationResult): Promise<InvalidationResult> {
    const run = { ...requestOf(before), attempts: before.attempts + 1, error: null }
    await this.#begin(runningRecord(run, this.#options.clock.now()))
    const ended = shareOf(await this.#perform(requestOf(before)), run)
    await this.#options.outbox.take(() => this.#options.record(ended))
    return ended
  }

  /** False if a crash, or a failing queue, left the job behind when it had ended. */
  async #isOpen(job: Job): Promise<boolean> {
    try {
      const record = await this.#options.history.get(job.id)
      return record === undefined || !hasEnded(record.status)
    } catch (error) {
      // Unknown: to do it again is safe, to leave it out is not.
      this.#options.onError(error, 'looking up an invalidation')
      return true
    }
  }

  async #runGroup(group: Group): Promise<void> {
    const startedAt = this.#options.clock.now()
    await this.#each(group, (job) => this.#begin(runningRecord(job, startedAt)))
    const result = await this.#perform(unionOf(group))
    const dueAt = this.#options.clock.now() + this.#backoffMs(group)
    await this.#each(group, (job) => {
      return this.#settle(shareOf(result, job), { ...job, dueAt, error: result.error })
    })
  }

  /** Not left to the outbox: what says "running" must not come after what says how it ended. */
  async #begin(record: InvalidationResult): Promise<void> {
    try {
      await this.#options.record(record)
    } catch (error) {
      this.#options.onError(error, 'recording an invalidation')
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

  async #settle(ended: InvalidationResult, job: Job): Promise<void> {
    const { outbox, queue, record, retries, onRelease } = this.#options
    if (ended.status === 'completed' || job.attempts > retries[job.consistency].retries) {
      await outbox.take(
        () => record(ended),
        () => queue.done(job.id),
      )
      return
    }
    await outbox.take(
      () => record(pendingRecord(job)),
      () => queue.release(job, job.dueAt),
      async () => onRelease(job),
    )
  }

  /** In order; others have their turn in between, as a batch may hold thousands of calls for few names. */
  async #each(jobs: readonly Job[], work: (job: Job) => Promise<void>): Promise<void> {
    for (const [i, job] of jobs.entries()) {
      if (i % 200 === 199) await this.#options.clock.turn()
      await work(job)
    }
  }

  /** One for the group, so that what was done together is tried together again. */
  #backoffMs(group: Group): number {
    const runs = Math.max(...group.map((job) => job.attempts))
    const { delayMs } = this.#options.retries[group[0].consistency]
    return backoffMs(delayMs, runs, this.#options.random)
  }
}
