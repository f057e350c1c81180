/**
 * Turns of the processes of a directory where no memory is shared (Windows): a row for each key that is being loaded, with the node that loads it.
 *
 * Invariant: a row counts while its node lives.
 */
import { createHash } from 'node:crypto'
import type { Turns } from '../loading/contract.ts'
import type { Environment, Table } from './environment.ts'
import type { Nodes } from './nodes.ts'

export class RowTurns implements Turns {
  readonly #environment: Environment
  readonly #nodes: Pick<Nodes, 'id' | 'isGone'>
  readonly #rows: Table<Buffer>
  /** Keys whose turn this process has. */
  readonly #ours = new Set<string>()

  constructor(environment: Environment, nodes: Pick<Nodes, 'id' | 'isGone'>) {
    this.#environment = environment
    this.#nodes = nodes
    this.#rows = environment.table('turns', 'bytes')
  }

  async take(key: string): Promise<boolean> {
    const id = idOf(key)
    const isOurs = await this.#environment.transact(() => {
      if (this.#isTaken(id)) return false
      void this.#rows.put(id, Buffer.from(this.#nodes.id))
      return true
    })
    if (isOurs) this.#ours.add(key)
    return isOurs
  }

  isFree(key: string): boolean {
    this.#environment.refresh()
    return !this.#isTaken(idOf(key))
  }

  async release(key: string): Promise<void> {
    if (!this.#ours.delete(key)) return
    const id = idOf(key)
    await this.#environment.transact(() => {
      if (this.#rows.get(id)?.toString() === this.#nodes.id) void this.#rows.remove(id)
    })
  }

  close(): void {
    // The environment has the rows.
  }

  /** By another node that lives. */
  #isTaken(id: Buffer): boolean {
    const node = this.#rows.get(id)?.toString()
    return node !== undefined && node !== this.#nodes.id && !this.#nodes.isGone(node)
  }
}

/** Two keys of one hash would only wait for each other. */
function idOf(key: string): Buffer {
  return createHash('sha256').update(key).digest().subarray(0, 16)
}
