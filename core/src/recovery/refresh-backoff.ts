/**
 * RefreshBackoff: keys whose refresh failed are left alone for a while.
 *
 * Without it, every read of a value in grace asks a source that is down.
 * Invariants: only what has something to serve is held back; a success forgets the key; bounded, the oldest failure
 * is forgotten first, and a key that was forgotten is refreshed at its next read.
 */
import { backoffMs } from '../model/backoff.ts'
import type { Clock, Random } from '../model/clock.ts'

const growth = { firstMs: 1000, maxMs: 60_000 }
const keysMax = 10_000

interface Failed {
  /** In a row. */
  readonly failures: number
  readonly until: number
}

export class RefreshBackoff {
  readonly #clock: Clock
  readonly #random: Random
  /** key -> its last refresh failed, and it is not refreshed again before `until`. Oldest failure first. */
  readonly #failed = new Map<string, Failed>()

  constructor({ clock, random }: { readonly clock: Clock; readonly random: Random }) {
    this.#clock = clock
    this.#random = random
  }

  /** Whether a refresh of the key has to wait. */
  holdsBack(key: string): boolean {
    const failed = this.#failed.get(key)
    if (failed === undefined) return false
    const waitMs = failed.until - this.#clock.now()
    // Longer than any wait: the wall clock was set back.
    return waitMs > 0 && waitMs <= growth.maxMs
  }

  failed(key: string): void {
    const failures = (this.#failed.get(key)?.failures ?? 0) + 1
    this.#failed.delete(key)
    this.#failed.set(key, {
      failures,
      until: this.#clock.now() + backoffMs(growth, failures, this.#random),
    })
    if (this.#failed.size <= keysMax) return
    for (const oldest of this.#failed.keys()) {
      this.#failed.delete(oldest)
      break
    }
  }

  succeeded(key: string): void {
    this.#failed.delete(key)
  }
}
