/**
 * Rows of the queue: a job as sealed bytes, with the rank that its key was made with.
 *
 * Two processes may differ in what aging they were told, so that a rank cannot be made again from the job.
 */
import type { Job } from '../invalidation/contract.ts'
import { sealed, unsealed } from '../bytes/codec.ts'

export interface QueueRow {
  readonly rank: number
  readonly job: Job
}

/** In the order in which they are written. */
const fields = [
  'id',
  'names',
  'prefix',
  'all',
  'strategy',
  'consistency',
  'mode',
  'reason',
  'actor',
  'priority',
  'requestedAt',
  'dueAt',
  'attempts',
  'error',
] as const satisfies readonly (keyof Job)[]

export function queueBytes({ rank, job }: QueueRow): Buffer {
  return sealed([rank, ...fields.map((field) => job[field])])
}

/** @throws E_DISK_DAMAGED */
export function queueRow(bytes: Buffer): QueueRow {
  const [rank, ...values] = unsealed<[number, ...unknown[]]>(bytes, 'a job of the queue')
  return { rank, job: Object.fromEntries(fields.map((field, i) => [field, values[i]])) as unknown as Job }
}
