/**
 * The history of a simulated node: records of jobs are on the server, beside the queue, and all others in memory, since
 * nobody else asks for those.
 */
import type { Backing } from './parts.ts'

type History = Backing['history']
type Record = Parameters<History['put']>[0]

export class JobHistory implements History {
  readonly #memory: History
  readonly #jobs: History

  constructor(memory: History, jobs: History) {
    this.#memory = memory
    this.#jobs = jobs
  }

  put(record: Record, from?: Parameters<History['put']>[1]): Promise<boolean> {
    const isQueued = record.strategy === 'background' || record.strategy === 'scheduled'
    return (isQueued ? this.#jobs : this.#memory).put(record, from)
  }

  /** Of what is not queued. */
  putWithin(record: Record, from?: Parameters<History['put']>[1]): void {
    this.#memory.putWithin(record, from)
  }

  async get(id: string): ReturnType<History['get']> {
    return (await this.#memory.get(id)) ?? this.#jobs.get(id)
  }

  list(query: Parameters<History['list']>[0]): ReturnType<History['list']> {
    return this.#memory.list(query)
  }

  endCutOff(end: Parameters<History['endCutOff']>[0]): ReturnType<History['endCutOff']> {
    return this.#memory.endCutOff(end)
  }

  async close(): Promise<void> {
    await Promise.all([this.#memory.close(), this.#jobs.close()])
  }
}
