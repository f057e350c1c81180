/**
 * What the suite of queues makes and asks: jobs, handles, claims.
 */
import type { Claim, History, Job, Queue } from '../../src/invalidation/contract.ts'
import { record } from './history.ts'

export interface QueueLimits {
  readonly sizeMax: number
  readonly agingMs: number
}

export interface Pair {
  readonly queue: Queue
  readonly history: History
}

export interface QueueFixture {
  open(limits: QueueLimits): Promise<Pair>
  readonly sharing?: Sharing
}

export interface Sharing {
  /** Another handle on what the first one given holds, as another process would have it. */
  share(first: Pair): Promise<Pair>
  /** As if the process that has this handle had ended without a word. */
  kill(pair: Pair): Promise<void>
}

export const limits: QueueLimits = { sizeMax: 1000, agingMs: 1000 }
export const both = { scheduled: 100, background: 100 }

export function job(id: string, parts: Partial<Job> = {}): Job {
  return {
    id,
    names: [id],
    prefix: null,
    all: false,
    strategy: 'scheduled',
    consistency: 'eventual',
    mode: 'purge',
    reason: null,
    actor: null,
    priority: 2,
    requestedAt: 0,
    dueAt: 0,
    attempts: 0,
    error: null,
    ...parts,
  }
}

export async function fill(queue: Queue, jobs: readonly Job[]): Promise<void> {
  for (const each of jobs) await queue.add(each)
}

export async function claimIds(queue: Queue, claim: Partial<Claim> = {}): Promise<string[]> {
  const jobs = await queue.claim({ now: 0, namesMax: both, jobsMax: 1000, ...claim })
  return jobs.map((each) => each.id)
}

/** What came of a job, as far as these tests care. */
export function done(queue: Queue, id: string): Promise<boolean> {
  return queue.done(record(id, { strategy: 'scheduled' }))
}
