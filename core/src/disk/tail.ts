/**
 * Tail: a counter in memory that all processes of a directory share, moved with every commit that others must see.
 *
 * Who has seen a count knows all that was committed before it was moved to that. A look costs a few nanoseconds, since the
 * file is mapped into memory (mmap(2)); on Windows it is a read of the file: about half a microsecond.
 */
import { closeSync, openSync, readSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { openSharedMemory } from './shared-memory.ts'

export interface Tail {
  /** The count now. */
  look(): number
  /** Called after a commit, before anybody is told of it. @returns the count right before, and the new one */
  move(): { readonly from: number; readonly to: number }
  close(): void
}

const fileName = 'tail'
const pageBytes = 4096

export function openTail(directory: string): Tail {
  const path = join(directory, fileName)
  return process.platform === 'win32' ? new ReadTail(path) : mapped(path)
}

function mapped(path: string): Tail {
  const memory = openSharedMemory(path, pageBytes)
  let cells = new Int32Array(memory.buffer)
  return {
    look: () => Atomics.load(cells, 0),
    move: () => {
      const from = Atomics.add(cells, 0, 1)
      return { from, to: (from + 1) | 0 }
    },
    close: () => {
      // Whoever comes now, since what it wrote was still under way, must not touch what is not there any more.
      cells = new Int32Array(1)
      memory.close()
    },
  }
}

/**
 * Without shared memory: the file is read at each look, and every move writes a count that nobody wrote before: the
 * process's id, and a number of its own.
 */
class ReadTail implements Tail {
  readonly #file: number
  readonly #seen = Buffer.alloc(8)
  readonly #mine = Buffer.alloc(8)
  #moves = 0
  #isOpen = true

  constructor(path: string) {
    closeSync(openSync(path, 'a+'))
    this.#file = openSync(path, 'r+')
  }

  look(): number {
    if (this.#isOpen) readSync(this.#file, this.#seen, 0, 8, 8)
    return this.#seen.readDoubleLE(0)
  }

  /** What it was right before cannot be told: another may have moved it since it was read. */
  move(): { readonly from: number; readonly to: number } {
    const to = process.pid * 2 ** 31 + ++this.#moves
    this.#mine.writeDoubleLE(to)
    if (this.#isOpen) writeSync(this.#file, this.#mine, 0, 8, 8)
    return { from: Number.NaN, to }
  }

  close(): void {
    this.#isOpen = false
    closeSync(this.#file)
  }
}
