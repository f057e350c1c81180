/**
 * Member: the log of many nodes, as one of them sees it.
 *
 *   sync  every third of a lease or 3 s, and at once when there is news -> apply what is new -> a lease
 *   gap, another generation -> restore: snapshot, records after it -> sync
 *   lost -> begin a generation with what was declared in the last -> restore -> append own recent records again
 *
 * While the server cannot be reached, what is appended is in force here at once, between two positions of the log, and
 * owed: it is appended, in order, before this node gets a lease again.
 *
 * Invariants: `applied` moves by 1, within one generation; a lease is granted by a sync that fetched everything, from
 * the moment at which it was sent; nothing of one generation is ever compared with anything of another; a record is
 * applied once, in order, in one tick.
 */
import type { Alongside, Change, ChangeOutbox, Log, LogState, Membership } from '../log/contract.ts'
import { backoffMs } from '../model/backoff.ts'
import type { Clock, Random, Timer } from '../model/clock.ts'
import { StaleproofError } from '../model/errors.ts'
import type { NodeEvent } from '../model/event.ts'
import type { NodeOutcome } from '../model/invalidation.ts'
import type { Position } from '../model/position.ts'
import { Applied } from './applied.ts'
import type { LogBeside, LogServer, Said, Since, Told } from './contract.ts'
import { Debt } from './debt.ts'
import { everywhere } from './everywhere.ts'
import { closed, otherLease, tooLong, unexpected, unsteady } from './failures.ts'
import { Lease } from './lease.ts'
import { isOf, newGeneration, nonceOf } from './nonce.ts'
import type { Pending, Sending } from './own.ts'
import { Snapshots } from './snapshots.ts'
import { termsOf, type Terms } from './terms.ts'

export interface MemberParts {
  readonly server: LogServer
  readonly state: LogState
  readonly clock: Clock
  readonly random: Random
  /** Random, of this cache in this process: one that is started again is another. */
  readonly id: string
  /** For people: host and process. */
  readonly nodeName: string
  /** How long a node may serve without having asked, in ms. */
  readonly leaseMs: number
  /** What a consistency promises, in ms: no node may serve for longer without having asked. Default: any time. */
  readonly boundMs?: number
  /** Records after which a snapshot is worth its price, at least. Default 4096. */
  readonly snapshotAfter?: number
  readonly onError: (error: unknown, during: string) => void
  readonly onNode: (event: NodeEvent) => void
  /** The server can be asked again: what stands beside the log on it, too. */
  readonly onReached?: () => void
  readonly onWritten: (change: Change, position: Position) => void
  /** Keeps through a crash what could not be appended. */
  readonly outbox?: ChangeOutbox | undefined
}

const retry = { firstMs: 100, maxMs: 1000 }
/** A server that is reached again is not asked by all nodes at once, but within so long. */
const spreadMs = 100
/** Rounds of a repair, or of an append, that find the log changed again, before that counts as a failure. */
const roundsMax = 10
/** Queue and history take a node that said nothing for 10 s for one that is gone. */
const silentMsMax = 3000
/** A read waits no longer for a lease. */
const regainMs = 500

export class Member implements Log, Membership, LogBeside {
  readonly name: string
  readonly #parts: MemberParts
  readonly #lease: Lease
  readonly #applied: Applied
  /** Those that are to be appended next. */
  #pending: Pending[] = []
  #appending: Promise<void> | undefined
  #syncing: Promise<boolean> | undefined
  readonly #debt: Debt
  /** What was declared here in generations before, until it is declared in this one. */
  readonly #declared: unknown[] = []
  #repairing: Promise<void> | undefined
  /** When this generation was first seen here, by the monotonic clock. */
  #seenSince = 0
  #isSettled = false
  #nodes = 0
  /** Position that the last sync said was applied here. */
  #acked = 0
  #isAcknowledging = false
  readonly #snapshots: Snapshots
  #failures = 0
  #failure: StaleproofError | undefined
  #wasFenced = true
  #timer: Timer | undefined
  #isClosed = false

  constructor(parts: MemberParts) {
    this.#parts = parts
    this.name = parts.server.name
    this.#lease = new Lease(parts.clock, parts.leaseMs)
    this.#applied = new Applied(parts)
    this.#snapshots = new Snapshots(parts)
    this.#debt = new Debt({ ...parts, applied: this.#applied })
    parts.server.watch(
      () => this.since(),
      (news, generation) => this.#hear(news, generation),
      () => this.#comeBack(),
    )
    void this.#keepUp()
  }

  get membership(): Membership {
    return this
  }

