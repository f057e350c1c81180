/**
 * Store: what one server of the simulated Redis holds, key by key, and the copy of it that lags.
 *
 * Invariants: a change is an effect, which every copy carries out in the same order; what an effect puts in is never
 * altered afterwards.
 */
import type { EntryParts, Snapshot, Told } from './parts.ts'

/** The row of the log, with the time of the server at which it came. */
export interface Row {
  readonly told: Told
  readonly at: number
}

export interface Meta {
  readonly generation: string
  readonly epoch: number
  readonly n: number
  readonly settled: boolean
  /** Counts what nodes said. */
  readonly said: number
}

export interface Ack {
  readonly acked: number
  readonly name: string
  readonly said: number
}

export class Store {
  meta: Meta | undefined
  log: readonly Row[] | undefined
  nodes: ReadonlyMap<string, Ack> = new Map()
  snapshot: Snapshot | undefined
  entries: ReadonlyMap<string, EntryParts> = new Map()
  /** key -> position up to which the log was applied by who deleted an invalid entry of it */
  ended: ReadonlyMap<string, number> = new Map()

  copy(): Store {
    return Object.assign(new Store(), this)
  }
}

export type Effect = (store: Store) => void

interface Sent {
  readonly at: number
  readonly effect: Effect
}

/** Effects that a replica may be behind by, at most. */
const behindMax = 400

/** A primary, and a replica that has had all but the last effects. */
export class Replicated {
  primary = new Store()
  #replica = new Store()
  #stream: Sent[] = []

  carryOut(at: number, effect: Effect): void {
    effect(this.primary)
    this.#stream.push({ at, effect })
    if (this.#stream.length > behindMax) this.#catchUp(this.#stream.length - behindMax / 2)
  }

  /** The replica takes over with what it had at that time. @returns how many effects are lost */
  promote(at: number): number {
    const had = this.#stream.findIndex((sent) => sent.at > at)
    this.#catchUp(had < 0 ? this.#stream.length : had)
    const lost = this.#stream.length
    this.#stream = []
    this.primary = this.#replica
    this.#replica = this.primary.copy()
    return lost
  }

  #catchUp(count: number): void {
    for (const { effect } of this.#stream.splice(0, count)) effect(this.#replica)
  }
}
