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
 *
 * While the disk fails, what is appended is in force here at once, between two positions of the log, and is *owed*: it
 * is written, in order, before anything else is. Who appended it was told that it is not durable yet.
 */
import type { Alongside, Change, Log, LogRecord, LogState } from '../log/contract.ts'
import type { Clock, Timer } from '../model/clock.ts'
import { StaleproofError } from '../model/errors.ts'
import type { Position } from '../model/position.ts'
import { sealed, sealedPlain, unsealed } from '../bytes/codec.ts'
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
  /** What was owed is durable now. */
  readonly onWritten: (change: Change, position: Position) => void
}

type Row = Omit<LogRecord, 'n'>

/** A record of this process that is not applied yet, and what is to be done right before. */
interface Own {
  readonly n: number
  readonly row: Row
  readonly before: ((n: number) => void) | undefined
}

/** A change that is in force here and not known to be durable. */
interface Owed {
  readonly change: Change
  /** Its position, if it is in the log and was not flushed. */
  n: number | undefined
}

/** Distance of positions that are in force here only: there is room for a million between two of the log. */
const between = 2 ** -20
const retryMs = { first: 1000, last: 30_000 }

/** Records after which a snapshot is worth its price, at least. */
const snapshotAfter = 4096
/** Records that are read at once. */
const batch = 1000

