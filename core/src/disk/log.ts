/**
 * The log of a directory: records by number, and a snapshot of what they amount to now and then.
 *
 *   log        n -> record          from the older snapshot on
 *   snapshots  n -> state after n   the newest two: one is read, the other is there if that is damaged
 *
 * Any number of processes append and apply. Who appends moves the tail (tail.ts) once the record is committed, and is
 * answered when it is flushed; everybody looks at the tail before anything is judged.
 *
 * Invariants: n is given out within the transaction that writes the record, so that no two records share one; records
 * are applied in order, each once, and none before it is committed; when `append` resolves, the record would survive a
 * loss of power; the log is never trimmed beyond the older snapshot, and who has fallen behind that starts from the
 * newest; what cannot be read counts as "everything was invalidated".
 */
import type { Change, Log, LogRecord, LogState } from '../log/contract.ts'
import type { Clock } from '../model/clock.ts'
import type { Position } from '../model/position.ts'
import { sealed, unsealed } from './codec.ts'
import type { Environment, Table } from './environment.ts'
import type { Tail } from './tail.ts'

export interface DiskLogParts {
  readonly environment: Environment
  readonly tail: Tail
  readonly state: LogState
  readonly clock: Clock
  readonly generation: string
  readonly onError: (error: unknown, during: string) => void
  /** Called with every look at what others did, before it is applied. */
  readonly onLook: () => void
}

type Row = Omit<LogRecord, 'n'>

/** A record of this process that is not applied yet, and what is to be done right before. */
interface Own {
  readonly n: number
  readonly before: ((n: number) => void) | undefined
}

/** Records after which a snapshot is worth its price, at least. */
const snapshotAfter = 4096
/** Records that are read at once. */
const batch = 1000

export class DiskLog implements Log {
  readonly name = 'disk'
  readonly generation: string
  readonly #parts: DiskLogParts
  readonly #records: Table<number>
  readonly #snapshots: Table<number>
  readonly #tail: Tail
  /** By position. One whose transaction failed is gone, and its position may be given out again. */
  readonly #own = new Map<number, Own>()
  /** Those that the transaction under way has written so far. */
  #writing: Own[] = []
  #applied = 0
  /** The count of the tail up to which everything is applied. */
  #seen = Number.NaN
  #isLoaded = false
  #isPulling = false
  #snapshotAt = 0
  #snapshotting: Promise<void> | undefined

  constructor(parts: DiskLogParts) {
    this.#parts = parts
    this.#tail = parts.tail
    this.generation = parts.generation
    this.#records = parts.environment.table('log', 'numbers')
    this.#snapshots = parts.environment.table('snapshots', 'numbers')
  }

  get applied(): number {
    return this.#applied
  }

