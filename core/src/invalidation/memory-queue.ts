/**
 * The queue of one process: nothing survives it.
 *
 * slots: id -> every job's seat; claimed: those given out. Of those that wait, by strategy: lanes, by `rank`; putOff, by
 * `dueAt`: those that were released; early, by `dueAt`: those found at the head of a lane before they were due.
 * Invariants: a slot is in exactly one of a lane, `putOff`, `early` and `claimed`; after `#firstDue`, the head of a lane is
 * the first by rank of all of its strategy that are due; a step and its record come in one tick, the record first: if
 * the history does not take it, the step is not taken.
 * A job costs O(log n) to put in, to claim and to take out: ranks do not change with time (see `rank`).
 */
import type { InvalidationResult, Status } from '../model/invalidation.ts'
import { count, type Duration, positiveDurationMs } from '../model/quantity.ts'
import {
  cancelledRecord,
  type Claim,
  ClaimBatch,
  closed,
  type Job,
  pendingRecord,
  type Queue,
  type QueuedStrategy,
  queueFull,
  queuedStrategies,
  rank,
  runningRecord,
} from './contract.ts'
import { isLess, JobHeap, type Slot } from './job-heap.ts'

/** What a queue in memory needs of its history. */
export interface MemoryRecords {
  statusOf(id: string): Status | undefined
  write(record: InvalidationResult): void
}

export interface MemoryQueueOptions {
  readonly history: MemoryRecords
  /** Most jobs, waiting or claimed. Default 100,000. */
  readonly sizeMax?: number | undefined
  /** Waiting this long raises a job's priority by one. Default 60 s. */
  readonly aging?: Duration | undefined
}

export class MemoryQueue implements Queue {
  readonly #history: MemoryRecords
  readonly #sizeMax: number
  readonly #agingMs: number
  readonly #slots = new Map<string, Slot>()
  readonly #putOff = { scheduled: new JobHeap(), background: new JobHeap() }
  readonly #early = { scheduled: new JobHeap(), background: new JobHeap() }
  readonly #lanes = { scheduled: new JobHeap(), background: new JobHeap() }
  readonly #claimed = new Set<Slot>()
  #seq = 0
  #closed = false

  constructor(options: MemoryQueueOptions) {
    this.#history = options.history
    this.#sizeMax = count(options.sizeMax ?? 100_000, 'queueMax')
    this.#agingMs = positiveDurationMs(options.aging ?? '60s', 'aging')
  }