export class DiskLog implements Log {
  readonly name = 'disk'
  readonly membership = undefined
  readonly generation: string
  readonly #parts: DiskLogParts
  readonly #records: Table<number>
  readonly #snapshots: Table<number>
  #tail: Tail
  /** By position. One whose transaction failed is gone, and its position may be given out again. */
  readonly #own = new Map<number, Own>()
  /** Those that the transaction under way has written so far. */
  #writing: Own[] = []
  /** Position of the last record, within a transaction that puts some. */
  #lastPut = 0
  readonly #part = {
    begin: () => {
      this.#lastPut = this.#last()
    },
  }
  /** Records that could not be read, until their listeners are told. */
  readonly #unread: { readonly error: unknown; readonly n: number }[] = []
  #applied = 0
  /** The count of the tail up to which everything is applied. */
  #seen = Number.NaN
  #isLoaded = false
  #isApplying = false
  #snapshotAt = 0
  #snapshotting: Promise<void> | undefined
  readonly #owed: Owed[] = []
  #failure: StaleproofError | undefined
  #retryAfterMs = retryMs.first
  #retrying: Timer | undefined

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

  /** Whether all records are applied here; within a transaction, when nobody can add one. */
  get isCurrent(): boolean {
    return Math.floor(this.#applied) === this.#last()
  }

  catchUp(): void {
    if (this.#tail.look() !== this.#seen) this.pull()
  }

  /** Why nothing can be written now. */
  get failure(): StaleproofError | undefined {
    return this.#failure
  }

  /** Changes that are in force here and not durable yet. */
  get waiting(): number {
    return this.#owed.length
  }

  /** @throws E_LOG_PENDING: it is in force in this process, and is written as soon as the disk works again */
  async append(change: Change, before?: (n: number) => void, alongside?: Alongside): Promise<Position> {
    if (this.#failure !== undefined) throw this.#owe({ change, n: undefined }, before)
    const owed: Owed = { change, n: undefined }
    try {
      const n = await this.#commit(() => {
        const position = this.put(change, before)
        alongside?.(position)
        return position
      })
      owed.n = n
      await this.#parts.environment.flush()
      this.#snapshotIfDue()
      return { generation: this.generation, n }
    } catch (error) {
      if (!isOfDisk(error)) throw error
      this.#fail(error)
      throw this.#owe(owed, before)
    }
  }

  /** Writes a record, in a transaction that somebody else began with `commit`. @returns its position */
  put(change: Change, before?: (n: number) => void): number {
    this.#parts.environment.join(this.#part)
    const n = ++this.#lastPut
    const row: Row = { ...change, atMs: this.#parts.clock.now() }
    void this.#records.put(n, sealedPlain(row))
    const own = { n, row, before }
    this.#own.set(n, own)
    this.#writing.push(own)
    return n
  }

  /**
   * A transaction that may write records: once it is committed they are applied here, and others see them.
   * @throws E_DISK_FULL, E_DISK_FAILED; also while something is owed
   */
  async commit<T>(work: () => T): Promise<T> {
    if (this.#failure !== undefined) throw this.#failure
    try {
      return await this.#commit(work)
    } catch (error) {
      if (isOfDisk(error) && this.#failure === undefined) this.#fail(error)
      throw error
    }
  }

  async #commit<T>(work: () => T): Promise<T> {
    let written: readonly Own[] = []
    const forget = () => {
      for (const own of written) if (this.#own.get(own.n) === own) this.#own.delete(own.n)
    }
    const begin = () => {
      // It may be done a second time.
      forget()
      written = this.#writing = []
      return work()
    }
    try {
      const done = await this.#parts.environment.transact(begin)
      const { from, to } = this.#tail.move()
      if (from !== this.#seen) this.pull()
      else this.#applyOwn(written, to)
      return done
    } catch (error) {
      forget()
      throw error
    }
  }

  /** Looks at the log itself: who appended may have died before it moved the tail. */
  pull(): void {
    this.#apply(this.#tail.look(), () => {
      this.#parts.onLook()
      if (!this.#isLoaded || this.#first() > this.#applied + 1) this.#restore()
      this.#applyNew()
    })
  }

  /** Tries once more to write what is owed; writes a snapshot if some records came since the last. */
  async close(): Promise<void> {
    this.#retrying?.cancel()
    if (this.#failure !== undefined) await this.#retry()
    this.#retrying?.cancel()
    await this.#snapshotting
    // Its memory is about to go: whoever looks from now on finds that nothing is new.
    this.#tail = { ...this.#tail, look: () => this.#seen }
    if (this.#failure !== undefined) return
    if (this.#applied - this.#snapshotAt > snapshotAfter / 16) await this.#snapshot()
  }

  /** Nobody else has moved the tail: there is nothing new but what is ours, and others of its transaction may have seen it. */
  #applyOwn(written: readonly Own[], seen: number): void {
    const rest = written.filter(({ n }) => n > this.#applied)
    // Who appended and died before it moved the tail has left records between.
    const follows = rest.every(({ n }, i) => n === Math.floor(this.#applied) + 1 + i)
    if (rest.length === 0) this.#seen = seen
    else if (follows) this.#apply(seen, () => rest.forEach(({ n, row }) => this.#applyOne(n, row)))
    else this.#apply(seen, () => this.#applyNew())
  }

  /** @param seen the count of the tail before anything was read */
  #apply(seen: number, work: () => void): void {
    // Whoever is told of a record may read, and so come here again.
    if (this.#isApplying) return
    this.#isApplying = true
    try {
      this.#parts.environment.refresh()
      work()
    } catch (error) {
      this.#distrust(error)
    } finally {
      this.#seen = seen
      this.#isApplying = false
    }
  }

  /** What was invalidated cannot be told: everything may have been. It is read again when the tail moves. */
  #distrust(error: unknown, at = this.#applied + between): void {
    const { clock, onError, state } = this.#parts
    this.#applied = at
    state.apply({ kind: 'invalidate', names: [], prefixes: [''], n: this.#applied, atMs: clock.now() }, false)
    onError(error, 'reading the log: everything counts as invalidated')
  }

  #applyNew(): void {
    while (this.#applyBatch()) continue
  }

  /** @returns whether there may be more */
  #applyBatch(): boolean {
    // Read before any is applied: who is told of one may read in turn.
    const start = Math.floor(this.#applied) + 1
    const rows = [...this.#records.getRange({ start, limit: batch })]
    for (const { key: n, value } of rows) {
      if (n !== Math.floor(this.#applied) + 1) this.#distrust(missing(this.#applied, n), n - between)
      this.#applyOne(n, this.#read(n, value))
    }
    // Who is told may read in turn.
    for (const { error, n } of this.#unread.splice(0))
      this.#parts.onError(error, `reading record ${n} of the log: everything counts as invalidated`)
    return rows.length === batch
  }

  #applyOne(n: number, row: Row): void {
    const own = this.#own.get(n)
    const isOwn = this.#own.delete(n)
    own?.before?.(n)
    this.#applied = n
    this.#parts.state.apply({ ...row, n }, isOwn)
  }

  /** In force at once. @returns what to tell whoever appended it */
  #owe(owed: Owed, before: ((n: number) => void) | undefined): StaleproofError {
    this.#owed.push(owed)
    if (owed.n === undefined) {
      const n = this.#applied + between
      before?.(n)
      this.#applied = n
      this.#parts.state.apply({ ...owed.change, n, atMs: this.#parts.clock.now() }, true)
    }
    return pending(this.#failure as StaleproofError)
  }

  #fail(error: StaleproofError): void {
    this.#failure = error
    this.#retrying?.cancel()
    this.#retrying = this.#parts.clock.schedule(this.#retryAfterMs, () => void this.#retry())
    this.#retryAfterMs = Math.min(this.#retryAfterMs * 2, retryMs.last)
  }

  /** Writes as much as a small entry does: a full disk shows by it. */
  readonly #probe = (): void => {
    void this.#snapshots.put(-1, Buffer.alloc(4096))
    void this.#snapshots.remove(-1)
  }

  async #retry(): Promise<void> {
    try {
      while (this.#owed.length > 0) await this.#writeOwed()
      await this.#commit(this.#probe)
      this.#failure = undefined
      this.#retryAfterMs = retryMs.first
    } catch (error) {
      this.#fail(isOfDisk(error) ? error : (this.#failure as StaleproofError))
    }
  }

  async #writeOwed(): Promise<void> {
    const all = [...this.#owed]
    const positions = await this.#commit(() => all.map(({ change, n }) => n ?? this.put(change)))
    for (const [i, owed] of all.entries()) owed.n = positions[i]
    await this.#parts.environment.flush()
    this.#owed.splice(0, all.length)
    for (const { change, n } of all)
      this.#parts.onWritten(change, { generation: this.generation, n: n as number })
  }

  #read(n: number, value: Buffer): Row {
    try {
      return unsealed<Row>(value, `record ${n} of the log`)
    } catch (error) {
      this.#unread.push({ error, n })
      return { kind: 'invalidate', names: [], prefixes: [''], atMs: this.#parts.clock.now() }
    }
  }

  #restore(): void {
    const { state, onError } = this.#parts
    this.#isLoaded = true
    for (const { key: n, value } of this.#snapshots.getRange({ reverse: true })) {
      try {
        const dump = unsealed(value, `the snapshot at ${n}`)
        this.#applied = n
        state.load(dump)
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

/** LMDB passes over a page that it cannot follow. */
function missing(applied: number, n: number): StaleproofError {
  const message = `the log has no records between ${Math.floor(applied)} and ${n}: what they said is not known`
  return new StaleproofError('E_DISK_DAMAGED', message)
}

function isOfDisk(error: unknown): error is StaleproofError {
  return error instanceof StaleproofError && error.code.startsWith('E_DISK_')
}

function pending(cause: StaleproofError): StaleproofError {
  return new StaleproofError(
    'E_LOG_PENDING',
    `it is in force in this process, but could not be written (${cause.message}); it is kept, and written as soon as that ` +
      'is possible: until then other processes, and this one if it is started anew, may serve what was made before',
    { cause },
  )
}
