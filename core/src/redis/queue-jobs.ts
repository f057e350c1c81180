/**
 * Jobs as the server has them: bytes that prove themselves, and a seat that says where the job stands.
 */
import { sealed, unsealed } from '../bytes/codec.ts'
import { type Job, pendingRecord } from '../invalidation/contract.ts'
import { StaleproofError } from '../model/errors.ts'
import type { InvalidationResult } from '../model/invalidation.ts'
import { bytesOf, listOf, textOf, type Reply } from './driver.ts'

/** What a script tells of a job. */
export interface Seen {
  readonly id: string
  /** Never the same after a change. */
  readonly seat: string
  readonly bytes: Buffer
}

/** One that is what was written. */
export interface Known extends Seen {
  readonly job: Job
}

interface Seat {
  readonly isClaimed: boolean
  /** How many are begun, counting that which the holder has begun; undefined: it has begun none. */
  readonly runs: number | undefined
}

export function jobBytes(job: Job): Buffer {
  return sealed(job)
}

/** Id, seat and bytes of each. */
export function seenIn(reply: Reply | undefined): Seen[] {
  const list = listOf(reply)
  const all: Seen[] = []
  for (let i = 0; i + 2 < list.length; i += 3) {
    all.push({ id: textOf(list[i]), seat: textOf(list[i + 1]), bytes: bytesOf(list[i + 2]) })
  }
  return all
}

/** Undefined if it is not what was written. */
export function known(seen: Seen): Known | undefined {
  try {
    const job = unsealed<Job>(seen.bytes, 'a job of the queue')
    return job.id === seen.id && seatIn(seen) !== undefined ? { ...seen, job } : undefined
  } catch {
    return undefined
  }
}

/** Undefined if it says nothing. */
export function seatIn({ seat }: Seen): Seat | undefined {
  const [, stand, runs] = /^\d+ \d+ [a-z]+ \S+ \S+ ([a-z]+) (\d*) /.exec(seat) ?? []
  if (stand === undefined) return undefined
  return { isClaimed: stand === 'claimed', runs: runs ? Number(runs) : undefined }
}

export function damage(id: string): StaleproofError {
  return new StaleproofError(
    'E_DISK_DAMAGED',
    `the job of invalidation '${id}' is not what was written, and was put aside without being carried out; retry it, or invalidate anew what changed then`,
    { details: { id } },
  )
}

/** How the record of a damaged job ends: nobody will carry it out. It can be retried if it tells what was asked for. */
export function damagedRecord(
  id: string,
  { record, endedAt }: { record: InvalidationResult | undefined; endedAt: number },
): InvalidationResult {
  const { code, message } = damage(id)
  return { ...(record ?? unknownRecord(id, endedAt)), status: 'failed', endedAt, error: { code, message } }
}

function unknownRecord(id: string, requestedAt: number): InvalidationResult {
  return pendingRecord({
    id,
    requestedAt,
    names: [],
    prefix: null,
    all: false,
    strategy: 'background',
    consistency: 'strict',
    mode: 'purge',
    reason: null,
    actor: null,
    attempts: 0,
    error: null,
  })
}
