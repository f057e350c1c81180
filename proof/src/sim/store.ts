/**
 * Store: what one server of the simulated Redis holds, key by key, and the copy of it that lags.
 *
 * Invariants: a change is an effect, which every copy carries out in the same order; what an effect puts in is never
 * altered afterwards.
 */
import type { EntryParts, Snapshot, Told } from './parts.ts'
import { emptyQueue, type QueueState } from './queue-scripts.ts'

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
  /** How many nodes are registered, as far as the log knows. */
  readonly nodes: number
}

export interface Ack {
  readonly acked: number
  readonly name: string
  readonly said: number
}

/** An entry as it stands: its value may have gone for room. */
export interface Standing {
  readonly entry: EntryParts
  /** Another each time that something is stored under the key. */
  readonly version: string
  readonly hasValue: boolean
}

/** What is known, in one generation, of keys whose entries were removed as invalid. */
export interface Ended {
  readonly generation: string
  /** key -> position up to which the log was applied by who removed an entry of it */
  readonly at: ReadonlyMap<string, number>
}

/** Who loads a key, and until when if it is not renewed, by the clock of the server. */
export interface Turn {
  readonly node: string
  readonly until: number
}

export class Store {
  meta: Meta | undefined
  log: readonly Row[] | undefined
  nodes: ReadonlyMap<string, Ack> = new Map()
  snapshot: Snapshot | undefined
  entries: ReadonlyMap<string, Standing> = new Map()
  /** Counts what was stored. */
  sequence = 0
  ended: Ended = { generation: '', at: new Map() }
  /** The newest sync that acknowledged more; 0: none did. */
  acks = 0
  /** id of a key -> its turn */
  turns: ReadonlyMap<string, Turn> = new Map()
  queue: QueueState = emptyQueue

  copy(): Store {
    return Object.assign(new Store(), this)
  }
}

export type Effect = (store: Store) => void

/** What one step did: a replica gets all of it or nothing. */
interface Sent {
  readonly at: number
  readonly step: number
  readonly effects: Effect[]
}

/** Steps that a replica may be behind by, at most. */
const behindMax = 400

/** A primary, and a replica that has had all but the last steps. */
export class Replicated {
  primary = new Store()
  #replica = new Store()
  /** The last step that the replica has had. */
  #had = 0
  #stream: Sent[] = []

  /** @param step number of it, which grows */
  carryOut(step: { readonly at: number; readonly step: number }, effect: Effect): void {
    effect(this.primary)
    const last = this.#stream.at(-1)
    if (last?.step === step.step) last.effects.push(effect)
    else this.#stream.push({ ...step, effects: [effect] })
    if (this.#stream.length > behindMax) this.#catchUp(this.#stream.length - behindMax / 2)
  }

  /** The replica takes over with what it had at that time. */
  promote(at: number): Promoted {
    const had = this.#stream.findIndex((sent) => sent.at > at)
    this.#catchUp(had < 0 ? this.#stream.length : had)
    const lost = this.#stream.length
    const kept = this.#had
    this.#stream = []
    this.primary = this.#replica
    this.#replica = this.primary.copy()
    return { lost, kept }
  }

  #catchUp(count: number): void {
    for (const { effects, step } of this.#stream.splice(0, count)) {
      for (const effect of effects) effect(this.#replica)
      this.#had = step
    }
  }
}

export interface Promoted {
  /** How many steps are lost. */
  readonly lost: number
  /** The last step that is not: all is as it was after that. */
  readonly kept: number
}
