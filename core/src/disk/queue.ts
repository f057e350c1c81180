/**
 * The queue of a directory: jobs of all its processes, in one order; each process takes from it what it carries out.
 *
 *   jobs         number -> job (queue-rows.ts)              in the order in which they were added
 *   jobKeys      i id -> number
 *                l strategy, rank, number -> nothing        those that wait, by their turn: ranks do not change with time
 *                p, e strategy, time, number -> nothing     those that wait for a time: put off, or early
 *                c node, number -> runs, if one is begun    those claimed
 *   jobsDamaged  number -> bytes that are not what was written
 *
 * Invariants: a step, and the record that follows from it, are one transaction, in which nobody else writes; only the
 * node that has claimed a job changes it, for as long as that node lives; the size never exceeds the bound; what cannot
 * be read is put aside, and its record says so.
 *
 * `add` and `remove` are flushed, since somebody was told that it is accepted, or cancelled. `begin`, `done` and
 * `release` are not: what the end of a process leaves is what it committed, and what a loss of power undoes of them is a
 * run that is repeated, which does no harm; nothing is lost by it.
 */
import {
  cancelledRecord,
  type Claim,
  ClaimBatch,
  closed,
  crashed,
  type Job,
  pendingRecord,
  type Queue,
  type QueuedStrategy,
  queueFull,
  queuedStrategies,
  rank,
  runningRecord,
} from '../invalidation/contract.ts'
import type { Clock } from '../model/clock.ts'
import type { InvalidationResult } from '../model/invalidation.ts'
import { count, type Duration, positiveDurationMs } from '../model/quantity.ts'
import type { Environment } from './environment.ts'
import type { DiskHistory } from './history.ts'
import type { Nodes } from './nodes.ts'
import { QueueIndex, type Spot } from './queue-index.ts'
import { QueueJobs } from './queue-jobs.ts'
import { queueBytes, type QueueRow } from './queue-rows.ts'

export interface DiskQueueOptions {
  readonly environment: Environment
  readonly nodes: Pick<Nodes, 'id' | 'isGone'>
  readonly clock: Clock
  /** Of the same environment. */
  readonly history: DiskHistory
  /** Most jobs, waiting or claimed. Default 100,000. */
  readonly sizeMax?: number | undefined
  /** Waiting this long raises a job's priority by one. Default 60 s. */
  readonly aging?: Duration | undefined
  readonly onError: (error: unknown, during: string) => void
}

/** Jobs that are looked at, or changed, before others have their turn. */
const sliceMax = 200
/** Jobs of a lane that are looked for at once. */
const lookMax = 32

export class DiskQueue implements Queue {
  readonly #options: DiskQueueOptions
  readonly #environment: Environment
  readonly #history: DiskHistory
  readonly #node: string
  readonly #sizeMax: number
  readonly #agingMs: number
  readonly #jobs: QueueJobs
  readonly #index: QueueIndex
  /** How many there were at the last look. */
  #known = 0
  #closing: Promise<void> | undefined

  constructor(options: DiskQueueOptions) {
    const { environment, history, nodes } = options
    this.#options = options
    this.#environment = environment
    this.#history = history
    this.#node = nodes.id
    this.#sizeMax = count(options.sizeMax ?? 100_000, 'queueMax')
    this.#agingMs = positiveDurationMs(options.aging ?? '60s', 'aging')
    this.#index = new QueueIndex(environment)
    this.#jobs = new QueueJobs({ ...options, index: this.#index })
  }

  async add(job: Job): Promise<boolean> {
    this.#open()
    const row = { rank: rank(job, this.#agingMs), job }
    const bytes = queueBytes(row)
    const added = await this.#durably(() => this.#add(row, bytes))
    if (added === 'full') throw queueFull(this.#sizeMax)
    return added
  }

  async claim(claim: Claim): Promise<readonly Job[]> {
    this.#open()
    await this.#takeBack()
    await this.#recall(claim.now)
    // Most looks find nothing: those shall keep nobody from writing.
    const isEmpty = asked(claim).every((strategy) => this.#index.first('lane', strategy) === undefined)
    return isEmpty ? [] : this.#step(() => this.#claim(claim))
  }

  async take(id: string): Promise<Job | undefined> {
    await this.#takeBack()
    return this.#step(() => {
      const waiting = this.#waiting(id)
      if (waiting === undefined) return undefined
      this.#index.remove(waiting.spot)
      this.#index.claim(this.#node, waiting.spot.seq)
      return waiting.job
    })
  }

  async begin(job: Job, startedAt: number): Promise<Job | undefined> {
    const begun = { ...job, attempts: job.attempts + 1 }
    return this.#step(() => {
      const seq = this.#held(job.id)
      if (seq === undefined) return undefined
      this.#index.begin(this.#node, { seq, begun: begun.attempts })
      this.#history.write(runningRecord(begun, startedAt))
      return begun
    })
  }

