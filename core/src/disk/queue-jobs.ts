/**
 * The jobs of the queue by their number, in the order in which they were added.
 *
 * Invariants: within a transaction the size is exact; a number is greater than all that are there; what is not what was
 * written is put aside and told of, and its record, if there is an id to find it by, ends as failed.
 */
import { hasEnded, type Job, pendingRecord } from '../invalidation/contract.ts'
import type { Clock } from '../model/clock.ts'
import { StaleproofError } from '../model/errors.ts'
import type { Environment, Table } from './environment.ts'
import type { DiskHistory } from './history.ts'
import type { QueueIndex } from './queue-index.ts'
import { type QueueRow, queueRow } from './queue-rows.ts'

export interface QueueJobsParts {
  readonly environment: Environment
  readonly index: QueueIndex
  readonly history: DiskHistory
  readonly clock: Clock
  readonly onError: (error: unknown, during: string) => void
}

/** One of a slice; without its row if that is not what was written. */
export interface Listed {
  readonly seq: number
  readonly row: QueueRow | undefined
}

export class QueueJobs {
  readonly #parts: QueueJobsParts
  readonly #rows: Table<number>
  readonly #damaged: Table<number>
  #size = 0
  #last = 0

  constructor(parts: QueueJobsParts) {
    this.#parts = parts
    this.#rows = parts.environment.table('jobs', 'numbers')
    this.#damaged = parts.environment.table('jobsDamaged', 'numbers')
  }

  /** As the environment knows it: within a transaction, `size` is exact. */
  get count(): number {
    return (this.#rows.getStats() as { entryCount: number }).entryCount
  }

  slice(start: number, limit: number): Listed[] {
    return Array.from(this.#rows.getRange({ start, limit }), ({ key: seq, value }) => ({
      seq,
      row: readable(value),
    }))
  }

  // Within a transaction

  /** Others may have written since the last. */
  begin(): void {
    this.#size = this.count
    this.#last = 0
    for (const last of this.#rows.getKeys({ reverse: true, limit: 1 })) this.#last = last
  }

  get size(): number {
    return this.#size
  }

  /** @returns its number */
  add(id: string, bytes: Buffer): number {
    this.#size++
    const seq = ++this.#last
    void this.#rows.put(seq, bytes)
    this.#parts.index.name(id, seq)
    return seq
  }

  put(seq: number, bytes: Buffer): void {
    void this.#rows.put(seq, bytes)
  }

  drop(id: string, seq: number): void {
    this.#size--
    void this.#rows.remove(seq)
    this.#parts.index.forget(id)
  }

  /** Undefined if it is not there, or not what was written: then it is put aside. */
  read(seq: number): QueueRow | undefined {
    const bytes = this.#rows.get(seq)
    if (bytes === undefined) return undefined
    const row = readable(bytes)
    if (row === undefined) this.#putAside(seq, bytes)
    return row
  }

  /** What points at it otherwise is taken away when it is met. */
  #putAside(seq: number, bytes: Buffer): void {
    const { index, onError } = this.#parts
    const id = index.idOf(seq)
    this.#size--
    void this.#damaged.put(seq, bytes)
    void this.#rows.remove(seq)
    const error = damage(id)
    if (id !== undefined) {
      index.forget(id)
      this.#fail(id, error)
    }
    queueMicrotask(() => onError(error, 'reading the queue of invalidations'))
  }

  /** Nobody will carry it out: its record says so, and can be retried if it tells what was asked for. */
  #fail(id: string, { code, message }: StaleproofError): void {
    const { history, clock } = this.#parts
    const known = history.peek(id)
    if (known !== undefined && hasEnded(known.status)) return
    const endedAt = clock.now()
    const record = known ?? pendingRecord(unknownJob(id, endedAt))
    history.write({ ...record, status: 'failed', endedAt, error: { code, message } })
  }
}

function readable(bytes: Buffer): QueueRow | undefined {
  try {
    return queueRow(bytes)
  } catch {
    return undefined
  }
}

function damage(id: string | undefined): StaleproofError {
  const job = id === undefined ? 'a job of the queue' : `the job of invalidation '${id}'`
  return new StaleproofError(
    'E_DISK_DAMAGED',
    `${job} is not what was written, and was put aside without being carried out; retry it, or invalidate anew what changed then`,
    { details: { id } },
  )
}

/** What a record says of a job of which only the id is known. */
function unknownJob(id: string, requestedAt: number): Job {
  return {
    id,
    names: [],
    prefix: null,
    all: false,
    strategy: 'background',
    consistency: 'strict',
    mode: 'purge',
    reason: null,
    actor: null,
    priority: 0,
    requestedAt,
    dueAt: requestedAt,
    attempts: 0,
    error: null,
  }
}
