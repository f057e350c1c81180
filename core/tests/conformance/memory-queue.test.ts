import type { Claim, Job, Queue } from '../../src/invalidation/contract.ts'
import { MemoryQueue } from '../../src/invalidation/memory-queue.ts'
import { queueSuite } from './queue.ts'

queueSuite('memory', {
  open: async ({ sizeMax, agingMs }) => new MemoryQueue({ sizeMax, aging: agingMs }),
})

/**
 * A handle of several on one memory queue, as processes have on one directory: so that what the suite asks of a
 * shared queue is known to be possible.
 */
class Handle implements Queue {
  readonly shared: MemoryQueue
  readonly #claimed = new Map<string, Job>()
  readonly #own = new MemoryQueue()

  constructor(shared: MemoryQueue) {
    this.shared = shared
  }

  async add(job: Job) {
    await this.size()
    await this.shared.add(job)
  }

  async claim(claim: Claim) {
    await this.size()
    const jobs = await this.shared.claim(claim)
    for (const job of jobs) this.#claimed.set(job.id, job)
    return jobs
  }

  async done(id: string) {
    await this.size()
    return this.#claimed.delete(id) && (await this.shared.done(id))
  }

  async release(job: Job, dueAt: number) {
    await this.size()
    return this.#claimed.delete(job.id) && (await this.shared.release(job, dueAt))
  }

  async remove(id: string) {
    await this.size()
    return this.shared.remove(id)
  }

  async list() {
    await this.size()
    return this.shared.list()
  }

  /** Rejects once this handle is closed, whether or not others are. */
  async size() {
    await this.#own.size()
    return this.shared.size()
  }

  async close() {
    await this.#own.close()
    for (const job of this.#claimed.values()) await this.shared.release(job, job.dueAt)
    this.#claimed.clear()
  }
}

queueSuite('handles that share a memory queue', {
  open: async ({ sizeMax, agingMs }) => new Handle(new MemoryQueue({ sizeMax, aging: agingMs })),
  share: async (first) => new Handle((first as Handle).shared),
})
