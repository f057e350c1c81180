/**
 * Sweep: walks through all entries, by and by, and removes what nobody can use any more.
 *
 * It goes by the order of keys, at a bounded rate, in slices, and goes on where it was when the process ended. When it
 * is through, it looks for files that no row refers to: those of a process that ended between a file and its row.
 *
 * Invariant: it removes nothing that may still be valid in somebody's memory: only what was invalidated, what is past
 * the last moment at which any copy can be served, and what cannot be read.
 */
import type { Clock, Timer } from '../model/clock.ts'
import type { Head } from '../tiers/contract.ts'
import { sealed, unsealed } from '../bytes/codec.ts'
import type { Edit } from './edit.ts'
import type { Edits } from './edits.ts'
import { goneAtOf, type StoredEntry } from '../bytes/format.ts'
import type { Rows } from './rows.ts'

export interface SweepParts {
  readonly rows: Rows
  readonly edits: Edits
  readonly clock: Clock
  readonly isInvalid: (head: Head) => boolean
  readonly isCertainlyInvalid: (head: Head) => boolean
  readonly onError: (error: unknown, during: string) => void
  /** Entries that are looked at. Default 2000. */
  readonly perSecond?: number
}

export interface SweepProgress {
  /** How far this round is, 0 to 1. */
  readonly position: number
  /** Entries that this round looked at, and what it removed. */
  readonly looked: number
  readonly removed: number
  /** Rounds that were completed, ever. */
  readonly rounds: number
  /** When this round began, ms since 1970. */
  readonly startedAt: number
}

/** The round that is under way. */
interface Place {
  /** The last key that was looked at; undefined at the beginning. */
  key: Buffer | undefined
  looked: number
  removed: number
  rounds: number
  startedAt: number
}

const placeKey = Buffer.from('sweep')
const tickMs = 50
/** Longest time that a look keeps the event loop. */
const sliceMs = 2
const roundPauseMs = 60_000
const rememberMs = 10_000
/** A file is written shortly before its row is. */
const orphanMs = 3_600_000
const folders = 256

export class Sweeper {
  readonly #parts: SweepParts
  readonly #perTick: number
  readonly #place: Place
  #entries = 0
  #timer: Timer | undefined
  #working: Promise<void> | undefined
  #rememberAt = 0
  #closed = false

  constructor(parts: SweepParts) {
    this.#parts = parts
    this.#perTick = Math.max(1, Math.ceil(((parts.perSecond ?? 2000) * tickMs) / 1000))
    this.#place = placeOf(parts.rows) ?? {
      ...{ key: undefined, looked: 0, removed: 0, rounds: 0 },
      startedAt: parts.clock.now(),
    }
    this.#again(tickMs)
  }

  get progress(): SweepProgress {
    const { looked, removed, rounds, startedAt } = this.#place
    return { position: Math.min(1, looked / Math.max(1, this.#entries)), looked, removed, rounds, startedAt }
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#timer?.cancel()
    await this.#working
    if (this.#parts.rows.environment.closed) return
    await this.#parts.edits
      .carryOut(() => this.#remember())
      .catch((error: unknown) => this.#parts.onError(error, 'noting how far the sweep of the disk is'))
  }

  #again(delayMs: number): void {
    if (this.#closed || this.#parts.rows.environment.closed) return
    this.#timer = this.#parts.clock.schedule(delayMs, () => {
      this.#working = this.#work()
    })
  }

  async #work(): Promise<void> {
    let delayMs = tickMs
    try {
      if (this.#parts.rows.environment.closed || !this.#parts.rows.isGenerationKnown) return
      if (!(await this.#slice())) return
      delayMs = roundPauseMs
      // Whatever becomes of the files, the entries are looked at again.
      await this.#removeOrphans().finally(() => this.#nextRound())
    } catch (error) {
      if (!this.#closed) this.#parts.onError(error, 'sweeping the disk')
      delayMs = roundPauseMs
    } finally {
      this.#again(delayMs)
    }
  }

  /** @returns whether it came to the end */
  async #slice(): Promise<boolean> {
    const { rows, edits, clock } = this.#parts
    rows.environment.refresh()
    this.#entries = rows.counts().entries
    const keys = this.#nextKeys()
    const until = clock.now() + sliceMs
    const going: Buffer[] = []
    let looked = 0
    for (const key of keys) {
      if (looked > 0 && clock.now() > until) break
      if (this.#mustGo(key)) going.push(key)
      this.#place.key = key
      looked++
    }
    this.#place.looked += looked
    if (going.length > 0 || clock.now() >= this.#rememberAt) {
      this.#place.removed += await edits.carryOut((edit) => this.#remove(edit, going))
    }
    return looked === keys.length && keys.length < this.#perTick
  }

  #nextKeys(): Buffer[] {
    const { key } = this.#place
    const start = key === undefined ? {} : { start: Buffer.concat([key, Buffer.of(0)]) }
    return [...this.#parts.rows.entries.getKeys({ ...start, limit: this.#perTick })]
  }

  #mustGo(key: Buffer): boolean {
    const { rows } = this.#parts
    const bytes = rows.bytesOf(key)
    if (bytes === undefined) return false
    try {
      return this.#isGone(rows.format.head(bytes))
    } catch {
      return true
    }
  }

  #isGone(entry: StoredEntry): boolean {
    if (entry.generation === '') return true
    // The policy may be another by now, and an entry in memory lives by that.
    const goneAt = Math.max(entry.goneAt, goneAtOf(entry, entry.kind === 'value'))
    return goneAt <= this.#parts.clock.now() || this.#parts.isCertainlyInvalid(entry)
  }

  /** They are looked at once more: they may have been replaced. @returns how many went */
  #remove(edit: Edit, keys: readonly Buffer[]): number {
    let removed = 0
    for (const key of keys) {
      const damaged = edit.counts.damaged
      const entry = edit.head(key)
      if (entry !== undefined && this.#isGone(entry)) {
        edit.remove(key, entry)
        if (entry.generation !== '' && this.#parts.isInvalid(entry)) edit.ended(key)
        removed++
      }
      removed += edit.counts.damaged - damaged
    }
    this.#remember()
    return removed
  }

  /** Within a transaction. */
  #remember(): void {
    void this.#parts.rows.tier.put(placeKey, sealed(this.#place))
    this.#rememberAt = this.#parts.clock.now() + rememberMs
  }

  #nextRound(): void {
    Object.assign(this.#place, { key: undefined, looked: 0, removed: 0, startedAt: this.#parts.clock.now() })
    this.#place.rounds += 1
  }

  /** One folder that fails keeps no other from being looked at. @throws what the first failed with */
  async #removeOrphans(): Promise<void> {
    const failures: unknown[] = []
    for (let folder = 0; folder < folders && !this.#closed; folder++) {
      await this.#removeOrphansIn(folder).catch((error: unknown) => failures.push(error))
    }
    if (failures.length > 0) throw failures[0]
  }

  async #removeOrphansIn(folder: number): Promise<void> {
    const { rows, edits, clock } = this.#parts
    for await (const { name, writtenAt } of edits.files.list(folder)) {
      if (this.#closed || clock.now() - writtenAt < orphanMs) continue
      rows.environment.refresh()
      if (rows.files.get(Buffer.from(name)) !== undefined) continue
      await edits.files.removeListed(folder, name)
      this.#place.removed += 1
    }
  }
}

function placeOf(rows: Rows): Place | undefined {
  const bytes = rows.tier.get(placeKey)
  try {
    return bytes === undefined ? undefined : unsealed<Place>(bytes, 'the place of the sweeper')
  } catch {
    return undefined
  }
}
