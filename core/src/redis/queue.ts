/**
 * The queue of a cluster: jobs of all its nodes, in one order; each handle takes from it what it carries out. Kept as
 * queue-lua.ts says.
 *
 *   claim   look: what is due, and who is gone -> choose, here -> claim, if all of it is still as it was seen
 *
 * Invariants: a step, and the record that follows from it, are one script; only the handle that has claimed a job ends
 * it, for as long as its node lives; what cannot be read is put aside, and its record says so.
 *
 * An answer may be lost though the server has done what was asked. Of a claim: the server holds more for this handle
 * than it knows of, which is seen at its next claim, and given back. Of an end: it is asked for again, and the record
 * tells that it was this one.
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
import { listOf, numberOf, textOf, type Arg, type Driver, type Reply, type Script } from './driver.ts'
import type { RedisHistory } from './history.ts'
import {
  damage,
  damagedRecord,
  jobBytes,
  known,
  seatIn,
  seenIn,
  type Known,
  type Seen,
} from './queue-jobs.ts'
import * as scripts from './queue-lua.ts'
import { replicated } from './replicas.ts'

export interface RedisQueueOptions {
  readonly driver: Driver
  readonly clock: Clock
  /** Of the same driver and node. */
  readonly history: RedisHistory
  /** This process: another at each of its starts. */
  readonly node: string
  /** How many of them must have a job before it is accepted. Default 0. */
  readonly replicas?: number | undefined
  /** Most jobs, waiting or claimed. Default 100,000. */
  readonly sizeMax?: number | undefined
  /** Waiting this long raises a job's priority by one. Default 60 s. */
  readonly aging?: Duration | undefined
  readonly onError: (error: unknown, during: string) => void
}

/** ARGV[3..10] where no record is put but that of this id. */
const noRecord = ['', '', '', '', '', 0, 0] as const
const nothing: readonly Arg[] = []

/** Handles made in this process: each is a holder of its own. */
let handles = 0

export class RedisQueue implements Queue {
  readonly #options: RedisQueueOptions
  readonly #driver: Driver
  readonly #history: RedisHistory
  readonly #holder: string
  readonly #sizeMax: number
  readonly #agingMs: number
  /** Those that this handle knows that it has claimed. */
  readonly #held = new Set<string>()
  /** Those of which it is not known whether they were ended. */
  readonly #unsure = new Set<string>()
  /** What was asked and not answered. */
  readonly #asked = new Set<Promise<unknown>>()
  /** Settles when the last that claims has: between a look and what follows from it, nothing else is claimed here. */
  #claiming: Promise<unknown> = Promise.resolve()
  #size = 0
  #closing: Promise<void> | undefined

  constructor(options: RedisQueueOptions) {
    this.#options = options
    this.#driver = options.driver
    this.#history = options.history
    this.#holder = `${options.node}#${++handles}`
    this.#sizeMax = count(options.sizeMax ?? 100_000, 'queueMax')
    this.#agingMs = positiveDurationMs(options.aging ?? '60s', 'aging')
  }

