/**
 * Settling: a file that is being written is one change, once it stays as it is.
 *
 * path -> { since, dueAt, seen } means "it was touched, looked like `seen` when last looked at, and is looked at
 * again at `dueAt`". Invariants: in order of `dueAt`, since the wait is the same for all; each path that was
 * touched settles, at the latest about `longestMs` after its first touch, however often it changes.
 */
import type { Clock, Timer } from 'staleproof'
import type { Look } from './folder.ts'

export interface SettlingOptions {
  readonly clock: Clock
  /** How long it must stay as it is. */
  readonly stabilityMs: number
  /** Null if it is gone. */
  readonly look: (path: string) => Promise<Look | null>
  readonly settled: (path: string, look: Look | null) => void
  /** A look that failed; the path is looked at again. */
  readonly failed: (path: string, error: unknown) => void
}

/** A file that never rests (a log, a download) is reported this often: no longer than relaxed consistency. */
const longestMs = 30_000
/** Looks under way at a time. */
const looksMax = 64

interface Touched {
  readonly since: number
  readonly dueAt: number
  readonly seen: string | undefined
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

  /** Something happened to it: it has to stay as it is from now on. */
  touch(path: string): void {
    const now = this.#options.clock.now()
    const { since = now, seen } = this.#touched.get(path) ?? {}
    // One that never rests keeps its place, so that it is looked at however often it is touched.
    if (now + this.#options.stabilityMs > since + longestMs) return
    this.#put(path, since, seen)
    this.#wake()
  }

  /** It is not as it was: it is touched unless it is waited for already. */
  differs(path: string): void {
    if (!this.#touched.has(path)) this.touch(path)
  }

  stop(): void {
    this.#stopped = true
    this.#timer?.cancel()
    this.#touched.clear()
  }

  #put(path: string, since: number, seen: string | undefined): void {
    const { clock, stabilityMs } = this.#options
    this.#touched.delete(path)
    this.#touched.set(path, { since, seen, dueAt: clock.now() + stabilityMs })
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
    const due = this.#firstDue(this.#options.clock.now())
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
    const { look, settled, failed } = this.#options
    try {
      const seen = await look(path)
      // Touched again while we looked: that is newer than what we saw.
      if (this.#touched.get(path) !== touched) return
      if (!this.#isAtRest(seen, touched)) return this.#put(path, touched.since, seen?.text)
      this.#touched.delete(path)
      settled(path, seen)
    } catch (error) {
      if (this.#touched.get(path) === touched) this.#put(path, touched.since, touched.seen)
      failed(path, error)
    }
  }

  #isAtRest(look: Look | null, { since, seen }: Touched): boolean {
    if (look === null || look.isFolder || look.text === seen) return true
    const now = this.#options.clock.now()
    return now - look.changedAt >= this.#options.stabilityMs || now - since >= longestMs
  }
}
