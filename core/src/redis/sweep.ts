/**
 * Sweep: removes, by and by, what nobody can use any more: entries past the last moment at which any copy can be served,
 * and those of generations that have ended. What a node does another need not do again.
 *
 * Invariant: it removes nothing that may still be valid in somebody's memory, though clocks differ by up to `lagMs`.
 */
import { goneAtOf, type StoredEntry } from '../bytes/format.ts'
import type { LogBeside } from '../consistency/contract.ts'
import type { Clock, Random, Timer } from '../model/clock.ts'
import type { Head } from '../tiers/contract.ts'
import { bytesOf, listOf, numberOf, textOf, type Driver } from './driver.ts'
import type { Heads, Standing } from './heads.ts'
import type { Removal } from './removal.ts'
import { laterScript, leftScript, sweptScript } from './tier-lua.ts'

export interface SweepParts {
  readonly driver: Driver
  readonly log: Pick<LogBeside, 'generation'>
  readonly clock: Clock
  readonly random: Random
  readonly isInvalid: (head: Head) => boolean
  readonly onError: (error: unknown, during: string) => void
  /** How much clocks of nodes may differ. Default 60,000. */
  readonly lagMs?: number | undefined
}

export interface SweepProgress {
  /** How far the walk through what ended generations left is, 0 to 1: 1 if nothing is left of them. */
  readonly position: number
  /** Entries that this node looked at, and what it removed. */
  readonly looked: number
  readonly removed: number
}

/** While there is something to do, a slice so often: 2000 entries a second at most. */
const busyMs = 100
const sliceMax = 200
const idleMs = 5000
/** Of what was left, as often a slice: of 500 keys each, which take the server 3 ms. More than the sweep itself leaves. */
const leftAtOnce = 3

export class Sweeper {
  /** Entries on the server, at the last look. */
  entries = 0
  readonly #parts: SweepParts
  readonly #heads: Heads
  readonly #removal: Removal
  readonly #lagMs: number
  #looked = 0
  #removed = 0
  /** The walk through all keys, for those of ended generations: which one it is for, and the last key looked at. */
  #walk: { readonly generation: string; at: Buffer | undefined; looked: number; isDone: boolean } | undefined
  #timer: Timer | undefined
  #working: Promise<void> | undefined
  #isClosed = false

  constructor(parts: SweepParts, heads: Heads, removal: Removal) {
    this.#parts = parts
    this.#heads = heads
    this.#removal = removal
    this.#lagMs = parts.lagMs ?? 60_000
    this.#again(idleMs)
  }

  get progress(): SweepProgress {
    const { isDone = true, looked = 0 } = this.#walk ?? {}
    const position = isDone ? 1 : Math.min(1, looked / Math.max(1, this.entries))
    return { position, looked: this.#looked, removed: this.#removed }
  }

  async close(): Promise<void> {
    this.#isClosed = true
    this.#timer?.cancel()
    await this.#working
  }

  #again(delayMs: number): void {
    if (this.#isClosed) return
    // A fleet that started at once does not come at once.
    const spreadMs = delayMs * (0.75 + this.#parts.random() / 2)
    this.#timer = this.#parts.clock.schedule(spreadMs, () => {
      this.#working = this.#work()
    })
  }

  async #work(): Promise<void> {
    let isMore = false
    try {
      this.entries = numberOf(await this.#parts.driver.call('HLEN', this.#key('entries')))
      const [wasFull, isWalking] = [await this.#removeGone(), await this.#removeEnded()]
      const isLeft = await this.#removeLeft()
      isMore = wasFull || isWalking || isLeft
    } catch (error) {
      if (!this.#isClosed) this.#parts.onError(error, 'sweeping the entries in Redis')
    } finally {
      this.#again(isMore ? busyMs : idleMs)
    }
  }

  /** @returns whether there may be more */
  async #removeGone(): Promise<boolean> {
    const until = this.#parts.clock.now() - this.#lagMs
    const limit = ['LIMIT', 0, sliceMax]
    const keys = listOf(
      await this.#parts.driver.call('ZRANGEBYSCORE', this.#key('gone'), '-inf', until, ...limit),
    ).map(bytesOf)
    if (keys.length === 0) return false
    const staying = new Map<string, StoredEntry>()
    const empty: (string | Buffer)[] = []
    this.#looked += keys.length
    this.#removed += await this.#removal.remove(keys, ({ head, key, version }) => {
      if (version === '0') empty.push(key)
      if (version === '0') return undefined
      if (head === undefined || goneAt(head) <= until) return { isEnded: this.#isInvalid(head) }
      staying.set(head.key, head)
      return undefined
    })
    if (staying.size > 0) await this.#keep(keys, staying)
    if (empty.length > 0) await this.#parts.driver.run(leftScript, empty)
    return keys.length === sliceMax
  }

  /** The policy may be another by now, and an entry in memory lives by that. */
  async #keep(keys: readonly Buffer[], staying: ReadonlyMap<string, StoredEntry>): Promise<void> {
    for await (const rows of this.#heads.standing(keys)) {
      for (const { key, version, head } of rows) {
        if (head === undefined || !staying.has(head.key)) continue
        await this.#parts.driver.run(laterScript, [key, version, goneAt(head)])
      }
    }
  }

  /** @returns whether there is more */
  async #removeEnded(): Promise<boolean> {
    const { driver, log } = this.#parts
    const { generation } = log
    if (this.#walk?.generation !== generation) {
      const swept = await driver.call('HGET', this.#key('tier'), 'swept')
      const isDone = swept !== null && textOf(swept) === generation
      this.#walk = { generation, at: undefined, looked: 0, isDone }
    }
    if (this.#walk.isDone) return false
    const keys = await this.#nextKeys(this.#walk.at)
    this.#removed += await this.#removal.remove(keys, ({ head, version }) => {
      return head === undefined && version !== '0' ? { isEnded: false } : undefined
    })
    this.#looked += keys.length
    this.#walk.looked += keys.length
    this.#walk.at = keys.at(-1)
    this.#walk.isDone = keys.length < sliceMax
    // Only who went through all of it says so.
    if (this.#walk.isDone) await driver.run(sweptScript, [generation])
    return !this.#walk.isDone
  }

  /** What was removed a short while ago has rows left. @returns whether there is more */
  async #removeLeft(): Promise<boolean> {
    let left = 1
    for (let i = 0; i < leftAtOnce && left > 0; i++)
      left = numberOf(await this.#parts.driver.run(leftScript, []))
    return left > 0
  }

  async #nextKeys(after: Buffer | undefined): Promise<Buffer[]> {
    const from = after === undefined ? '-' : Buffer.concat([Buffer.from('('), after])
    const limit = ['LIMIT', 0, sliceMax]
    return listOf(await this.#parts.driver.call('ZRANGEBYLEX', this.#key('keys'), from, '+', ...limit)).map(
      bytesOf,
    )
  }

  #isInvalid(head: Standing['head']): boolean {
    return head !== undefined && this.#parts.isInvalid(head)
  }

  #key(table: string): string {
    return `${this.#parts.driver.prefix}:${table}`
  }
}

function goneAt(head: StoredEntry): number {
  return Math.max(head.goneAt, goneAtOf(head, head.kind === 'value'))
}
