import { crashed, type Claim, type Job, type Queue } from '../../src/invalidation/contract.ts'
import { MemoryHistory } from '../../src/invalidation/memory-history.ts'
import { MemoryQueue } from '../../src/invalidation/memory-queue.ts'
import type { InvalidationResult } from '../../src/model/invalidation.ts'
import { TestClock } from '../clock.ts'
import { queueSuite } from './queue.ts'
import type { Pair, QueueLimits } from './queue-jobs.ts'

function openMemory({ sizeMax, agingMs }: QueueLimits) {
  const history = new MemoryHistory({ clock: new TestClock(0), keepFor: '365d' })
  return { history, queue: new MemoryQueue({ history, sizeMax, aging: agingMs }) }
}

queueSuite('memory', { open: async (limits) => openMemory(limits) })

/**
 * A handle of several on one memory queue, as processes have on one directory: so that what the suite asks of a
 * shared queue is known to be possible.
 */
class Handle implements Queue {
  readonly shared: MemoryQueue
  /** What this handle holds; of those that it began, as they were then. */
  readonly #claimed = new Map<string, Job>()
  readonly #begun = new Set<string>()
  readonly #own = openMemory({ sizeMax: 1, agingMs: 1 }).queue

  constructor(shared: MemoryQueue) {
    this.shared = shared
  }

  get waiting() {
    return this.shared.waiting
  }

  async add(job: Job) {
    await this.size()
    return this.shared.add(job)
  }

  async claim(claim: Claim) {
    await this.size()
    const jobs = await this.shared.claim(claim)
    for (const job of jobs) this.#claimed.set(job.id, job)
    return jobs
  }

  async take(id: string) {
    await this.size()
    const job = await this.shared.take(id)
    if (job !== undefined) this.#claimed.set(id, job)
    return job
  }

  async begin(job: Job, startedAt: number) {
    await this.size()
    const begun = this.#claimed.has(job.id) ? await this.shared.begin(job, startedAt) : undefined
    if (begun === undefined) return undefined
    this.#claimed.set(job.id, begun)
    this.#begun.add(job.id)
    return begun
  }

  async done(ended: InvalidationResult) {
    await this.size()
    return this.#claimed.delete(ended.id) && (await this.shared.done(ended))
  }

  async release(job: Job, dueAt: number) {
    await this.size()
    return this.#claimed.delete(job.id) && (await this.shared.release(job, dueAt))
  }

  async remove(id: string, endedAt: number) {
    await this.size()
    return this.shared.remove(id, endedAt)
  }

  async nextDue() {
    await this.size()
    return this.shared.nextDue()
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
    await this.#giveUp(() => null)
  }

  async kill() {
    await this.#giveUp((job) => (this.#begun.has(job.id) ? crashed : null))
  }

  async #giveUp(why: (job: Job) => Job['error']) {
    const jobs = [...this.#claimed.values()]
    this.#claimed.clear()
    for (const job of jobs) await this.shared.release({ ...job, error: why(job) }, job.dueAt)
  }
}

queueSuite('handles that share a memory queue', {
  open: async (limits) => {
    const { queue, history } = openMemory(limits)
    return { queue: new Handle(queue), history }
  },
  sharing: {
    share: async ({ queue, history }: Pair) => ({ queue: new Handle((queue as Handle).shared), history }),
    kill: ({ queue }: Pair) => (queue as Handle).kill(),
  },
})
