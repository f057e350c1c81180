/**
 * Snapshots: what the records of a generation amount to, written to the log server when there are enough new ones.
 */
import type { LogState } from '../log/contract.ts'
import type { LogServer, Since } from './contract.ts'
import type { Terms } from './terms.ts'

export interface SnapshotsParts {
  readonly server: Pick<LogServer, 'keep'>
  readonly state: Pick<LogState, 'dump' | 'size'>
  /** Records after which a snapshot is worth its price, at least. Default 4096. */
  readonly snapshotAfter?: number
  readonly onError: (error: unknown, during: string) => void
}

export class Snapshots {
  readonly #parts: SnapshotsParts
  /** Position of the last one. */
  #lastAt = 0
  #isWriting = false

  constructor(parts: SnapshotsParts) {
    this.#parts = parts
  }

  /** What was applied was loaded from one at that position. */
  loadedAt(n: number): void {
    this.#lastAt = n
  }

  writeIfDue({ generation, applied }: Since, terms: Pick<Terms, 'leaseMs' | 'longestMs'>): void {
    const { server, state, onError, snapshotAfter = 4096 } = this.#parts
    if (this.#isWriting || applied - this.#lastAt < Math.max(snapshotAfter, state.size / 4)) return
    this.#isWriting = true
    this.#lastAt = applied
    server
      .keep({ generation, n: applied, dump: { ...terms, state: state.dump() } })
      .catch((error: unknown) => onError(error, 'writing a snapshot of the log'))
      .finally(() => {
        this.#isWriting = false
      })
  }
}
