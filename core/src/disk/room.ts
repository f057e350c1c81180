/**
 * Room: what has to go when the tier holds more bytes than it may.
 *
 * FIFO with reinsertion, a form of CLOCK (Corbató, "A paging experiment with the Multics system", 1968; its lazy
 * promotion: Yang et al., "FIFO can be better than LRU", HotOS 2023), as near to LRU as few writes allow:
 *
 *   order:  oldest | ........ older half ........ | ........ newer half ........ | newest
 *
 * What is read while it stands in the older half moves to the end, in one transaction a second at most; when there is
 * no room, the oldest goes, unless this process has it in memory and it has not had its second chance in this round.
 *
 * Invariants: an entry leaves for room together with the record of the log that tells others; nothing that grows with
 * the number of entries is kept here.
 */
import type { Clock, Timer } from '../model/clock.ts'
import type { EntryParts } from '../model/entry.ts'
import type { Head } from '../tiers/contract.ts'
import type { Edit } from './edit.ts'
import type { Edits } from './edits.ts'
import type { StoredEntry } from '../bytes/format.ts'
import type { DiskLog } from './log.ts'
import { keyOf } from '../bytes/names.ts'
import type { Rows } from './rows.ts'

export interface RoomParts {
  readonly rows: Rows
  readonly edits: Edits
  readonly log: Pick<DiskLog, 'put'>
  readonly clock: Clock
  readonly bytesMax: number
  readonly isInUse: (key: string) => boolean
  readonly isInvalid: (head: Head) => boolean
  readonly onError: (error: unknown, during: string) => void
}

/** Part of `bytesMax` that is left when there was no room. */
const targetPart = 0.95
/** Entries that one transaction looks at, and how long it may take. */
const sliceMax = 500
const sliceMs = 5
const renewMs = 1000
const middleReads = 64
/** Places that are looked up in a second, and so moves that one transaction makes. What is read more often comes again. */
const renewMax = 1000

export class Room {
  readonly #parts: RoomParts
  #making: Promise<void> | undefined
  /** Keys to be moved -> their sequence when they were stored. */
  readonly #used = new Map<string, number>()
  #renewing: Timer | undefined
  /** The middle of the order of eviction, as it was a second and `middleReads` reads ago at most. */
  #middle = 0
  #middleUntil = 0
  #reads = 0
  #looks = 0
  #closed = false

  constructor(parts: RoomParts) {
    this.#parts = parts
  }

  /** Resolves when there is room again, or what could go has gone. */
  make(): Promise<void> {
    this.#making ??= this.#make()
      .catch((error: unknown) => this.#parts.onError(error, 'making room on the disk'))
      .finally(() => {
        this.#making = undefined
      })
    return this.#making
  }

  /** An entry was read. */
  used({ key, sequence }: Pick<StoredEntry, 'key' | 'sequence'>): void {
    if (++this.#reads % middleReads === 1) this.#lookAtMiddle()
    if (sequence > this.#middle || this.#looks >= renewMax || this.#used.has(key)) return
    this.#looks++
    if (this.#parts.rows.placeOf(keyOf(key), sequence) > this.#middle) return
    this.#used.set(key, sequence)
    this.#renewing ??= this.#parts.clock.schedule(renewMs, () => {
      this.#renew().catch((error: unknown) =>
        this.#parts.onError(error, 'renewing what was read on the disk'),
      )
    })
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#renewing?.cancel()
    await this.#making
  }

  async #make(): Promise<void> {
    const { rows, edits, clock, bytesMax } = this.#parts
    const target = bytesMax * targetPart
    // What stands behind it came, or was moved, in this round.
    const roundEnd = rows.counts().sequence
    for (;;) {
      const more = await edits.carryOut((edit) => this.#slice(edit, { target, roundEnd }))
      if (!more || this.#closed) return
      await clock.turn()
    }
  }

  /** @returns whether there may be more to do */
  #slice(edit: Edit, { target, roundEnd }: { target: number; roundEnd: number }): boolean {
    const { rows, log, clock, isInUse } = this.#parts
    const until = clock.now() + sliceMs
    const names: string[] = []
    const oldest = [...rows.order.getRange({ limit: sliceMax })]
    for (const { key: place, value: key } of oldest) {
      if (edit.counts.bytes <= target || clock.now() > until) break
      const entry = edit.head(key)
      if (entry === undefined || rows.placeOf(key, entry.sequence) !== place) {
        // Of an entry that was set aside.
        void rows.order.remove(place)
      } else if (place <= roundEnd && isInUse(entry.key)) {
        edit.move(key, place)
      } else {
        this.#evict(edit, key, entry)
        names.push(entry.key)
      }
    }
    if (names.length > 0) log.put({ kind: 'evict', names })
    return edit.counts.bytes > target && oldest.length > 0
  }

  #evict(edit: Edit, key: Buffer, entry: EntryParts & StoredEntry): void {
    edit.remove(key, entry)
    edit.counts.evictions += 1
    // Nobody comes to purge it any more.
    if (entry.generation !== '' && this.#parts.isInvalid(entry)) edit.ended(key)
  }

  async #renew(): Promise<void> {
    this.#renewing = undefined
    const used = [...this.#used]
    this.#used.clear()
    const { rows, edits } = this.#parts
    if (used.length === 0 || rows.environment.closed) return
    await edits.carryOut((edit) => {
      for (const [name, sequence] of used) {
        const key = keyOf(name)
        const place = rows.placeOf(key, sequence)
        // Removed, replaced or moved meanwhile.
        if (rows.order.get(place)?.equals(key) === true) edit.move(key, place)
      }
    })
  }

  #lookAtMiddle(): void {
    const nowMs = this.#parts.clock.coarseNow()
    if (nowMs < this.#middleUntil) return
    const { first, last } = this.#parts.rows.orderEnds()
    this.#middle = (first + last) / 2
    this.#middleUntil = nowMs + renewMs
    this.#looks = 0
  }
}
