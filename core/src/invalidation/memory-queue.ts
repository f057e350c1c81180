/**
 * The queue of one process: nothing survives it.
 *
 * slots: id -> every job's seat; lanes: strategy -> those that wait, by `rank`; later: those that were released, or
 * found at the head of a lane, before they were due, by `dueAt`; claimed: those given out.
 * Invariants: a slot is in exactly one of its lane, `later` and `claimed`; after `#firstDue`, the head of a lane is
 * the first by rank of all of its strategy that are due.
 * A job costs O(log n) to put in, to claim and to take out: ranks do not change with time (see `rank`).
 */
import { count, type Duration, positiveDurationMs } from '../model/quantity.ts'
import {
  type Claim,
  closed,
  type Job,
  type Queue,
  type QueuedStrategy,
  queueFull,
  queuedStrategies,
  rank,
} from './contract.ts'
import { isLess, JobHeap, type Slot } from './job-heap.ts'

export interface MemoryQueueOptions {
  /** Most jobs, waiting or claimed. Default 100,000. */
  readonly sizeMax?: number | undefined
  /** Waiting this long raises a job's priority by one. Default 60 s. */
  readonly aging?: Duration | undefined
}

export class MemoryQueue implements Queue {
  readonly #sizeMax: number
  readonly #agingMs: number
  readonly #slots = new Map<string, Slot>()
  readonly #later = new JobHeap()
  readonly #lanes = { scheduled: new JobHeap(), background: new JobHeap() }
  readonly #claimed = new Set<Slot>()
  #seq = 0
  #closed = false

  constructor(options: MemoryQueueOptions = {}) {
    this.#sizeMax = count(options.sizeMax ?? 100_000, 'queueMax')
    this.#agingMs = positiveDurationMs(options.aging ?? '60s', 'aging')
  }

  async add(job: Job): Promise<void> {
    this.#open()
    if (this.#slots.has(job.id)) return
    if (this.#slots.size >= this.#sizeMax) throw queueFull(this.#sizeMax)
    const slot = { job, rank: 0, seq: this.#seq++, at: -1 }
    this.#slots.set(job.id, slot)
    this.#enterLane(slot)
  }

  async claim(claim: Claim): Promise<readonly Job[]> {
    this.#open()
    this.#recall(claim.now)
    const strategy = this.#lead(claim)
    if (strategy === undefined) return []
    const batch = new Batch(claim.namesMax[strategy] ?? 1, claim.jobsMax)
    const next = () => this.#firstDue(strategy, claim.now)
    for (let slot = next(); slot !== undefined && batch.take(slot.job); slot = next()) {
      this.#lanes[strategy].remove(slot)
      this.#claimed.add(slot)
    }
    return batch.jobs
  }

  async done(id: string): Promise<boolean> {
    this.#open()
    const slot = this.#unclaim(id)
    if (slot !== undefined) this.#slots.delete(id)
    return slot !== undefined
  }

  async release(job: Job, dueAt: number): Promise<boolean> {
    this.#open()
    const slot = this.#unclaim(job.id)
    if (slot === undefined) return false
    slot.job = { ...job, dueAt }
    this.#enterLater(slot)
    return true
  }

  async remove(id: string): Promise<Job | undefined> {
    this.#open()
    const slot = this.#slots.get(id)
    if (slot === undefined || this.#claimed.has(slot)) return undefined
    if (!this.#later.remove(slot)) this.#lanes[slot.job.strategy].remove(slot)
    this.#slots.delete(id)
    return slot.job
  }

  async list(): Promise<readonly Job[]> {
    this.#open()
    return Array.from(this.#slots.values(), (slot) => slot.job)
  }

  /** How many there are, without waiting for the answer. */
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

  #enterLater(slot: Slot): void {
    slot.rank = slot.job.dueAt
    this.#later.push(slot)
  }

  /** Moves what has become due back to its lane. */
  #recall(now: number): void {
    for (let slot = this.#later.first; slot !== undefined && slot.rank <= now; slot = this.#later.first) {
      this.#later.remove(slot)
      this.#enterLane(slot)
    }
  }

  #firstDue(strategy: QueuedStrategy, now: number): Slot | undefined {
    const lane = this.#lanes[strategy]
    for (let slot = lane.first; slot !== undefined; slot = lane.first) {
      if (slot.job.dueAt <= now) return slot
      lane.remove(slot)
      this.#enterLater(slot)
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

  #unclaim(id: string): Slot | undefined {
    const slot = this.#slots.get(id)
    return slot !== undefined && this.#claimed.delete(slot) ? slot : undefined
  }

  #open(): void {
    if (this.#closed) throw closed('queue')
  }
}

/** Jobs as long as they fit; the first always does. */
class Batch {
  readonly jobs: Job[] = []
  readonly #names = new Set<string>()
  readonly #namesMax: number
  readonly #jobsMax: number

  constructor(namesMax: number, jobsMax: number) {
    this.#namesMax = namesMax
    this.#jobsMax = jobsMax
  }

  /** False, and the job is left out, if it does not fit. */
  take(job: Job): boolean {
    const fresh = namesOf(job).filter((name) => !this.#names.has(name))
    const fits = this.#names.size + fresh.length <= this.#namesMax && this.jobs.length < this.#jobsMax
    if (!fits && this.jobs.length > 0) return false
    for (const name of fresh) this.#names.add(name)
    this.jobs.push(job)
    return true
  }
}

/** What a job counts for; the zero byte sets a prefix apart from a name of the same text. */
function namesOf(job: Job): readonly string[] {
  if (job.all) return [...job.names, '\0all']
  return job.prefix === null ? job.names : [...job.names, `\0prefix:${job.prefix}`]
}
