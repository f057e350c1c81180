/**
 * Repair: makes the queue and the history agree again after a crash came between a step in the one and the step in
 * the other that belongs to it.
 *
 * Invariants: afterwards every job has a record, and every record that is pending or running has a job, those that
 * others put in or take out meanwhile aside; nothing is taken out; to repair twice does no more than once.
 */
import type { InvalidationResult } from '../model/invalidation.ts'
import { type History, isQueued, type Job, type Queue } from './contract.ts'
import { pendingRecord } from './record.ts'

export interface RepairOptions {
  readonly queue: Queue
  readonly history: History
  /** Puts a record in the history and tells of it. */
  readonly record: (record: InvalidationResult) => Promise<void>
  /** Queues again what an open record asks for. */
  readonly requeue: (record: InvalidationResult) => Promise<unknown>
}

/** @returns the jobs that were in the queue. */
export async function repair(options: RepairOptions): Promise<readonly Job[]> {
  const jobs = await options.queue.list()
  for (const job of jobs) {
    if ((await options.history.get(job.id)) === undefined) await options.record(pendingRecord(job))
  }
  const queued = new Set(jobs.map((job) => job.id))
  for await (const record of openRecords(options.history)) {
    if (isQueued(record.strategy) && !queued.has(record.id)) await options.requeue(record)
  }
  return jobs
}

async function* openRecords(history: History): AsyncGenerator<InvalidationResult> {
  for (const status of ['pending', 'running'] as const) {
    let cursor: string | undefined
    do {
      const page = await history.list({ status, cursor, limit: 1000 })
      yield* page.records
      cursor = page.next ?? undefined
    } while (cursor !== undefined)
  }
}