  async done(ended: InvalidationResult): Promise<boolean> {
    return this.#step(() => {
      const seq = this.#held(ended.id)
      if (seq === undefined) return false
      this.#index.unclaim(this.#node, seq)
      this.#jobs.drop(ended.id, seq)
      this.#history.write(ended)
      return true
    })
  }

  async release(given: Job, dueAt: number): Promise<boolean> {
    const job = { ...given, dueAt }
    const bytes = queueBytes({ rank: rank(job, this.#agingMs), job })
    return this.#step(() => {
      const seq = this.#held(job.id)
      if (seq === undefined) return false
      this.#jobs.put(seq, bytes)
      this.#index.unclaim(this.#node, seq)
      this.#index.put({ stand: 'putOff', strategy: job.strategy, number: dueAt, seq })
      this.#history.write(pendingRecord(job))
      return true
    })
  }

  async remove(id: string, endedAt: number): Promise<Job | undefined> {
    await this.#takeBack()
    const work = () => {
      const waiting = this.#waiting(id)
      if (waiting === undefined) return undefined
      this.#index.remove(waiting.spot)
      this.#jobs.drop(id, waiting.spot.seq)
      this.#history.write(cancelledRecord(waiting.job, endedAt))
      return waiting.job
    }
    this.#open()
    return this.#durably(work)
  }

  async nextDue(): Promise<Partial<Record<QueuedStrategy, number>>> {
    await this.#takeBack()
    const due: Partial<Record<QueuedStrategy, number>> = {}
    for (const strategy of queuedStrategies) {
      const first = this.#index.first('putOff', strategy)
      if (first !== undefined) due[strategy] = first.number
    }
    return due
  }

  async list(): Promise<readonly Job[]> {
    const jobs: Job[] = []
    for (let start = 0; ; await this.#options.clock.turn()) {
      this.#look()
      const slice = this.#jobs.slice(start, sliceMax)
      for (const { seq, row } of slice) {
        const readable = row ?? (await this.#step(() => this.#jobs.read(seq)))
        if (readable !== undefined) jobs.push(readable.job)
      }
      const last = slice.at(-1)
      if (last === undefined || slice.length < sliceMax) return jobs
      start = last.seq + 1
    }
  }

  async size(): Promise<number> {
    this.#look()
    return this.waiting
  }

  get waiting(): number {
    if (!this.#environment.closed) this.#known = this.#jobs.count
    return this.#known
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  // Within a transaction

  #add({ rank: number, job }: QueueRow, bytes: Buffer): boolean | 'full' {
    if (this.#index.find(job.id) !== undefined) return false
    if (this.#history.statusOf(job.id) === 'completed') return false
    if (this.#jobs.size >= this.#sizeMax) return 'full'
    const seq = this.#jobs.add(job.id, bytes)
    this.#index.put({ stand: 'lane', strategy: job.strategy, number, seq })
    this.#history.write(pendingRecord(job))
    return true
  }

  #claim(claim: Claim): readonly Job[] {
    const strategy = this.#lead(claim)
    if (strategy === undefined) return []
    const batch = new ClaimBatch(strategy, claim)
    for (const { spot, job } of this.#due(strategy, claim.now)) {
      if (!batch.take(job)) break
      this.#index.remove(spot)
      this.#index.claim(this.#node, spot.seq)
    }
    return batch.jobs
  }

  /** The strategy of the job that goes first, among those asked for. */
  #lead(claim: Claim): QueuedStrategy | undefined {
    let lead: Spot | undefined
    for (const strategy of asked(claim)) {
      const [first] = this.#due(strategy, claim.now)
      if (first !== undefined && (lead === undefined || isBefore(first.spot, lead))) lead = first.spot
    }
    return lead?.strategy
  }

  /** Those of a lane that are due, in their order; those that are not are put where they wait for their time. */
  *#due(strategy: QueuedStrategy, now: number): Generator<{ spot: Spot; job: Job }> {
    let after: Spot | undefined
    for (;;) {
      const spots = this.#index.inLane(strategy, { after, limit: lookMax })
      for (const spot of spots) {
        const job = this.#jobs.read(spot.seq)?.job
        if (job !== undefined && job.dueAt <= now) yield { spot, job }
        else this.#index.remove(spot)
        if (job !== undefined && job.dueAt > now)
          this.#index.put({ ...spot, stand: 'early', number: job.dueAt })
      }
      after = spots.at(-1)
      if (after === undefined || spots.length < lookMax) return
    }
  }

  #waiting(id: string): { spot: Spot; job: Job } | undefined {
    const seq = this.#index.find(id)
    const row = seq === undefined ? undefined : this.#jobs.read(seq)
    if (seq === undefined || row === undefined) return undefined
    const { strategy, dueAt } = row.job
    const spots: Spot[] = [
      { stand: 'lane', strategy, number: row.rank, seq },
      { stand: 'putOff', strategy, number: dueAt, seq },
      { stand: 'early', strategy, number: dueAt, seq },
    ]
    const spot = spots.find((each) => this.#index.has(each))
    return spot && { spot, job: row.job }
  }

  /** The number of a job that this process holds. */
  #held(id: string): number | undefined {
    const seq = this.#index.find(id)
    return seq !== undefined && this.#index.holds(this.#node, seq) ? seq : undefined
  }

  /** @returns whether there may be more */
  #recallSlice(now: number): boolean {
    const spots = this.#index.due(now, sliceMax)
    for (const spot of spots) {
      this.#index.remove(spot)
      const row = this.#jobs.read(spot.seq)
      if (row !== undefined) this.#index.put({ ...spot, stand: 'lane', number: row.rank })
    }
    return spots.length === sliceMax
  }

  /** @returns whether there may be more */
  #giveUpSlice(node: string, why: Job['error']): boolean {
    const held = this.#index.held(node, sliceMax)
    for (const { seq, begun } of held) {
      this.#index.unclaim(node, seq)
      const row = this.#jobs.read(seq)
      if (row === undefined) continue
      const { rank: number, job } = row
      this.#index.put({ stand: 'lane', strategy: job.strategy, number, seq })
      if (begun === undefined) continue
      const cutOff = { ...job, attempts: begun, error: why ?? job.error }
      this.#jobs.put(seq, queueBytes({ rank: number, job: cutOff }))
      this.#history.write(pendingRecord(cutOff))
    }
    return held.length === sliceMax
  }

  // Around transactions

  /** What processes that are gone had claimed waits again. */
  async #takeBack(): Promise<void> {
    this.#look()
    for (const node of this.#index.holders()) {
      if (this.#options.nodes.isGone(node)) await this.#giveUp(node, crashed)
    }
    this.#look()
  }

  async #giveUp(node: string, why: Job['error']): Promise<void> {
    while (await this.#transact(() => this.#giveUpSlice(node, why))) await this.#options.clock.turn()
  }

  /** What has become due returns to its lane. */
  async #recall(now: number): Promise<void> {
    if (this.#index.due(now, 1).length === 0) return
    while (await this.#step(() => this.#recallSlice(now))) await this.#options.clock.turn()
    this.#look()
  }

  async #close(): Promise<void> {
    if (this.#environment.closed) return
    try {
      await this.#giveUp(this.#node, null)
    } catch (error) {
      // Others take it back when they see that this process is gone.
      this.#options.onError(error, 'giving back claimed invalidations')
    }
  }

  #step<T>(work: () => T): Promise<T> {
    this.#open()
    return this.#transact(work)
  }

  /** Resolves when it is on the medium. */
  async #durably<T>(work: () => T): Promise<T> {
    const result = await this.#transact(work)
    await this.#environment.flush()
    return result
  }

  /** A job and its record change together. */
  #transact<T>(work: () => T): Promise<T> {
    return this.#environment.transact(() => {
      this.#history.join()
      this.#environment.join(this.#jobs)
      return work()
    })
  }

  /** From here on reads see what is committed. */
  #look(): void {
    this.#open()
    this.#environment.refresh()
  }

  #open(): void {
    if (this.#closing !== undefined) throw closed('queue')
  }
}

function asked({ namesMax }: Claim): QueuedStrategy[] {
  return queuedStrategies.filter((strategy) => namesMax[strategy] !== undefined)
}

function isBefore(one: Spot, other: Spot): boolean {
  return one.number < other.number || (one.number === other.number && one.seq < other.seq)
}
