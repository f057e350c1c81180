/**
 * The record of a queued invalidation in each of its states, made from the job and from what was done.
 */
import { StaleproofError } from '../model/errors.ts'
import type { InvalidationResult } from '../model/invalidation.ts'
import type { InvalidationRequest, Job } from './contract.ts'

/** What was asked for, without what became of it. */
export function requestOf(from: InvalidationRequest): InvalidationRequest {
  const { id, names, prefix, all, strategy, consistency, mode, reason, actor, requestedAt } = from
  return { id, names, prefix, all, strategy, consistency, mode, reason, actor, requestedAt }
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

function errorOf(error: unknown): { code: string; message: string } {
  const code = error instanceof StaleproofError ? error.code : 'E_INVALIDATION_FAILED'
  return { code, message: error instanceof Error ? error.message : String(error) }
}
