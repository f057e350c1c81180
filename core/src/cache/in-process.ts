/**
 * The backing of one process: nothing survives it, and nobody has to be waited for.
 */
import { randomUUID } from 'node:crypto'
import type { Backing, BackingParts } from '../backing/contract.ts'
import { MemoryHistory } from '../invalidation/memory-history.ts'
import { MemoryQueue } from '../invalidation/memory-queue.ts'
import { MemoryLog } from '../log/memory.ts'

export class InProcess implements Backing {
  readonly log: MemoryLog
  readonly queue: MemoryQueue
  readonly history: MemoryHistory
  readonly shared = undefined
  readonly turns = undefined
  readonly state = undefined

  constructor({ clock, state, queue, history }: BackingParts) {
    this.log = new MemoryLog({
      clock,
      generation: randomUUID(),
      apply: (record) => state.apply(record, true),
    })
    this.history = new MemoryHistory({ clock, ...history })
    this.queue = new MemoryQueue({ ...queue, history: this.history })
  }

  async close(): Promise<void> {
    await this.queue.close()
    await this.history.close()
    await this.log.close()
  }
}
