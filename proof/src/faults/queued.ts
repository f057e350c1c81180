/**
 * Queued: what one node puts into the queue that all nodes share, and what it knows of what it has carried out.
 *
 * The reason of each says which versions it is for: whoever carries it out demands them from then on, of all nodes.
 *
 * Invariant: what was accepted ends, well or with a reason, unless the server lost it; the conductor knows whether it may
 * have (jobs.ts).
 */
import type { InvalidationResult } from 'staleproof'
import { nowMs, type Word } from './said.ts'
import type { Cache } from '../library.ts'

export interface QueuedParts {
  readonly cache: Cache
  readonly say: (word: Word) => void
  readonly demand: (name: string, version: number, consistency: Consistency) => void
}

export type Consistency = 'strict' | 'eventual'
type Strategy = 'scheduled' | 'background'

export interface Wish {
  /** Name -> its version now. */
  readonly versions: Readonly<Record<string, number>>
  readonly strategy: Strategy
  readonly consistency: Consistency
}

/** Claims of a node that died are taken back after 10 s; then come the ticks, and the runs that are left. */
const endedMsMax = 40_000
const queued: readonly string[] = ['scheduled', 'background'] satisfies Strategy[]

export class Queued {
  readonly #parts: QueuedParts

  constructor(parts: QueuedParts) {
    this.#parts = parts
    parts.cache.on('invalidated', (record) => this.#take(record))
  }

  /** @returns whether it was accepted */
  async put({ versions, strategy, consistency }: Wish): Promise<boolean> {
    const { cache, say } = this.#parts
    const began = nowMs()
    const reason = JSON.stringify(versions)
    const accepted = cache.invalidate(Object.keys(versions), { strategy, consistency, reason })
    return accepted.then(
      ({ id }) => {
        say({ say: 'queued', id, began })
        return true
      },
      () => false,
    )
  }

  /** Each of them has ended, or ends soon; and nothing else is left. */
  async account(ids: readonly string[]): Promise<void> {
    const end = nowMs() + endedMsMax
    for (const id of ids) await this.#end(id, end)
    for (;;) {
      const left = await this.#left().catch((error: unknown) => [String(error)])
      if (left.length === 0) return
      if (nowMs() > end) return this.#fault(`the queue does not come to an end: ${left.join('; ')}`)
      await pause(100)
    }
  }

  async #end(id: string, end: number): Promise<void> {
    for (;;) {
      const record = await this.#parts.cache.invalidations.get(id).catch(() => null)
      if (record === undefined) return this.#fault(`queued ${id} was accepted, and is lost`)
      if (record !== null && isOver(record)) return this.#take(record)
      if (nowMs() > end) return this.#fault(`queued ${id} does not end: ${JSON.stringify(record)}`)
      await pause(100)
    }
  }

  async #left(): Promise<string[]> {
    const { invalidations } = this.#parts.cache
    const pages = await Promise.all(
      (['running', 'pending'] as const).map((status) => invalidations.list({ status })),
    )
    const records = pages.flatMap((page) => page.records)
    return records.flatMap(({ id, strategy, status }) =>
      queued.includes(strategy) ? `${id} is ${status}` : [],
    )
  }

  #take(record: InvalidationResult): void {
    const { id, status, reason, error, strategy } = record
    if (!queued.includes(strategy) || !isOver(record)) return
    this.#parts.say({ say: 'ended', id, how: status as 'completed' | 'failed' | 'cancelled' })
    if (status === 'failed' && error === null) this.#fault(`queued ${id} failed without a reason`)
    if (status !== 'completed') return
    const versions = JSON.parse(reason ?? '{}') as Wish['versions']
    for (const [name, version] of Object.entries(versions))
      this.#parts.demand(name, version, record.consistency === 'strict' ? 'strict' : 'eventual')
  }

  #fault(text: string): void {
    this.#parts.say({ say: 'fault', text, at: nowMs() })
  }
}

function isOver({ status }: InvalidationResult): boolean {
  return status !== 'pending' && status !== 'running'
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
