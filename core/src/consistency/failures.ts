/**
 * What a node of a log fails with.
 */
import { StaleproofError } from '../model/errors.ts'

export function closed(): StaleproofError {
  return new StaleproofError('E_CACHE_CLOSED', 'the log is closed; nothing can be asked of it any more')
}

export function unsteady(): StaleproofError {
  return new StaleproofError(
    'E_CONSISTENCY_UNSTEADY',
    'the log changed again and again while it was read; it is tried again',
  )
}

export function unexpected(cause: unknown): StaleproofError {
  return new StaleproofError('E_CONSISTENCY_FAILED', `the log could not be asked: ${String(cause)}`, {
    cause,
  })
}

export function otherLease(givenMs: number, leaseMs: number): StaleproofError {
  return new StaleproofError(
    'E_CONSISTENCY_LEASE',
    `this node was given a lease of ${givenMs} ms, and the log that it joined has one of ${leaseMs} ms, which it takes: the nodes of a ` +
      'log need the same one. Give all of them that',
    { details: { givenMs, leaseMs } },
  )
}
