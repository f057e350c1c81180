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
    `this node was given a lease of ${givenMs} ms, and the generation that it joined has ${leaseMs} ms: it takes the shorter one, and waits ` +
      'for the leases of others by the longer one. Give all nodes the same',
    { details: { givenMs, leaseMs } },
  )
}

export function tooLong(leaseMs: number, boundMs: number): StaleproofError {
  return new StaleproofError(
    'E_CONSISTENCY_LEASE',
    `the nodes of this log have leases of ${leaseMs} ms, and may serve for so long what this one has invalidated; its consistency promises ` +
      `${boundMs} ms, so that it does not join them. Raise consistency.eventual.bound and consistency.relaxed.bound, or give all nodes a shorter lease`,
    { details: { leaseMs, boundMs } },
  )
}
