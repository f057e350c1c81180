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

export interface WorkerOptions {
  readonly drain: DrainOptions
  readonly rules: DrainRules
  readonly outbox: Outbox
  /** Puts a record in the history and tells of it. */
  readonly record: (record: InvalidationResult) => Promise<void>
  /** A job was released, to be claimed again from its `dueAt` on. */
  readonly onRelease: (job: Job) => void
}

export class Worker {
  readonly #options: WorkerOptions
  readonly #drain: DrainOptions

  constructor(options: WorkerOptions) {
    this.#options = options
    this.#drain = options.drain
  }

  async run(jobs: readonly Job[]): Promise<void> {
    const open: Job[] = []
    await this.#each(jobs, async (job) => {
      if (await this.#isOpen(job)) open.push({ ...job, attempts: job.attempts + 1 })
      else await this.#options.outbox.take(() => this.#drain.queue.done(job.id))
    })
    for (const group of coalesce(open)) await this.#runGroup(group)
  }

  /** Carries out what is in no queue. @returns its record, completed or failed */
  async runAlone(before: InvalidationResult): Promise<InvalidationResult> {
    const run = { ...requestOf(before), attempts: before.attempts + 1, error: null }
    await this.#begin(runningRecord(run, this.#drain.clock.now()))
    const ended = shareOf(await this.#perform(requestOf(before)), run)
    await this.#options.outbox.take(() => this.#options.record(ended))
    return ended
  }

  /** False if a crash, or a failing queue, left the job behind when it had ended. */
  async #isOpen(job: Job): Promise<boolean> {
    try {
      const record = await this.#drain.history.get(job.id)
      return record === undefined || !hasEnded(record.status)
    } catch (error) {
      // Unknown: to do it again is safe, to leave it out is not.
      this.#drain.onError(error, 'looking up an invalidation')
      return true
    }
  }

  async #runGroup(group: Group): Promise<void> {
    const startedAt = this.#drain.clock.now()
    await this.#each(group, (job) => this.#begin(runningRecord(job, startedAt)))
    const result = await this.#perform(unionOf(group))
    const dueAt = this.#drain.clock.now() + this.#backoffMs(group)
    await this.#each(group, (job) => {
      return this.#settle(shareOf(result, job), { ...job, dueAt, error: result.error })
    })
  }

  /** Not left to the outbox: what says "running" must not come after what says how it ended. */
  async #begin(record: InvalidationResult): Promise<void> {
    try {
      await this.#options.record(record)
    } catch (error) {
      this.#drain.onError(error, 'recording an invalidation')
    }
  }

  /** @returns completed, or failed with the error. */
  async #perform(request: InvalidationRequest): Promise<InvalidationResult> {
    const startedAt = this.#drain.clock.now()
    const result = await this.#tryPerform(request)
    const endedAt = this.#drain.clock.now()
    if (result.status === 'completed') return { ...result, startedAt, endedAt, error: null }
    const error = result.error ?? {
      code: 'E_INVALIDATION_INCOMPLETE',
      message: `it ended as ${result.status}`,
    }
    return { ...result, status: 'failed', startedAt, endedAt, error }
  }

  async #tryPerform(request: InvalidationRequest): Promise<InvalidationResult> {
    try {
      return await this.#drain.perform(request)
    } catch (error) {
      // The record has room for a message only; where it came from is in the error itself.
      this.#drain.onError(error, 'carrying out an invalidation')
      return failedRecord(request, error, this.#drain.clock.now())
    }
  }

  async #settle(ended: InvalidationResult, job: Job): Promise<void> {
    const { outbox, record, rules, onRelease } = this.#options
    const { queue } = this.#drain
    if (ended.status === 'completed' || job.attempts > rules.retries[job.consistency].retries) {
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
      if (i % 200 === 199) await this.#drain.clock.turn()
      await work(job)
    }
  }

  /** One for the group, so that what was done together is tried together again. */
  #backoffMs(group: Group): number {
    const runs = Math.max(...group.map((job) => job.attempts))
    return backoffMs(this.#options.rules.retries[group[0].consistency].delayMs, runs, this.#drain.random)
  }
}
