/**
 * Turns of the processes of a directory: a cell of shared memory for each key that is being loaded.
 *
 *   cell     by the hash of the key, so that some keys share one
 *   in it    0: nobody loads; else a node, by the hash of its id
 *
 * To take a turn and to give it back are a compare-and-swap each: in LMDB they would be transactions, each flushed, which
 * whoever invalidates meanwhile has to wait for.
 *
 * Invariants: a cell has one node at a time, and counts while that lives; of those that find it dead, one inherits it; a
 * node keeps a cell as long as it loads any key of it. Keys of one cell wait for each other, no more; two nodes of one
 * hash, one in 2^32, may load the same.
 */
import type { Turns } from '../loading/contract.ts'
import { shortHash } from './keys.ts'
import type { Nodes } from './nodes.ts'
import { openSharedMemory } from './shared-memory.ts'

const cellCount = 2 ** 16
const cellBytes = 4
const free = 0

export class MemoryTurns implements Turns {
  readonly #nodes: Pick<Nodes, 'id' | 'areGone'>
  readonly #own: number
  readonly #close: () => void
  #cells: Int32Array
  /** Cell -> keys of it that this node loads. */
  readonly #ours = new Map<number, Set<string>>()

  constructor(path: string, nodes: Pick<Nodes, 'id' | 'areGone'>) {
    const memory = openSharedMemory(path, cellCount * cellBytes)
    this.#nodes = nodes
    this.#own = markOf(nodes.id)
    this.#cells = memory.cells
    this.#close = () => memory.close()
  }

  take(key: string): Promise<boolean> {
    const cell = cellOf(key)
    const isOurs = this.#takeCell(cell)
    if (isOurs) this.#ours.set(cell, (this.#ours.get(cell) ?? new Set()).add(key))
    return Promise.resolve(isOurs)
  }

  isFree(key: string): boolean {
    const mark = Atomics.load(this.#cells, cellOf(key))
    return mark === free || mark === this.#own || this.#isGone(mark)
  }

  release(key: string): Promise<void> {
    const cell = cellOf(key)
    const keys = this.#ours.get(cell)
    if (keys?.delete(key) === true && keys.size === 0) {
      this.#ours.delete(cell)
      Atomics.compareExchange(this.#cells, cell, this.#own, free)
    }
    return Promise.resolve()
  }

  close(): void {
    // Whoever comes now must not touch what is not there any more.
    this.#cells = new Int32Array(cellCount)
    this.#close()
  }

  #takeCell(cell: number): boolean {
    const mark = Atomics.compareExchange(this.#cells, cell, free, this.#own)
    if (mark === free || mark === this.#own) return true
    return this.#isGone(mark) && Atomics.compareExchange(this.#cells, cell, mark, this.#own) === mark
  }

  #isGone(mark: number): boolean {
    return this.#nodes.areGone((id) => markOf(id) === mark)
  }
}

function cellOf(key: string): number {
  return shortHash(key) % cellCount
}

function markOf(id: string): number {
  return shortHash(id) | 0 || 1
}
