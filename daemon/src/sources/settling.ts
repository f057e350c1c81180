/**
 * Settling: a file that is being written is one change, once it stays as it is.
 *
 * path -> { kind, since, dueAt, seen } means "it was touched, looked like `seen` then, and is looked at again at
 * `dueAt`". Invariants: in order of `dueAt`, since the wait is the same for all; each path that was touched
 * settles, at the latest `longestMs` after its first touch, however often it changes.
 */
import type { Clock, Timer } from 'staleproof'
import type { Kind } from './contract.ts'

export interface SettlingOptions {
  readonly clock: Clock
  /** How long it must stay as it is. */
  readonly stabilityMs: number
  /** What a path looks like, so that two looks can be compared; null if it is gone. Does not fail. */
  readonly look: (path: string) => Promise<string | null>
  readonly settled: (path: string, kind: Kind) => void
}

/** A file that never rests (a log, a download) is reported this often: no longer than relaxed consistency. */
const longestMs = 30_000
/** Looks under way at a time. */
const looksMax = 64

interface Touched {
  readonly kind: Kind
  readonly since: number
  readonly dueAt: number
  readonly seen: string | null
}

export class Settling {
  readonly #options: SettlingOptions
  readonly #touched = new Map<string, Touched>()
  #timer: Timer | undefined
  #looking = false
  #stopped = false

  constructor(options: SettlingOptions) {
    this.#options = options
  }

  /** @param seen what it looks like now */
  touch(path: string, kind: Kind, seen: string | null): void {
    const now = this.#options.clock.now()
    const { since = now, kind: first = kind } = this.#touched.get(path) ?? {}
    // One that never rests keeps its place, so that it is looked at however often it is touched.
    if (now + this.#options.stabilityMs > since + longestMs) return
    this.#put(path, { kind: first, since, seen })
    this.#wake()
  }

  /** Forgets what was touched. */
  clear(): void {
    this.#touched.clear()
  }

  stop(): void {
    this.#stopped = true
    this.#timer?.cancel()
    this.#touched.clear()
  }

  #put(path: string, touched: Omit<Touched, 'dueAt'>): void {
    const { clock, stabilityMs } = this.#options
    this.#touched.delete(path)
    this.#touched.set(path, { ...touched, dueAt: clock.now() + stabilityMs })
  }

  #wake(): void {
    const [first] = this.#touched.values()
    if (first === undefined || this.#timer !== undefined || this.#looking || this.#stopped) return
    const { clock } = this.#options
    this.#timer = clock.schedule(Math.max(0, first.dueAt - clock.now()), () => {
      this.#timer = undefined
      void this.#lookAtDue()
    })
  }

  async #lookAtDue(): Promise<void> {
    this.#looking = true
    const now = this.#options.clock.now()
    const due = this.#firstDue(now)
    await Promise.all(due.map(([path, touched]) => this.#lookAt(path, touched)))
    this.#looking = false
    this.#wake()
  }

  #firstDue(now: number): [string, Touched][] {
    const due: [string, Touched][] = []
    for (const [path, touched] of this.#touched) {
      if (touched.dueAt > now || due.length === looksMax) break
      due.push([path, touched])
    }
    return due
  }

  async #lookAt(path: string, touched: Touched): Promise<void> {
    const { clock, look, settled } = this.#options
    const seen = await look(path)
    // Touched again or forgotten while we looked: that is newer than what we saw.
    if (this.#touched.get(path) !== touched) return
    const isAtRest = seen === touched.seen || clock.now() - touched.since >= longestMs
    if (!isAtRest && seen !== null) return this.#put(path, { ...touched, seen })
    this.#touched.delete(path)
    settled(path, kindOf(touched, seen))
  }
}

/** Removed and there again is a change, as when an editor puts a new file in place of the old. */
function kindOf({ kind }: Touched, seen: string | null): Kind {
  if (seen === null) return 'removed'
  return kind === 'removed' ? 'changed' : kind
}