  async add(job: Job): Promise<boolean> {
    this.#open()
    if (this.#slots.has(job.id) || this.#history.statusOf(job.id) === 'completed') return false
    if (this.#slots.size >= this.#sizeMax) throw queueFull(this.#sizeMax)
    this.#history.write(pendingRecord(job))
    const slot = { job, rank: 0, seq: this.#seq++, at: -1 }
    this.#slots.set(job.id, slot)
    this.#enterLane(slot)
    return true
  }

  async claim(claim: Claim): Promise<readonly Job[]> {
    this.#open()
    this.#recall(claim.now)
    const strategy = this.#lead(claim)
    if (strategy === undefined) return []
    const batch = new ClaimBatch(strategy, claim)
    const next = () => this.#firstDue(strategy, claim.now)
    for (let slot = next(); slot !== undefined && batch.take(slot.job); slot = next()) {
      this.#lanes[strategy].remove(slot)
      this.#claimed.add(slot)
    }
    return batch.jobs
  }

  async take(id: string): Promise<Job | undefined> {
    this.#open()
    const slot = this.#waitingSlot(id)
    if (slot === undefined) return undefined
    this.#leave(slot)
    this.#claimed.add(slot)
    return slot.job
  }

  async begin(job: Job, startedAt: number): Promise<Job | undefined> {
    this.#open()
    const slot = this.#claimedSlot(job.id)
    if (slot === undefined) return undefined
    const begun = { ...job, attempts: job.attempts + 1 }
    this.#history.write(runningRecord(begun, startedAt))
    slot.job = begun
    return begun
  }

  async done(ended: InvalidationResult): Promise<boolean> {
    this.#open()
    const slot = this.#claimedSlot(ended.id)
    if (slot === undefined) return false
    this.#history.write(ended)
    this.#claimed.delete(slot)
    return this.#slots.delete(ended.id)
  }

  async release(job: Job, dueAt: number): Promise<boolean> {
    this.#open()
    const slot = this.#claimedSlot(job.id)
    if (slot === undefined) return false
    this.#history.write(pendingRecord(job))
    this.#claimed.delete(slot)
    slot.job = { ...job, dueAt }
    enterByTime(this.#putOff[job.strategy], slot)
    return true
  }

  async remove(id: string, endedAt: number): Promise<Job | undefined> {
    this.#open()
    const slot = this.#waitingSlot(id)
    if (slot === undefined) return undefined
    this.#history.write(cancelledRecord(slot.job, endedAt))
    this.#leave(slot)
    this.#slots.delete(id)
    return slot.job
  }

  async nextDue(): Promise<Partial<Record<QueuedStrategy, number>>> {
    this.#open()
    const due: Partial<Record<QueuedStrategy, number>> = {}
    for (const strategy of queuedStrategies) {
      const { first } = this.#putOff[strategy]
      if (first !== undefined) due[strategy] = first.job.dueAt
    }
    return due
  }

  async list(): Promise<readonly Job[]> {
    this.#open()
    return Array.from(this.#slots.values(), (slot) => slot.job)
  }

  get waiting(): number {
    return this.#slots.size
  }

  async size(): Promise<number> {
    this.#open()
    return this.#slots.size
  }

  async close(): Promise<void> {
    this.#closed = true
  }

  #enterLane(slot: Slot): void {
    slot.rank = rank(slot.job, this.#agingMs)
    this.#lanes[slot.job.strategy].push(slot)
  }

  #leave(slot: Slot): void {
    const { strategy } = slot.job
    for (const heaps of [this.#lanes, this.#putOff, this.#early]) if (heaps[strategy].remove(slot)) return
  }

  /** Moves what has become due back to its lane. */
  #recall(now: number): void {
    for (const strategy of queuedStrategies) {
      for (const later of [this.#putOff[strategy], this.#early[strategy]]) {
        for (let slot = later.first; slot !== undefined && slot.rank <= now; slot = later.first) {
          later.remove(slot)
          this.#enterLane(slot)
        }
      }
    }
  }

  #firstDue(strategy: QueuedStrategy, now: number): Slot | undefined {
    const lane = this.#lanes[strategy]
    for (let slot = lane.first; slot !== undefined; slot = lane.first) {
      if (slot.job.dueAt <= now) return slot
      lane.remove(slot)
      enterByTime(this.#early[strategy], slot)
    }
    return undefined
  }

  /** The strategy of the job that goes first, among those asked for. */
  #lead(claim: Claim): QueuedStrategy | undefined {
    let lead: Slot | undefined
    for (const strategy of queuedStrategies) {
      if (claim.namesMax[strategy] === undefined) continue
      const first = this.#firstDue(strategy, claim.now)
      if (first !== undefined && (lead === undefined || isLess(first, lead))) lead = first
    }
    return lead?.job.strategy
  }

  #waitingSlot(id: string): Slot | undefined {
    const slot = this.#slots.get(id)
    return slot !== undefined && this.#claimed.has(slot) ? undefined : slot
  }

  #claimedSlot(id: string): Slot | undefined {
    const slot = this.#slots.get(id)
    return slot !== undefined && this.#claimed.has(slot) ? slot : undefined
  }

  #open(): void {
    if (this.#closed) throw closed('queue')
  }
}

function enterByTime(heap: JobHeap, slot: Slot): void {
  slot.rank = slot.job.dueAt
  heap.push(slot)
}