  get generation(): string {
    return this.#applied.generation
  }

  get applied(): number {
    return this.#applied.n
  }

  /** Without a lease nothing that is held may be served. */
  get isFenced(): boolean {
    const isFenced = !this.#lease.isHeld
    if (isFenced !== this.#wasFenced && !this.#isClosed) this.#tellFence(isFenced)
    return isFenced
  }

  get failure(): StaleproofError | undefined {
    return this.#failure
  }

  /** Changes that are in force here and not in the log. */
  get waiting(): number {
    return this.#debt.count
  }

  /** Other nodes that are registered. */
  get others(): number {
    return Math.max(0, this.#nodes - 1)
  }

  since(): Since {
    return this.#applied.since
  }

  /** What others appended comes by itself; how late it may be is bounded by the lease. */
  catchUp(): void {}

  /** Tries to get a lease, unless that has just failed: somebody waits for it. @returns whether there is one */
  async regain(): Promise<boolean> {
    if (this.#isClosed || this.#failures > 0) return false
    await Promise.race([this.#sync(), this.#pause(regainMs)])
    return !this.isFenced
  }

  /** By a sync that is sent now: one that is under way may have been answered before. */
  async refresh(): Promise<boolean> {
    await this.#syncing
    return this.#sync()
  }

  append(change: Change, before?: (n: number) => void, alongside?: Alongside): Promise<Position> {
    if (this.#isClosed) return Promise.reject(closed())
    // Else it waits for what is owed, which is paid first.
    if (this.#debt.count > 0 && this.#failure !== undefined)
      return this.#debt.owe({ change, before, alongside }, this.#failure)
    return new Promise((resolve, reject) => {
      this.#pending.push({ change, before, alongside, resolve, reject })
      this.#appending ??= this.#appendAll()
    })
  }

  own(change: Change, before: (n: number) => void): Omit<Told, 'n'> {
    return this.#expect({ change, before, alongside: undefined })
  }

  disown(nonce: string): void {
    this.#applied.own.disown(nonce)
  }

  take(said: Said): boolean {
    if (said.is !== 'same' || said.generation !== this.generation) return false
    this.#nodes = said.nodes
    if (said.isSettled) this.#settle()
    const isAll = this.#applied.take(said)
    this.#acknowledge()
    return isAll
  }

  everywhere(position: Position): Promise<readonly NodeOutcome[] | undefined> {
    return everywhere(position, {
      ...this.#parts,
      outlastMs: this.#lease.outlastMs,
      generation: () => this.generation,
      isSettled: () => this.#isSettled,
    })
  }

  async close(): Promise<void> {
    if (this.#isClosed) return
    if (this.#debt.count > 0) await this.#sync()
    this.#isClosed = true
    this.#timer?.cancel()
    this.#lease.end()
    await this.#appending
    await this.#syncing
    const { server, id, onError } = this.#parts
    // If not, others outlast this node once.
    await server.leave(id).catch((error: unknown) => onError(error, 'leaving the register of nodes'))
    this.#tell('left')
  }

  // Sync

  /** Every third of a lease; after a failure sooner or later, by chance. */
  async #keepUp(): Promise<void> {
    await this.#sync()
    if (this.#isClosed) return
    const { clock, random } = this.#parts
    const everyMs = Math.min(this.#lease.ownMs / 3, silentMsMax) * (1 - random() / 10)
    const delayMs = this.#failures === 0 ? everyMs : backoffMs(retry, this.#failures, random)
    this.#timer?.cancel()
    this.#timer = clock.schedule(delayMs, () => void this.#keepUp())
  }

  /** The server is there again: whoever waits to try again need not wait any longer. */
  #comeBack(): void {
    if (this.#isClosed || this.#failures === 0) return
    const { clock, random } = this.#parts
    this.#timer?.cancel()
    this.#timer = clock.schedule(random() * spreadMs, () => void this.#keepUp())
  }

  /** Those who ask while one is under way share it. @returns whether it succeeded. Never rejects */
  #sync(): Promise<boolean> {
    this.#syncing ??= this.#trySync().finally(() => {
      this.#syncing = undefined
    })
    return this.#syncing
  }

  async #trySync(): Promise<boolean> {
    try {
      for (let idle = 0; idle < roundsMax; idle++) {
        const { applied } = this
        if (await this.#syncOnce()) return true
        if (this.applied > applied) idle = 0
      }
      throw unsteady()
    } catch (error) {
      this.#fail(error)
      return false
    }
  }

  /** @returns whether a lease was granted */
  async #syncOnce(): Promise<boolean> {
    const { server, id, nodeName } = this.#parts
    if (this.#applied.hasJoined) await this.#pay()
    const sent = this.#lease.moment()
    const isSettled = this.#applied.hasJoined && sent.monotonic - this.#seenSince >= this.#lease.outlastMs
    const since = this.since()
    const said = await server.sync(since, { id, name: nodeName, isSettled })
    if (said.is === 'same' && said.generation === this.generation) this.#acked = since.applied
    if (said.is !== 'same') {
      await this.#repair(said)
      return false
    }
    if (!this.take(said)) return false
    if (this.#debt.stands) {
      // Another generation may have come meanwhile.
      await this.#debt.settle()
      return false
    }
    this.#applied.isCurrentAs(sent)
    if (isSettled) this.#settle()
    this.#succeed()
    this.#lease.grant(sent)
    if (this.#wasFenced) this.#tellFence(false)
    if (this.#debt.count === 0) this.#snapshots.writeIfDue(this.since(), this.#lease.terms)
    return true
  }

  /** News are applied at once, and acknowledged by a sync. */
  #hear(news: readonly Told[], generation: string): void {
    if (this.#isClosed || generation !== this.generation) return
    // The server may be in another generation by now.
    const ours = news.filter((told) => isOf(told, generation))
    if (this.#applied.takeAll(ours)) this.#acknowledge()
  }

  /** By a sync that is sent after it was applied. */
  #acknowledge(): void {
    if (this.#isAcknowledging || this.#applied.newestOfOthers <= this.#acked) return
    this.#isAcknowledging = true
    void this.refresh().then((isDone) => {
      this.#isAcknowledging = false
      if (isDone) this.#acknowledge()
    })
  }

  // Append

  /** One request at a time: those who come meanwhile go together with the next. */
  async #appendAll(): Promise<void> {
    while (this.#pending.length > 0) {
      // Those of one tick go together.
      await Promise.resolve()
      const batch = this.#pending.splice(0)
      const positions: Position[] = []
      try {
        const { generation, n } = await this.#appendBatch(batch)
        positions.push(...batch.map((_, i) => ({ generation, n: n + i })))
        await this.#parts.server.secured()
        for (const [i, { resolve }] of batch.entries()) resolve(positions[i] as Position)
      } catch (error) {
        const failure = this.#fail(error)
        for (const [i, each] of batch.entries())
          this.#debt.owe(each, failure, positions[i]).then(each.resolve, each.reject)
      }
    }
    // In this tick: whoever comes next begins anew.
    this.#appending = undefined
  }

  /** @returns position of the first; all of them are applied here then */
  async #appendBatch(batch: readonly Sending[]): Promise<Position> {
    for (let round = 0; round < roundsMax; round++) {
      // What was appended before comes before.
      while (!this.#applied.hasJoined || this.#debt.isDue) await this.#joined()
      const records = batch.map((sending) => this.#expect(sending))
      for (const { alongside } of batch) alongside?.(undefined)
      const last = records.length - 1
      try {
        const { generation } = this
        const { said, first } = await this.#parts.server.append(this.since(), records)
        if (first === undefined) await this.#repair(said)
        else if (await this.#reached(said, { generation, n: first + last })) return { generation, n: first }
      } finally {
        for (const { nonce } of records) this.disown(nonce)
      }
    }
    throw unsteady()
  }

  /** Applies what was told, and what is left until that position. @returns false if the generation ended before */
  async #reached(said: Said, { generation, n }: Position): Promise<boolean> {
    this.take(said)
    while (this.generation === generation && this.applied < n) await this.#joined()
    return this.generation === generation
  }

  /** @throws why it could not be */
  async #joined(): Promise<void> {
    if (!(await this.#sync())) throw this.#failure ?? unsteady()
  }

  #expect(sending: Sending): Omit<Told, 'n'> {
    const record = this.#record(sending.change)
    this.#applied.own.expect(record.nonce, sending)
    return record
  }

  #record(change: Change): Omit<Told, 'n'> {
    const { clock, id } = this.#parts
    return { nonce: nonceOf(this.generation), node: id, change, atMs: clock.now() }
  }

  /** Appends what others do not know of. */
  async #pay(): Promise<void> {
    await this.#debt.pay(async (changes) => {
      const records = changes.map((change) => this.#record(change))
      this.#applied.own.areForDebt(records)
      const { said, first } = await this.#parts.server.append(this.since(), records)
      if (first !== undefined) this.take(said)
      return first
    })
  }

  // Repair

  /** One at a time: whoever asks meanwhile looks again afterwards. */
  #repair(said: Said): Promise<void> {
    this.#lease.end()
    this.#repairing ??= this.#repairNow(said).finally(() => {
      this.#repairing = undefined
    })
    return this.#repairing
  }

  async #repairNow(said: Said): Promise<void> {
    if (said.is === 'lost') await this.#begin()
    if (said.is !== 'same') await this.#restore()
  }

  /** What was declared goes on; what was invalidated need not be known, since nothing from before is used any more. */
  async #begin(): Promise<void> {
    const { server, state, leaseMs } = this.#parts
    const last = await server.snapshot()
    if (last !== undefined && last.generation !== this.generation) this.#load(last.generation, last)
    // What the server still has of it.
    await this.#followRest()
    const longestMs = Math.max(leaseMs, this.#lease.longestMs)
    await server.begin({ generation: newGeneration(), dump: { leaseMs, longestMs, state: state.declared() } })
  }

  /** Applies what the server has of this generation. */
  async #followRest(): Promise<void> {
    if (!this.#applied.hasJoined) return
    const { server } = this.#parts
    for (let isNew = true; isNew; ) {
      const { generation, applied } = this.since()
      const records = await server.records(generation, applied)
      // It may have become another generation between two steps of that.
      isNew = this.#applied.takeAll(records.filter((told) => isOf(told, this.generation)))
    }
  }

  async #restore(): Promise<void> {
    const snapshot = await this.#parts.server.snapshot()
    if (snapshot === undefined) throw unsteady()
    const { leaseMs } = termsOf(snapshot.dump, this.#lease.termMs)
    const { boundMs = Infinity } = this.#parts
    if (leaseMs > boundMs) throw tooLong(leaseMs, boundMs)
    const isAnother = snapshot.generation !== this.generation
    this.#load(snapshot.generation, snapshot)
    this.#tell(isAnother ? 'generation' : 'gap')
    await this.#followRest()
    // Before anything else is appended: it may have been in the tail that was lost.
    const missing = this.#declared.splice(0).flatMap((dump) => this.#parts.state.missing(dump))
    this.#debt.repeat(missing)
  }

  #load(generation: string, snapshot: { readonly n: number; readonly dump: unknown }): void {
    // What comes back may be less than what was applied.
    this.#lease.end()
    if (generation !== this.generation) {
      if (this.#applied.hasJoined) this.#declared.push(this.#parts.state.declared())
      // Before anything can fail.
      this.#debt.repeat(this.#applied.own.takeRing())
      this.#seenSince = this.#parts.clock.monotonic()
      this.#isSettled = false
    }
    const terms = termsOf(snapshot.dump, this.#lease.termMs)
    this.#agree(terms)
    this.#snapshots.loadedAt(snapshot.n)
    this.#acked = 0
    this.#applied.load(generation, { n: snapshot.n, dump: terms.state })
    // What is in force here only is not in what was loaded.
    this.#debt.force()
  }

  #settle(): void {
    this.#isSettled = true
    this.#lease.settle()
  }

  /** How long leases last is said by whoever began the generation. */
  #agree({ leaseMs, longestMs }: Terms): void {
    const { leaseMs: givenMs, onError } = this.#parts
    if (leaseMs !== givenMs && leaseMs !== this.#lease.termMs)
      onError(otherLease(givenMs, leaseMs), 'joining the log')
    this.#lease.agree(leaseMs, longestMs)
  }

  // How it goes

  #fail(error: unknown): StaleproofError {
    this.#failures++
    const { onError, server } = this.#parts
    const isFirst = this.#failure === undefined
    this.#failure = error instanceof StaleproofError ? error : unexpected(error)
    if (isFirst && !this.#isClosed) onError(error, `asking the log '${server.name}'`)
    // Told when it ends, even if nobody reads.
    if (!this.#wasFenced) void this.isFenced
    return this.#failure
  }

  #succeed(): void {
    const hadFailed = this.#failures > 0
    this.#failures = 0
    this.#failure = undefined
    // It answers again, be it on the connection that it was silent on.
    if (hadFailed) this.#parts.onReached?.()
  }

  #tellFence(isFenced: boolean): void {
    this.#wasFenced = isFenced
    this.#tell(isFenced ? 'fenced' : 'leased')
  }

  #tell(status: NodeEvent['status']): void {
    const { generation, applied } = this.since()
    this.#parts.onNode({ status, generation, applied, others: this.others })
  }

  #pause(delayMs: number): Promise<void> {
    return new Promise((resolve) => this.#parts.clock.schedule(delayMs, resolve))
  }
}