  catchUp(): void {
    if (this.#tail.look() !== this.#seen) this.pull()
  }

  /** @throws E_DISK_FULL, E_DISK_FAILED: it is not in the log, or not known to be there for good */
  async append(change: Change, before?: (n: number) => void): Promise<Position> {
    const { environment } = this.#parts
    const n = await this.commit(() => this.put(change, before))
    await environment.flush()
    this.#snapshotIfDue()
    return { generation: this.generation, n }
  }

  /** Writes a record, in a transaction that somebody else began with `commit`. @returns its position */
  put(change: Change, before?: (n: number) => void): number {
    const n = this.#last() + 1
    const row: Row = { ...change, atMs: this.#parts.clock.now() }
    void this.#records.put(n, sealed(row))
    const own = { n, before }
    this.#own.set(n, own)
    this.#writing.push(own)
    return n
  }

  /** A transaction that may write records: once it is committed they are applied here, and others see them. */
  async commit<T>(work: () => T): Promise<T> {
    let written: readonly Own[] = []
    const begin = () => {
      written = this.#writing = []
      return work()
    }
    try {
      const done = await this.#parts.environment.transact(begin)
      this.#tail.move()
      this.catchUp()
      return done
    } catch (error) {
      for (const own of written) if (this.#own.get(own.n) === own) this.#own.delete(own.n)
      throw error
    }
  }

  /** Looks at the log itself: who appended may have died before it moved the tail. */
  pull(): void {
    if (this.#isPulling) return
    this.#isPulling = true
    try {
      const seen = this.#tail.look()
      this.#parts.environment.refresh()
      this.#parts.onLook()
      if (!this.#isLoaded || this.#first() > this.#applied + 1) this.#restore()
      while (this.#applyBatch()) continue
      this.#seen = seen
    } finally {
      this.#isPulling = false
    }
  }

  /** Writes a snapshot if some records came since the last. */
  async close(): Promise<void> {
    await this.#snapshotting
    if (this.#applied - this.#snapshotAt > snapshotAfter / 16) await this.#snapshot()
  }

  /** @returns whether there may be more */
  #applyBatch(): boolean {
    // Read before any is applied: who is told of one may read in turn.
    const rows = [...this.#records.getRange({ start: this.#applied + 1, limit: batch })]
    for (const { key: n, value } of rows) {
      const record = { ...this.#read(n, value), n }
      const own = this.#own.get(n)
      const isOwn = this.#own.delete(n)
      own?.before?.(n)
      this.#applied = n
      this.#parts.state.apply(record, isOwn)
    }
    return rows.length === batch
  }

  #read(n: number, value: Buffer): Row {
    try {
      return unsealed<Row>(value, `record ${n} of the log`)
    } catch (error) {
      this.#parts.onError(error, `reading record ${n} of the log: everything counts as invalidated`)
      return { kind: 'invalidate', names: [], prefixes: [''], atMs: this.#parts.clock.now() }
    }
  }

  #restore(): void {
    const { state, onError } = this.#parts
    this.#isLoaded = true
    for (const { key: n, value } of this.#snapshots.getRange({ reverse: true })) {
      try {
        state.load(unsealed(value, `the snapshot at ${n}`))
        this.#applied = n
        this.#snapshotAt = n
        return
      } catch (error) {
        onError(error, `reading the snapshot at ${n}`)
      }
    }
    this.#applied = this.#first() - 1
    state.load(undefined)
    if (this.#applied <= 0) return
    // What came before is not known.
    state.apply({ kind: 'invalidate', names: [], prefixes: [''], n: this.#applied, atMs: 0 }, false)
  }

  #snapshotIfDue(): void {
    const due = Math.max(snapshotAfter, this.#parts.state.size / 4)
    if (this.#snapshotting !== undefined || this.#applied - this.#snapshotAt < due) return
    this.#snapshotting = this.#snapshot()
      .catch((error: unknown) => this.#parts.onError(error, 'writing a snapshot of the log'))
      .finally(() => {
        this.#snapshotting = undefined
      })
  }

  /** The one before the last snapshot goes, with the records up to the last. */
  async #snapshot(): Promise<void> {
    const n = this.#applied
    const bytes = sealed(this.#parts.state.dump())
    await this.#parts.environment.transact(() => {
      const [last = 0, ...older] = this.#snapshots.getKeys({ reverse: true })
      if (last >= n) return
      void this.#snapshots.put(n, bytes)
      for (const old of older) void this.#snapshots.remove(old)
      for (const old of [...this.#records.getKeys({ end: last + 1 })]) void this.#records.remove(old)
    })
    this.#snapshotAt = n
  }

  #first(): number {
    for (const n of this.#records.getKeys({ limit: 1 })) return n
    // Nothing was appended since the newest snapshot.
    return this.#lastSnapshot() + 1
  }

  #last(): number {
    for (const n of this.#records.getKeys({ reverse: true, limit: 1 })) return n
    return this.#lastSnapshot()
  }

  #lastSnapshot(): number {
    for (const n of this.#snapshots.getKeys({ reverse: true, limit: 1 })) return n
    return 0
  }
}
