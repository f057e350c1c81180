/**
 * The queue of one process: nothing survives it.
 *
 * slots: id -> every job's seat; later: those not yet due, by `dueAt`; lanes: strategy -> those due, by `rank`;
 * claimed: those given out.
 * Invariants: a slot is in exactly one of `later`, its lane and `claimed`; once due, always due.
 * A job costs O(log n) to put in, to claim and to take out: ranks do not change with time (see `rank`).
 */
import { count, type Duration, positiveDurationMs } from '../model/quantity.ts'
import { type Claim, closed, type Job, type Queue, queueFull, queuedStrategies, rank } from './contract.ts'
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
    const slot = { job, rank: job.dueAt, seq: this.#seq++, at: -1 }
    this.#slots.set(job.id, slot)
    this.#later.push(slot)
  }

  async claim(claim: Claim): Promise<readonly Job[]> {
    this.#open()
    this.#fillLanes(claim.now)
    const strategy = this.#lead(claim)
    if (strategy === undefined) return []
    const batch = new Batch(claim.namesMax[strategy] ?? 1, claim.jobsMax)
    const lane = this.#lanes[strategy]
    for (let slot = lane.first; slot !== undefined && batch.take(slot.job); slot = lane.first) {
      lane.remove(slot)
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
    slot.rank = dueAt
    this.#later.push(slot)
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

  async size(): Promise<number> {
    this.#open()
    return this.#slots.size
  }

  async close(): Promise<void> {
    this.#closed = true
  }

  #fillLanes(now: number): void {
    for (let slot = this.#later.first; slot !== undefined && slot.rank <= now; slot = this.#later.first) {
      this.#later.remove(slot)
      slot.rank = rank(slot.job, this.#agingMs)
      this.#lanes[slot.job.strategy].push(slot)
    }
  }

  /** The strategy of the job that goes first, among those asked for. */
  #lead(claim: Claim): Job['strategy'] | undefined {
    let lead: Slot | undefined
    for (const strategy of queuedStrategies) {
      const first = claim.namesMax[strategy] === undefined ? undefined : this.#lanes[strategy].first
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
