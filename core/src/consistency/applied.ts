/**
 * Applied: how far this node has come in the log, and that what is new takes effect in order.
 *
 * Invariants: `n` moves by 1, within one generation; between two positions of the log is what is in force here only; a
 * record is applied once, in one tick, with what its sender wants done right before.
 */
import type { Change, LogRecord, LogState } from '../log/contract.ts'
import type { Clock } from '../model/clock.ts'
import { unknownGeneration } from '../model/position.ts'
import type { Said, Since, Told } from './contract.ts'
import type { Moment } from './lease.ts'
import { Own } from './own.ts'

export interface AppliedParts {
  readonly state: LogState
  readonly clock: Clock
  /** Of this node. */
  readonly id: string
}

/** Distance of positions that are in force here only. */
const between = 2 ** -20

export class Applied {
  generation = unknownGeneration
  n = 0
  /** Position of the newest record of another node: who appended it may wait until it is acknowledged. */
  newestOfOthers = 0
  readonly own = new Own()
  /** All that was in the log then is known here; what came since is not older than that. */
  #currentAt: Moment | undefined
  #witness = ''
  readonly #parts: AppliedParts

  constructor(parts: AppliedParts) {
    this.#parts = parts
  }

  get hasJoined(): boolean {
    return this.generation !== unknownGeneration
  }

  get since(): Since {
    return { generation: this.generation, applied: Math.floor(this.n), witness: this.#witness }
  }

  /** @returns whether all that is in the log is applied now */
  take(said: Said): boolean {
    if (said.is !== 'same' || said.generation !== this.generation) return false
    this.takeAll(said.records)
    return Math.floor(this.n) >= said.tail
  }

  /** Those that come next; others are known already, or come too early. @returns whether there were any */
  takeAll(records: readonly Told[]): boolean {
    const before = this.n
    for (const told of records) this.#take(told)
    return this.n !== before
  }

  /** @param sent what was in the log then is applied */
  isCurrentAs(sent: Moment): void {
    if (this.#currentAt === undefined || sent.monotonic > this.#currentAt.monotonic) this.#currentAt = sent
  }

  /** In force here at once, between two positions of the log. */
  force(change: Change, before?: (n: number) => void): void {
    const n = this.n + between
    before?.(n)
    this.n = n
    this.#parts.state.apply({ ...change, n, atMs: this.#parts.clock.now() }, true)
  }

  /** In place of all that was applied. */
  load(generation: string, { n, dump }: { readonly n: number; readonly dump: unknown }): void {
    this.generation = generation
    this.n = n
    this.newestOfOthers = 0
    this.#witness = ''
    // What follows a snapshot may be of any age.
    this.#currentAt = undefined
    this.#parts.state.load(dump)
  }

  #take(told: Told): void {
    if (told.n !== Math.floor(this.n) + 1) return
    const isOurs = told.node === this.#parts.id
    const sending = this.own.take(told, isOurs)
    sending?.before?.(told.n)
    this.n = told.n
    if (!isOurs) this.newestOfOthers = told.n
    this.#witness = told.nonce
    const record = { ...told.change, n: told.n, atMs: told.atMs }
    const isLate = told.change.kind === 'soft' && !isOurs
    this.#parts.state.apply(isLate ? { ...record, leftMs: this.#leftMsOf(record) } : record, isOurs)
  }

  /** No clock of another node is asked: it came into the log after this node knew all that was there. */
  #leftMsOf({ atMs, untilMs = 0 }: LogRecord): number {
    if (this.#currentAt === undefined) return -Infinity
    const { clock } = this.#parts
    const { monotonic, wall } = this.#currentAt
    // One stands still while the machine sleeps, the other may be set.
    return untilMs - atMs - Math.max(clock.monotonic() - monotonic, clock.now() - wall)
  }
}
