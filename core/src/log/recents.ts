/**
 * Recents: of the newest records, when they were appended and when this node heard of them, and who asked for them.
 *
 * Of older ones, and of those that came in a dump, one bound for all is kept: they came then at the latest.
 *
 * Invariants: what is answered is never earlier than what is true, as far as the clocks of the nodes agree.
 */
import { Fifo } from '../model/fifo.ts'
import type { LogRecord } from './contract.ts'

/** When a record came. */
export interface When {
  /** ms since 1970, by the clock of the node that appended it. */
  readonly atMs: number
  /** When this node heard of it, by its monotonic clock. */
  readonly heardMs: number
}

export interface Recent extends When {
  readonly n: number
  readonly by: string | null
}

/** Looks at the clocks; `heard`, the monotonic one, may always say 0 if nobody asks for it. */
export interface Times {
  now(): number
  heard(): number
  monotonic(): number
}

const recentMax = 10_000

export class Recents {
  readonly #times: Times
  readonly #byN = new Map<number, Recent>()
  readonly #inOrder = new Fifo<Recent>()
  #others: When

  constructor(times: Times) {
    this.#times = times
    this.#others = { atMs: times.now(), heardMs: times.heard() }
  }

  /** When the last record came, of all that are known. */
  get newestMs(): number {
    let newest = this.#others.atMs
    for (const { atMs } of this.#byN.values()) newest = Math.max(newest, atMs)
    return newest
  }

  add({ n, atMs, by }: LogRecord): void {
    const recent = { n, atMs, heardMs: this.#times.heard(), by: by ?? null }
    // One record may end several things.
    if (!this.#byN.has(n)) this.#inOrder.push(recent)
    this.#byN.set(n, recent)
    if (this.#byN.size <= recentMax) return
    const oldest = this.#inOrder.shift() as Recent
    this.#byN.delete(oldest.n)
    this.#others = later(this.#others, oldest)
  }

  get(n: number): Recent | undefined {
    return this.#byN.get(n)
  }

  /** When the record at `n` came, at the latest. */
  latest(n: number): When {
    return this.#byN.get(n) ?? this.#others
  }

  /** @param atMs when the last of all records came that are not known any more; as far as is known, just now */
  forget(atMs: number = this.#times.now()): void {
    this.#byN.clear()
    this.#inOrder.clear()
    this.#others = { atMs, heardMs: this.#times.heard() }
  }
}

function later(a: When, b: When): When {
  return { atMs: Math.max(a.atMs, b.atMs), heardMs: Math.max(a.heardMs, b.heardMs) }
}
