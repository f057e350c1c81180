/**
 * The log of one process: nothing is persisted, so that nobody has to be waited for.
 *
 * Invariants: a record is applied within the call of `append`, before anything else runs; a generation is one
 * life of the log, so that a position of an earlier process is never taken for one of this.
 */
import type { Clock } from '../model/clock.ts'
import type { Position } from '../model/position.ts'
import type { Alongside, Apply, Change, Log } from './contract.ts'

export class MemoryLog implements Log {
  readonly name = 'memory'
  readonly membership = undefined
  readonly generation: string
  #applied = 0
  readonly #apply: Apply
  readonly #clock: Clock

  constructor(options: { apply: Apply; clock: Clock; generation: string }) {
    this.#apply = options.apply
    this.#clock = options.clock
    this.generation = options.generation
  }

  get applied(): number {
    return this.#applied
  }

  /** Nobody else appends. */
  catchUp(): void {}

  append(change: Change, before?: (n: number) => void, alongside?: Alongside): Promise<Position> {
    const n = this.#applied + 1
    alongside?.(n)
    before?.(n)
    // Moved first: what is made stale by this record must find it already behind `applied`.
    this.#applied = n
    this.#apply({ ...change, n, atMs: this.#clock.now() })
    return Promise.resolve({ generation: this.generation, n })
  }

  close(): Promise<void> {
    return Promise.resolve()
  }
}
