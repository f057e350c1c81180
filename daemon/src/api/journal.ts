/**
 * The journal: the latest events, kept so that a client that was away can go on where it was.
 *
 * Invariants: events are numbered 1, 2, 3, ... without a gap; it holds the newest of them, bounded in number and
 * in length; a follower gets every event after its start in order, or is told that it lost some. A follower
 * holds no events of its own: one that is slow costs nothing, and is cut off when the journal has moved on.
 */
import { randomUUID } from 'node:crypto'
import type { CacheEvents } from 'staleproof'

export type Telling =
  | { readonly event: 'invalidated'; readonly data: CacheEvents['invalidated'] }
  | { readonly event: 'changed'; readonly data: CacheEvents['changed'] }
  | { readonly event: 'gap'; readonly data: { readonly since: string; readonly reason: 'log' } }

export type Told = Telling & { readonly id: string; readonly text: string }

/** Why a client cannot go on where it was. */
export type GapReason = 'other-start' | 'too-old' | 'unknown-id'
export type Start = { readonly from: number } | { readonly from: number; readonly gap: GapReason }

export interface JournalBounds {
  readonly events: number
  /** Length of all texts together, in UTF-16 units. */
  readonly length: number
}

export class Journal {
  readonly #bounds: JournalBounds
  readonly #run = randomUUID().slice(0, 8)
  readonly #told = new Map<number, Told>()
  readonly #followers = new Set<Follower>()
  #length = 0
  #last = 0
  #closed = false

  constructor(bounds: JournalBounds = { events: 10_000, length: 16 * 1024 ** 2 }) {
    this.#bounds = bounds
  }

  get followers(): number {
    return this.#followers.size
  }

  /** What others did meanwhile is not known: the log does not have it. */
  tellGap(): void {
    this.tell({ event: 'gap', data: { since: this.idOf(this.#last), reason: 'log' } })
  }

  tell(telling: Telling): void {
    this.#last += 1
    const told = { ...telling, id: this.idOf(this.#last), text: JSON.stringify(telling.data) }
    this.#told.set(this.#last, told)
    this.#length += told.text.length
    this.#forgetOldest()
    for (const follower of [...this.#followers]) follower.look()
  }

  /** Where to go on after the event of that id; without one, now. */
  startAfter(lastId: string | undefined): Start {
    const now = this.#last + 1
    if (lastId === undefined) return { from: now }
    const [, run, n] = /^(\w+)\.(\d{1,15})$/.exec(lastId) ?? []
    if (run === undefined) return { from: now, gap: 'unknown-id' }
    if (run !== this.#run) return { from: now, gap: 'other-start' }
    const from = Number(n) + 1
    if (from > now) return { from: now, gap: 'unknown-id' }
    return from < this.#first ? { from: now, gap: 'too-old' } : { from }
  }

  /** `onLost` is called if the follower is too slow, once; it gets nothing more then. */
  follow(from: number, onLost: () => void): Follower {
    const follower = new Follower(from, {
      at: (n) => this.#told.get(n),
      lost: (n) => n < this.#first,
      left: () => this.#followers.delete(follower),
      onLost,
    })
    this.#followers.add(follower)
    if (this.#closed) follower.end()
    return follower
  }

  idOf(n: number): string {
    return `${this.#run}.${n}`
  }

  /** Ends every follower, and those that still come. */
  close(): void {
    this.#closed = true
    for (const follower of [...this.#followers]) follower.end()
  }

  get #first(): number {
    return this.#last - this.#told.size + 1
  }

  #forgetOldest(): void {
    for (const [n, { text }] of this.#told) {
      if (this.#told.size <= this.#bounds.events && this.#length <= this.#bounds.length) return
      this.#told.delete(n)
      this.#length -= text.length
    }
  }
}

interface FollowerView {
  at(n: number): Told | undefined
  lost(n: number): boolean
  left(): void
  onLost(): void
}

/** One reader of the journal: a place in it. */
export class Follower {
  readonly #journal: FollowerView
  #n: number
  #ended = false
  #wake: () => void = () => {}

  constructor(from: number, journal: FollowerView) {
    this.#n = from
    this.#journal = journal
  }

  /** The next event; `quiet` if there was none for so long; `ended` after the end. */
  async next(quietAfterMs: number): Promise<Told | 'quiet' | 'ended'> {
    if (!this.#ended && this.#journal.at(this.#n) === undefined) await this.#news(quietAfterMs)
    if (this.#ended) return 'ended'
    const told = this.#journal.at(this.#n)
    if (told === undefined) return 'quiet'
    this.#n += 1
    return told
  }

  /** The journal has changed. */
  look(): void {
    if (!this.#journal.lost(this.#n)) return this.#wake()
    this.end()
    this.#journal.onLost()
  }

  end(): void {
    this.#ended = true
    this.#journal.left()
    this.#wake()
  }

  #news(quietAfterMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, quietAfterMs)
      this.#wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }
}
