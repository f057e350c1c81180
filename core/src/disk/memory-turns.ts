/**
 * Turns of the processes of a directory: a cell of shared memory for each key that is being loaded.
 *
 *   cell     by the hash of the key, so that some keys share one
 *   in it    0: nobody loads; else the hashes of a node's id and of the key that it loads
 *
 * To take a turn and to give it back are a compare-and-swap each: in LMDB they would be transactions, each flushed, which
 * whoever invalidates meanwhile has to wait for. A key whose cell another key has is loaded without a turn: turns save work, no
 * more, and keys that waited for each other could do so in a circle.
 *
 * Invariants: a cell has one node and one key at a time, and counts while the node lives; of those that find it dead, one
 * inherits it. Two nodes, or two keys, of one hash, one in 2^32, may load the same.
 */
import type { Turns } from '../loading/contract.ts'
import { shortHash } from './keys.ts'
import type { Nodes } from './nodes.ts'
import { openSharedMemory, type SharedMemory } from './shared-memory.ts'

const cellCount = 2 ** 15
const cellBytes = 8
const free = 0n

export class MemoryTurns implements Turns {
  readonly #path: string
  readonly #nodes: Pick<Nodes, 'id' | 'areGone'>
  readonly #mark: number
  /** Opened when it is needed first. */
  #memory: SharedMemory | undefined
  #cells: BigUint64Array | undefined
  /** Keys whose turn this node has. */
  readonly #ours = new Set<string>()

  constructor(path: string, nodes: Pick<Nodes, 'id' | 'areGone'>) {
    this.#path = path
    this.#nodes = nodes
    this.#mark = markOf(nodes.id)
  }

  /** @throws what the file system says */
  async take(key: string): Promise<boolean> {
    const [cells, cell, hash] = [this.#open(), cellOf(key), shortHash(key)]
    const turn = turnOf(this.#mark, hash)
    for (;;) {
      const seen = Atomics.compareExchange(cells, cell, free, turn)
      if (seen !== free && seen !== turn) {
        if (hashIn(seen) !== hash && !this.#isGone(seen)) return true
        if (!this.#isGone(seen)) return false
        // One of those who find it dead is faster.
        if (Atomics.compareExchange(cells, cell, seen, turn) !== seen) continue
      }
      this.#ours.add(key)
      return true
    }
  }

  isFree(key: string): boolean {
    if (this.#cells === undefined) return true
    const seen = Atomics.load(this.#cells, cellOf(key))
    return (
      seen === free || hashIn(seen) !== shortHash(key) || markIn(seen) === this.#mark || this.#isGone(seen)
    )
  }

  async release(key: string): Promise<void> {
    if (!this.#ours.delete(key) || this.#cells === undefined) return
    Atomics.compareExchange(this.#cells, cellOf(key), turnOf(this.#mark, shortHash(key)), free)
  }

  close(): void {
    // Whoever comes now must not touch what is not there any more.
    this.#cells = new BigUint64Array(cellCount)
    this.#memory?.close()
    this.#memory = undefined
  }

  #open(): BigUint64Array {
    if (this.#cells === undefined) {
      this.#memory = openSharedMemory(this.#path, cellCount * cellBytes)
      this.#cells = new BigUint64Array(this.#memory.buffer)
    }
    return this.#cells
  }

  #isGone(turn: bigint): boolean {
    const mark = markIn(turn)
    return this.#nodes.areGone((id) => markOf(id) === mark)
  }
}

function cellOf(key: string): number {
  return shortHash(key) % cellCount
}

function turnOf(mark: number, hash: number): bigint {
  return (BigInt(mark) << 32n) | BigInt(hash)
}

function markIn(turn: bigint): number {
  return Number(turn >> 32n)
}

function hashIn(turn: bigint): number {
  return Number(turn & 0xffff_ffffn)
}

/** Never 0, so that no turn looks like a free cell. */
function markOf(id: string): number {
  return shortHash(id) || 1
}