  async add(job: Job): Promise<boolean> {
    const { strategy, dueAt } = job
    const more = [jobBytes(job), strategy, rank(job, this.#agingMs), dueAt, this.#sizeMax]
    const row = this.#history.rowOf(pendingRecord(job))
    const [added] = await this.#ask(scripts.addScript, [...row, ...more])
    if (numberOf(added) === -1) throw queueFull(this.#sizeMax)
    await replicated(this.#driver, this.#options.replicas ?? 0)
    return numberOf(added) === 1
  }

  claim(claim: Claim): Promise<readonly Job[]> {
    return this.#inTurn(() => this.#claim(claim))
  }

  take(id: string): Promise<Job | undefined> {
    return this.#inTurn(async () => {
      await this.#takeBack()
      if (this.#unsure.has(id)) return undefined
      const taken = await this.#find(id, 'claim')
      if (taken !== undefined) this.#held.add(id)
      return taken?.job
    })
  }

  async begin(job: Job, startedAt: number): Promise<Job | undefined> {
    const begun = { ...job, attempts: job.attempts + 1 }
    const row = this.#history.rowOf(runningRecord(begun, startedAt))
    if (await this.#askHeld(scripts.beginScript, [...row, begun.attempts])) return begun
    this.#held.delete(job.id)
    return undefined
  }

  async done(ended: InvalidationResult): Promise<boolean> {
    const { id } = ended
    const row = this.#history.rowOf(ended)
    try {
      const isDone = await this.#askHeld(scripts.doneScript, [...row, this.#unsure.has(id) ? 1 : 0])
      this.#unsure.delete(id)
      this.#held.delete(id)
      return isDone
    } catch (error) {
      if (this.#held.has(id)) this.#unsure.add(id)
      throw error
    }
  }

  async release(given: Job, dueAt: number): Promise<boolean> {
    const job = { ...given, dueAt }
    const row = this.#history.rowOf(pendingRecord(job))
    const more = [jobBytes(job), rank(job, this.#agingMs), dueAt]
    try {
      const isReleased = await this.#askHeld(scripts.releaseScript, [...row, ...more])
      this.#unsure.delete(job.id)
      this.#held.delete(job.id)
      return isReleased
    } catch (error) {
      if (this.#held.has(job.id)) this.#unsure.add(job.id)
      throw error
    }
  }

  async remove(id: string, endedAt: number): Promise<Job | undefined> {
    await this.#takeBack()
    for (;;) {
      const waiting = await this.#find(id, 'look')
      if (waiting === undefined) return undefined
      const row = this.#history.rowOf(cancelledRecord(waiting.job, endedAt))
      if (isDone(await this.#ask(scripts.removeScript, [...row, waiting.seat]))) return waiting.job
    }
  }

  async nextDue(): Promise<Partial<Record<QueuedStrategy, number>>> {
    await this.#takeBack()
    const times = await this.#ask(scripts.dueScript, nothing)
    const due: Partial<Record<QueuedStrategy, number>> = {}
    for (const [i, strategy] of queuedStrategies.entries()) {
      const time = textOf(times[i])
      if (time !== '') due[strategy] = Number(time)
    }
    return due
  }

  async list(): Promise<readonly Job[]> {
    const jobs: Job[] = []
    for (let after = '0'; ; ) {
      const [last, reply] = await this.#ask(scripts.listScript, [after])
      const seen = seenIn(reply)
      if (seen.length === 0) return jobs
      for (const { job } of await this.#readable(seen)) jobs.push(job)
      after = textOf(last)
    }
  }

  async size(): Promise<number> {
    const key = `${this.#driver.prefix}:order`
    this.#open()
    this.#size = numberOf(await this.#driver.call('ZCARD', key))
    return this.#size
  }

  get waiting(): number {
    return this.#size
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  // Claiming

  async #claim(claim: Claim): Promise<readonly Job[]> {
    this.#open()
    const jobs: Job[] = []
    try {
      while (await this.#claimMore(claim, jobs));
    } catch (error) {
      // What this handle knows that it has claimed is given to nobody else: it has to be carried out.
      if (jobs.length === 0 || this.#closing !== undefined) throw error
      this.#options.onError(error, 'claiming more queued invalidations')
    }
    return jobs
  }

  /** Adds what follows, as far as it fits. @returns whether there may be more */
  async #claimMore(claim: Claim, jobs: Job[]): Promise<boolean> {
    const page = await this.#look(claim, jobs)
    // Asked again, an end or a release would be taken for that of the next claim.
    const [first, ...others] = page.filter(({ id }) => !this.#unsure.has(id))
    if (first === undefined) return false
    const batch = new ClaimBatch(first.job.strategy, claim)
    for (const job of jobs) batch.take(job)
    const fitting: Known[] = []
    for (const each of [first, ...others]) {
      if (!batch.take(each.job)) break
      fitting.push(each)
    }
    if (fitting.length === 0) return false
    const seats = fitting.flatMap(({ id, seat }) => [id, seat])
    // If somebody else was faster with one of them, none is claimed.
    if (!isDone(await this.#ask(scripts.claimScript, seats))) return true
    for (const { id, job } of fitting) {
      this.#held.add(id)
      jobs.push(job)
    }
    return fitting.length === 1 + others.length
  }

  /** Those that follow: the first that are due of the strategy that goes first, or of that of the jobs before. */
  async #look({ now, namesMax, jobsMax }: Claim, [before, ...more]: readonly Job[]): Promise<Known[]> {
    const strategies = before === undefined ? asked(namesMax) : [before.strategy]
    const room = before === undefined ? jobsMax : jobsMax - 1 - more.length
    const fitting = 2 * Math.max(1, ...strategies.map((strategy) => namesMax[strategy] ?? 0))
    const limit = Math.min(scripts.sliceMax, fitting, Math.max(room, before === undefined ? 1 : 0))
    if (strategies.length === 0 || limit === 0) return []
    for (;;) {
      const [gone, held, moved, reply] = await this.#ask(scripts.lookScript, [now, limit, ...strategies])
      if (numberOf(gone) === 1 && (await this.#takeBack())) continue
      if (numberOf(held) > this.#held.size) {
        await this.#giveUp(({ id }) => !this.#held.has(id))
        continue
      }
      const seen = seenIn(reply)
      const page = await this.#readable(seen)
      if (numberOf(moved) === 0 && page.length === seen.length) return page
    }
  }

  /** What nodes that are gone had claimed waits again, be it by this handle or by others. @returns whether there was any */
  async #takeBack(): Promise<boolean> {
    for (let isAny = false; ; isAny = true) {
      const [reply] = await this.#ask(scripts.goneScript, nothing)
      const held = seenIn(reply)
      if (held.length === 0) return isAny
      await Promise.all(held.map((each) => this.#giveBack(each, crashed)))
    }
  }

  async #giveUp(isWanted: (seen: Seen) => boolean): Promise<void> {
    for (let after = ''; ; ) {
      const [last, reply] = await this.#send(scripts.ownScript, [after])
      const held = seenIn(reply)
      if (held.length === 0) return
      await Promise.all(held.filter(isWanted).map((each) => this.#giveBack(each, null)))
      after = textOf(last)
    }
  }

  async #giveBack(held: Seen, why: Job['error']): Promise<boolean> {
    const runs = seatIn(held)?.runs
    const job = known(held)?.job
    if (job === undefined) return this.#putAside(held)
    if (runs === undefined) {
      return isDone(await this.#send(scripts.giveBackScript, [held.id, ...noRecord, held.seat, '']))
    }
    const cutOff = { ...job, attempts: runs, error: why ?? job.error }
    const row = this.#history.rowOf(pendingRecord(cutOff))
    return isDone(await this.#send(scripts.giveBackScript, [...row, held.seat, jobBytes(cutOff)]))
  }

  // Reading

  /** One that waits. Undefined if it is claimed, unknown, or not what was written. */
  async #find(id: string, how: 'look' | 'claim'): Promise<Known | undefined> {
    const seen = seenIn(await this.#ask(scripts.findScript, [id, how === 'claim' ? 1 : 0]))
    const [found] = await this.#readable(seen, how === 'claim')
    return found
  }

  /** Those that are what was written; the others are put aside, unless one who has claimed them has read them before. */
  async #readable(all: readonly Seen[], isOurs = false): Promise<Known[]> {
    const readable: Known[] = []
    for (const seen of all) {
      const found = known(seen)
      if (found !== undefined) readable.push(found)
      else if (isOurs || seatIn(seen)?.isClaimed !== true) await this.#putAside(seen)
    }
    return readable
  }

  /** Its record ends as failed, if it has not ended. False if it is not there any more, or has changed. */
  async #putAside({ id, seat, bytes }: Seen): Promise<boolean> {
    const { clock, onError } = this.#options
    const record = await this.#history.peek(id)
    const row = this.#history.rowOf(damagedRecord(id, { record, endedAt: clock.now() }))
    const isAside = isDone(await this.#send(scripts.putAsideScript, [...row, seat, bytes]))
    if (isAside) onError(damage(id), 'reading the queue of invalidations')
    return isAside
  }

  // Asking

  async #close(): Promise<void> {
    // What was asked before is answered: nothing is claimed by this handle after that.
    await Promise.allSettled(this.#asked)
    try {
      await this.#giveUp(() => true)
    } catch (error) {
      // Others take it back when they see that this node is gone.
      this.#options.onError(error, 'giving back claimed invalidations')
    }
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#claiming.then(work)
    // Whoever asked is told; the next in turn goes on all the same.
    this.#claiming = turn.catch(() => undefined)
    return turn
  }

  async #askHeld(script: Script, args: readonly Arg[]): Promise<boolean> {
    return isDone(await this.#ask(script, args))
  }

  async #ask(script: Script, args: readonly Arg[]): Promise<readonly Reply[]> {
    this.#open()
    return this.#send(script, args)
  }

  /** @returns what the script told, without the size */
  async #send(script: Script, args: readonly Arg[]): Promise<readonly Reply[]> {
    const asking = this.#driver.run(script, [this.#options.node, this.#holder, ...args])
    this.#asked.add(asking)
    try {
      const [size, ...reply] = listOf(await asking)
      this.#size = numberOf(size)
      return reply
    } finally {
      this.#asked.delete(asking)
    }
  }

  #open(): void {
    if (this.#closing !== undefined) throw closed('queue')
  }
}

function asked(namesMax: Claim['namesMax']): QueuedStrategy[] {
  return queuedStrategies.filter((strategy) => namesMax[strategy] !== undefined)
}

function isDone([reply]: readonly Reply[]): boolean {
  return numberOf(reply) === 1
}
