/**
 * Environment: one directory, one LMDB environment in it, for log, entries, queue, history and whatever belongs to them.
 *
 *   format      "staleproof 1": which version wrote the rest
 *   data.mdb    everything that is small; lock.mdb beside it is LMDB's
 *   gate        locked by who opens or closes it; writers: by who writes (gate.ts)
 *   tail        a counter in memory that processes share (tail.ts)
 *   nodes/      who has it open (nodes.ts); crashes/: who had, and ended without leaving
 *   values/     values too large for data.mdb, a file each (values.ts)
 *   damaged/    what could not be read, kept aside
 *
 * Invariants: work given to `transact` is done wholly or not at all, and nobody else writes meanwhile, in whatever
 * process; after a crash of the machine the directory is as it was after some commit, and no earlier than the last
 * `flush` that resolved (LMDB with overlapping sync: a commit is visible at once, and flushed afterwards).
 */
import { open, type Database, type DatabaseOptions, type RootDatabase } from 'lmdb'
import { StaleproofError } from '../model/errors.ts'
import { failure } from './failure.ts'
import { makeReady, usable } from './directory.ts'
import { enterTransaction, leaveTransaction } from './exit.ts'
import { Gate } from './gate.ts'
import { bytesAsTheyAre, withFailures } from './reads.ts'

export type Key = Buffer | number | string
export type Table<K extends Key> = Database<Buffer, K>

/** Addresses that are reserved for the file, which grows as it is used. A process has some 2^47 of them. */
const mapBytesMin = 2 ** 36
const readersMax = 1000
const tablesMax = 24

export interface EnvironmentOptions {
  readonly path: string
  /** ms since 1970. */
  readonly nowMs: number
  /** Called when the directory can be used, before LMDB touches anything in it. */
  readonly onPrepared?: ((directory: string) => void) | undefined
  /** Most bytes that it is going to hold. */
  readonly bytesMax?: number | undefined
}

interface Waiting {
  readonly work: () => unknown
  readonly resolve: (result: unknown) => void
  readonly reject: (error: unknown) => void
}

/** What somebody does once in a transaction, however much work in it is his. */
export interface Part {
  begin(): void
  /** When all work is done. */
  end?(): void
}

/** So much work is committed at once, at most, before others have their turn. */
const togetherMax = 256

export class Environment {
  readonly path: string
  /** Why the last contents were put aside when it was opened; undefined: they were not. */
  readonly putAside: string | undefined
  readonly #gate: Gate
  readonly #root: RootDatabase<Buffer, Key>
  #flushing: Promise<void> | undefined
  #next: Promise<void> | undefined
  readonly #waiting: Waiting[] = []
  /** Of the transaction under way. */
  readonly #parts = new Set<Part>()
  #isWriting = false
  #writing = Promise.resolve()
  #closed = false

