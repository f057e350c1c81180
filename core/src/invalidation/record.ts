/**
 * The record of a queued invalidation in each of its states, made from the job and from what was done.
 */
import { StaleproofError } from '../model/errors.ts'
import type { InvalidationResult } from '../model/invalidation.ts'
import { type Attempt, type InvalidationRequest, pendingRecord } from './contract.ts'

// The cache names these with the others.
export { runningRecord } from './contract.ts'

/** What was asked for, without what became of it. */
export function requestOf(from: InvalidationRequest): InvalidationRequest {
  const { id, names, prefix, all, strategy, consistency, mode, reason, actor, requestedAt } = from
  return { id, names, prefix, all, strategy, consistency, mode, reason, actor, requestedAt }
}

/**
 * What an attempt gets of a result that it may share with others: its own request and count, and what was done for
 * all of them together. What a name of one of them reached cannot be told from what another's reached.
 */
export function shareOf(result: InvalidationResult, attempt: Attempt): InvalidationResult {
  return { ...result, ...requestOf(attempt), attempts: attempt.attempts }
}

export function failedRecord(
  request: InvalidationRequest,
  error: unknown,
  endedAt: number,
): InvalidationResult {
  const blank = pendingRecord({ ...request, attempts: 0, error: errorOf(error) })
  return { ...blank, status: 'failed', endedAt }
}

/**
 * A process ended while it carried out what no queue holds.
 */
export function cutOffRecord(record: InvalidationResult, endedAt: number): InvalidationResult {
  // It is in the log: nobody is served the old values, and their bytes go when they are touched or swept.
  if (record.position !== null) return { ...record, status: 'completed', endedAt }
  const message =
    'the process that carried it out ended before it was known to be in force: it may be, or not; retry it, or invalidate again, which does no harm'
  return { ...record, status: 'failed', endedAt, error: { code: 'E_INVALIDATION_CUT_OFF', message } }
}

/** Its process ended in each of its runs. */
export function crashedRecord(job: Attempt, endedAt: number): InvalidationResult {
  const message = `${job.attempts} runs were begun, and in the last of them the process ended; it is not tried again: find out whether it is the reason, then retry it`
  const blank = pendingRecord({ ...job, error: { code: 'E_INVALIDATION_CRASHED', message } })
  return { ...blank, status: 'failed', endedAt }
}

function errorOf(error: unknown): { code: string; message: string } {
  const code = error instanceof StaleproofError ? error.code : 'E_INVALIDATION_FAILED'
  return { code, message: error instanceof Error ? error.message : String(error) }
}
