/**
 * Reckoning: whether all that was acknowledged before holds: invalidations, declarations, queued jobs.
 *
 * What is served is judged elsewhere (work.ts). Here it is about what must be there: a record for each invalidation that
 * was carried out; for each job that was accepted one end, and its record; a link that ends what it speaks of.
 */
import type { Cache } from '../library.ts'
import type { Journal, Line } from './journal.ts'
import { linked, linkOf, rule, ruled, sources } from './roles.ts'
import type { SharedTruth } from './shared-truth.ts'
import type { Work } from './work.ts'

export interface ReckoningParts {
  readonly cache: Cache
  readonly truth: SharedTruth
  readonly journal: Journal
  readonly work: Work
  /** All that was said before. */
  readonly before: readonly Line[]
  /** The power was lost: what is in force stays so, but the record of what was carried out at once is not flushed. */
  readonly isPowerLost: boolean
}

const patienceMs = 20_000
const lookMs = 20

export class Reckoning {
  readonly #parts: ReckoningParts

  constructor(parts: ReckoningParts) {
    this.#parts = parts
  }

  /** While others may be at work. */
  async check(): Promise<void> {
    if (!this.#parts.isPowerLost) for (const id of this.#ids('done')) await this.#expect(id, ['completed'])
    for (const id of this.#ids('cancelled')) await this.#expect(id, ['cancelled'])
    const cancelled = new Set(this.#ids('cancelled'))
    for (const id of this.#ids('accepted')) {
      if (!cancelled.has(id)) await this.#expect(id, ['pending', 'running', 'completed', 'cancelled'])
    }
  }

  /** Nobody else is at work: whatever was accepted gets its end. */
  async final(): Promise<void> {
    const { cache, work } = this.#parts
    const until = Date.now() + patienceMs
    while (Date.now() < until && (await this.#open()) > 0) {
      await new Promise((resolve) => setTimeout(resolve, lookMs))
    }
    const open = await this.#open()
    if (open > 0) this.#fault(`${open} invalidations do not end`)
    for (const id of this.#ids('accepted')) {
      const record = await cache.invalidations.get(id)
      if (record?.status === 'completed') work.demandOf(record.reason)
    }
    await this.check()
    await work.check()
    await this.#declarations()
  }

  async #open(): Promise<number> {
    const { invalidations } = this.#parts.cache
    const pages = await Promise.all(
      (['pending', 'running'] as const).map((status) => invalidations.list({ status, limit: 1000 })),
    )
    return pages.reduce((sum, { records }) => sum + records.length, 0)
  }

  async #declarations(): Promise<void> {
    const now = this.#parts.truth.now()
    for (const key of linked) {
      for (const source of sources) {
        if (now.isDeclared(linkOf(key, source))) await this.#expectEnds(key, source)
      }
    }
    if (!now.isDeclared(rule)) return
    for (const key of ruled) await this.#expectEnds(key, `s:${key.slice(2)}`)
  }

  async #expectEnds(key: string, source: string): Promise<void> {
    const { cache } = this.#parts
    await cache.fill(key, { key, versions: {} }, { since: cache.token() })
    await cache.invalidate(source, { strategy: 'lazy' })
    if ((await cache.get(key)) !== undefined)
      this.#fault(`lost: ${key} does not depend on ${source} any more`)
  }

  async #expect(id: string, statuses: readonly string[]): Promise<void> {
    const record = await this.#parts.cache.invalidations.get(id)
    if (record === undefined)
      this.#fault(`lost: nothing is known of ${id}, which was to be ${statuses.join(' or ')}`)
    else if (!statuses.includes(record.status))
      this.#fault(`${id} is ${record.status}, and was to be ${statuses.join(' or ')}`)
  }

  #ids(say: 'done' | 'accepted' | 'cancelled'): string[] {
    return this.#parts.before.flatMap((line) => (line.say === say ? [line.id] : []))
  }

  #fault(text: string): void {
    this.#parts.journal.say({ say: 'fault', text })
  }
}