  /** @throws E_DISK_PATH, E_DISK_READONLY, E_DISK_NETWORK, E_DISK_FORMAT, E_DISK_FAILED */
  constructor({ path, nowMs, onPrepared, bytesMax = 0 }: EnvironmentOptions) {
    this.path = usable(path)
    this.#gate = new Gate(this.path)
    try {
      const opened = this.#gate.open(() => {
        const putAside = makeReady(this.path, nowMs)
        onPrepared?.(this.path)
        return { putAside, root: openRoot(this.path, Math.max(mapBytesMin, 4 * bytesMax)) }
      })
      this.putAside = opened.putAside
      this.#root = opened.root
    } catch (error) {
      this.#gate.abandon()
      throw failure(error, this.path)
    }
  }

  /**
   * Keys sorted by their bytes, or by their value if they are numbers.
   * @throws E_DISK_FULL, E_DISK_FAILED, E_DISK_DAMAGED; the last two also whatever is read in it
   */
  table<K extends Key>(name: string, keys: 'bytes' | 'numbers'): Table<K> {
    // It is made if it is not there.
    try {
      const options = keys === 'bytes' ? { keyEncoder: bytesAsTheyAre } : {}
      const open = () =>
        this.#root.openDB<Buffer, K>(name, { encoding: 'binary', ...options } as DatabaseOptions)
      return withFailures(this.#gate.writeNow(open), this.path)
    } catch (error) {
      throw failure(error, this.path)
    }
  }

  /**
   * Does the work when nobody else writes. Resolves when it is committed, and so visible to others; what is thrown in
   * it undoes it. Work that is asked for while other work is being committed goes together: it may be done twice, if
   * something beside it had to be undone, and has to bring about the same then.
   * @throws E_DISK_FULL, E_DISK_FAILED, E_CACHE_CLOSED, and what the work throws
   */
  transact<T>(work: () => T): Promise<T> {
    this.#open()
    return new Promise<T>((resolve, reject) => {
      this.#waiting.push({ work, resolve: resolve as Waiting['resolve'], reject })
      if (this.#isWriting) return
      this.#isWriting = true
      // Others of this tick come along.
      this.#writing = Promise.resolve().then(() => this.#write())
    })
  }

  /** The same at once, flushed when it returns: for what has to be known before anything else can begin. */
  transactNow<T>(work: () => T): T {
    this.#open()
    try {
      return this.#gate.writeNow(() => this.#root.transactionSync(() => this.#inWhole(work)))
    } catch (error) {
      throw failure(error, this.path)
    }
  }

  /** Called within a transaction: begins a part of it, unless that has begun. */
  join(part: Part): void {
    if (this.#parts.has(part)) return
    this.#parts.add(part)
    part.begin()
  }

  /** Resolves when all that is committed now is on the medium; calls that come together share one flush. */
  flush(): Promise<void> {
    // Begun a moment later: those whose transaction was committed together come one after the other.
    this.#next ??= (this.#flushing ?? Promise.resolve()).then(
      () => this.#flush(),
      () => this.#flush(),
    )
    return this.#next
  }

  /** From here on reads see everything that is committed; else they may see what was when this turn began. */
  refresh(): void {
    this.#open()
    this.#root.resetReadTxn()
  }

  get closed(): boolean {
    return this.#closed
  }

  async close(): Promise<void> {
    if (this.#closed) return
    await this.#writing
    while (this.#flushing !== undefined) await this.#flushing.catch(() => undefined)
    this.#closed = true
    await this.#gate.close(() => this.#root.close())
  }

  async #write(): Promise<void> {
    while (this.#waiting.length > 0) await this.#writeTogether(this.#waiting.splice(0, togetherMax))
    this.#isWriting = false
  }

  /** A transaction within that of LMDB's batch, so that it can be undone: it costs as much as some ten writes. */
  async #writeTogether(all: readonly Waiting[]): Promise<void> {
    let thrown: Waiting | undefined
    const doAll = () =>
      all.map((one) => {
        thrown = one
        const result = one.work()
        thrown = undefined
        return result
      })
    enterTransaction()
    try {
      const results = await this.#gate.write(() => this.#root.childTransaction(() => this.#inWhole(doAll)))
      for (const [i, { resolve }] of all.entries()) resolve(results[i])
    } catch (error) {
      if (thrown !== undefined && all.length > 1) for (const one of all) await this.#writeTogether([one])
      else {
        const why = failure(await causeOf(error), this.path)
        for (const { reject } of all) reject(why)
      }
    } finally {
      leaveTransaction()
    }
  }

  #inWhole<T>(work: () => T): T {
    this.#parts.clear()
    const result = work()
    for (const part of this.#parts) part.end?.()
    return result
  }

  #flush(): Promise<void> {
    this.#next = undefined
    const flushing = new Promise<void>((resolve, reject) => {
      const done = (error?: Error | null) => (error ? reject(failure(error, this.path)) : resolve())
      ;(this.#root as unknown as { sync(done: (error?: Error | null) => void): void }).sync(done)
    }).finally(() => {
      if (this.#flushing === flushing) this.#flushing = undefined
    })
    this.#flushing = flushing
    return flushing
  }

  #open(): void {
    if (this.#closed) throw new StaleproofError('E_CACHE_CLOSED', `the directory ${this.path} was closed`)
  }
}

/** LMDB says why a commit failed by a promise beside the error, which nobody else takes. */
async function causeOf(error: unknown): Promise<unknown> {
  try {
    await (error as { commitError?: Promise<never> }).commitError
    return error
  } catch (cause) {
    return cause
  }
}

function openRoot(directory: string, mapBytes: number): RootDatabase<Buffer, Key> {
  try {
    return open<Buffer, Key>({
      path: directory,
      // A name with a dot in it is a directory, too.
      noSubdir: false,
      encoding: 'binary',
      maxDbs: tablesMax,
      maxReaders: readersMax,
      separateFlushed: true,
      // What is asked for together is put together here; that of LMDB rejects a promise that nobody has if it fails.
      eventTurnBatching: false,
      // Entries are read here and there: what lies beside them would fill the memory of the machine for nothing.
      ...({ noReadAhead: true } as object),
      // Windows would make the file that long at once; there it is mapped anew as it grows.
      ...(process.platform === 'win32' ? {} : { mapSize: mapBytes }),
    })
  } catch (error) {
    throw failure(error, directory)
  }
}
