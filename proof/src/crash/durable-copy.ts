/**
 * What would be left of a directory after a loss of power: the data as it was when the last flush began that ended.
 *
 * LMDB never writes over pages that its last commits refer to. So a copy is whole if no commit came while it was made,
 * which the two heads of the file tell; all that was committed later is not in it, though the medium may have it.
 */
import { closeSync, copyFileSync, existsSync, openSync, readSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'

const file = 'data.mdb'
const headBytes = 8192

export class DurableCopy {
  readonly #data: string
  readonly #records: string
  #made = 0

  constructor(path: string, records: string) {
    this.#data = join(path, file)
    this.#records = records
  }

  /** A flush begins. */
  flushing(): { flushed(): void } {
    const copy = join(this.#records, `${file}.${++this.#made}`)
    const number = this.#made
    this.#copyTo(copy)
    return { flushed: () => this.#keep(copy, number) }
  }

  #kept = 0

  #keep(copy: string, number: number): void {
    if (number < this.#kept) return rmSync(copy, { force: true })
    this.#kept = number
    renameSync(copy, join(this.#records, file))
  }

  #copyTo(copy: string): void {
    for (;;) {
      const before = headOf(this.#data)
      copyFileSync(this.#data, copy)
      if (headOf(this.#data).equals(before)) return
    }
  }
}

function headOf(path: string): Buffer {
  const head = Buffer.alloc(headBytes)
  const fd = openSync(path, 'r')
  readSync(fd, head, 0, headBytes, 0)
  closeSync(fd)
  return head
}

/** The power is lost: nobody has the directory open. @returns whether anything had been flushed before */
export function losePower(path: string, records: string): boolean {
  const kept = join(records, file)
  if (!existsSync(kept)) return false
  copyFileSync(kept, join(path, file))
  for (const gone of ['lock.mdb', 'tail']) rmSync(join(path, gone), { force: true })
  return true
}
