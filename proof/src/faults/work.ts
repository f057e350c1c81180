/**
 * The work of one node among several: it reads, loads, sets and invalidates, and judges each answer that it gets.
 *
 *   before a read   what is demanded of each name, by all nodes, is noted
 *   after it        the answer must not be made from less, nor from what is not written yet
 *
 * A strict invalidation is demanded of every reader, on whichever node, from the moment at which its caller knows that it is
 * done; an eventual one, and a set, after the bound that is promised. What failed is demanded of nobody, unless it failed
 * only in taking bytes away.
 *
 * Invariants: a demand is written before anything else is done; the owner of a name is its only writer.
 */
import type { InvalidationResult } from 'staleproof'
import { fault } from '../crash/judge.ts'
import { type Dice, isOwner, type Made, oldest } from '../crash/roles.ts'
import type { SharedTruth, Versions } from '../crash/shared-truth.ts'
import type { Cache } from '../library.ts'
import { keys, recipeOf, settled, sources } from './names.ts'
import { type Consistency, Queued } from './queued.ts'
import { type Handed, type NodeOptions, nowMs, type Word } from './said.ts'

export interface WorkParts {
  readonly cache: Cache
  readonly truth: SharedTruth
  readonly dice: Dice
  readonly say: (word: Word) => void
  readonly options: NodeOptions
}

/** Promised of what is eventual. */
const boundMs = 5000
const peeksAtOnce = 40
const loaders = 3
/** No step takes longer when nothing is wrong any more. */
const restMsMax = 20_000
const all: readonly string[] = [...keys, ...settled]
const none = { reads: 0, found: 0, fenced: 0, loads: 0, eventual: 0, handed: 0, kept: 0 }

export class Work {
  readonly #parts: WorkParts
  readonly #own: { readonly sources: readonly string[]; readonly settled: readonly string[] }
  readonly #queued: Queued
  #tally = { ...none }
  #reads = 0
  #isResting = false
  #hands: Promise<unknown> = Promise.resolve()
  /** Steps that have begun and not ended. */
  readonly #steps = new Set<{ readonly name: string; readonly began: number }>()

  constructor(parts: WorkParts) {
    this.#parts = parts
    const own = (names: readonly string[]) => names.filter((name) => isOwner(name, parts.options))
    this.#own = { sources: own(sources), settled: own(settled) }
    this.#queued = new Queued({ ...parts, demand: (...demanded) => this.#demand(...demanded) })
    parts.cache.on('hit', ({ tier }) => {
      if (tier === 'disk') this.#tally.kept++
    })
  }

  begin(): void {
    const hands = [
      this.#until('peek', () => this.#peeks(), 3),
      ...Array.from({ length: loaders }, () => this.#until('look', () => this.#look(), 4)),
      this.#until('strict', () => this.#invalidate('strict'), 60),
      this.#until('eventual', () => this.#invalidate('eventual'), 80),
      this.#until('set', () => this.#set(), 150),
      this.#until('queue', () => this.#put(), 100),
    ]
    this.#hands = Promise.all(hands)
  }

  /** What was counted since the last call. */
  takeTally(): typeof none {
    const tally = this.#tally
    this.#tally = { ...none }
    return tally
  }

  async flood(count: number): Promise<void> {
    const { cache } = this.#parts
    const names = Array.from({ length: count }, (_, i) => `noise:${i % 50}`)
    await Promise.allSettled(names.map((name) => cache.invalidate(name, { strategy: 'lazy' })))
  }

  /** Whoever is handed a token reads what it is of, or more (13). */
  async handed({ name, version, token }: Handed): Promise<void> {
    const { cache } = this.#parts
    const isThere = await cache.upTo(token).then(
      () => true,
      () => false,
    )
    if (!isThere) return
    this.#tally.handed++
    for (const key of keys) {
      const made = cache.peek<Made>(key)?.versions[name]
      if (made !== undefined && made < version)
        this.#fault(`${key} has ${name} at ${made}, stale for who has the token of ${version}`)
    }
  }

  async rest(): Promise<void> {
    this.#isResting = true
    const late = setTimeout(() => {
      const ages = [...this.#steps].map(({ name, began }) => `${name} for ${Math.round(nowMs() - began)} ms`)
      this.#fault(`it cannot rest: ${ages.join(', ')}; ${JSON.stringify(this.#parts.cache.stats().redis)}`)
    }, restMsMax)
    await this.#hands
    clearTimeout(late)
  }

  /** From here on all that is true is demanded. */
  async settle(): Promise<void> {
    const own = [...this.#own.sources, ...this.#own.settled]
    for (const name of own) await this.#insist(() => this.#invalidateAll([name], 'strict'))
  }

  account(ids: readonly string[]): Promise<void> {
    return this.#queued.account(ids)
  }

  /** Every tier misses or equals the source, and what is loaded is kept again. */
  async check(): Promise<void> {
    const { cache } = this.#parts
    const isBack = await this.#insist(() => cache.stats().redis?.fenced === false)
    if (!isBack) this.#fault('it gets no lease, though nothing is wrong any more')
    for (const key of all) {
      this.#peek(key)
      await this.#judged(key, () => cache.get<Made>(key))
    }
    for (const key of keys) {
      const isKept = await this.#insist(async () => {
        await this.#load(key)
        return cache.peek(key) !== undefined
      })
      if (!isKept) this.#fault(`${key} is not kept, though nothing is wrong any more`)
    }
  }

  /** At most half a minute. */
  async #insist(work: () => unknown): Promise<boolean> {
    const end = nowMs() + 30_000
    for (;;) {
      if ((await work()) !== false) return true
      if (nowMs() > end) return false
      await pause(50)
    }
  }

  async #until(name: string, work: () => unknown, aboutMs: number): Promise<void> {
    while (!this.#isResting) {
      const step = { name, began: nowMs() }
      this.#steps.add(step)
      try {
        await work()
      } catch (error) {
        this.#fault(`a step failed: ${String((error as Error).stack)}`)
      }
      this.#steps.delete(step)
      await pause(this.#parts.dice.roll() * 2 * aboutMs)
    }
  }

  // Reading

  #peeks(): void {
    const { cache, dice } = this.#parts
    for (let i = 0; i < peeksAtOnce; i++) this.#peek(dice.of(all))
    const isFenced = cache.stats().redis?.fenced
    if (isFenced !== true) return
    this.#tally.fenced++
    for (const key of all)
      if (cache.peek(key) !== undefined) this.#fault(`${key} is served though there is no lease`)
  }

  #peek(key: string): void {
    const { cache, truth } = this.#parts
    const began = truth.now()
    this.#judge(key, cache.peek<Made>(key), began)
  }

  #look(): Promise<unknown> {
    const { cache, dice } = this.#parts
    if (dice.below(3) > 0) return this.#load(dice.of(keys))
    const key = dice.of(all)
    return this.#judged(key, () => cache.get<Made>(key))
  }

  #load(key: string): Promise<Made | undefined> {
    const { cache, dice, truth } = this.#parts
    const { sources: direct, keys: inner } = recipeOf(key)
    return this.#judged(key, () =>
      cache.getOrSet<Made>(key, async (load) => {
        this.#tally.loads++
        const read: Versions[] = []
        for (const name of direct) {
          load.dependsOn(name)
          read.push({ [name]: truth.version(name) })
        }
        if (dice.below(3) === 0) await pause(dice.below(40))
        for (const other of inner) read.push((await this.#load(other))?.versions ?? {})
        return { key, versions: oldest(read) }
      }),
    )
  }

  async #judged(key: string, answer: () => Promise<Made | undefined>): Promise<Made | undefined> {
    const began = this.#parts.truth.now()
    const value = await answer()
    this.#judge(key, value, began)
    return value
  }

  #judge(key: string, answer: Made | undefined, began: ReturnType<SharedTruth['now']>): void {
    const { truth, options } = this.#parts
    this.#reads++
    this.#tally.reads++
    let value = answer
    if (options.plantAt !== undefined && this.#reads >= options.plantAt) {
      value = planted(key, (name) => began.demanded(name)) ?? answer
    }
    if (value !== undefined) this.#tally.found++
    const wrong = fault(value, { key, began, truth })
    if (wrong !== undefined) this.#fault(`${wrong}, at ${this.#parts.cache.token()}`)
  }

  // Writing

  async #invalidate(consistency: Consistency): Promise<void> {
    const names = this.#someOwn()
    if (names.length > 0) await this.#invalidateAll(names, consistency)
  }

  #someOwn(): readonly string[] {
    const { dice } = this.#parts
    const { sources: own } = this.#own
    const count = Math.min(own.length, dice.below(4) === 0 ? 2 : 1)
    return [...new Set(Array.from({ length: count }, () => dice.of(own)))]
  }

  async #put(): Promise<void> {
    const { dice, truth } = this.#parts
    const names = this.#someOwn()
    if (names.length === 0) return
    await this.#queued.put({
      versions: Object.fromEntries(names.map((name) => [name, truth.write(name)])),
      strategy: dice.of(['scheduled', 'background']),
      consistency: dice.of(['strict', 'eventual']),
    })
  }

  /** As one record. @returns whether it is in force */
  async #invalidateAll(names: readonly string[], consistency: Consistency): Promise<boolean> {
    const { cache, dice, truth, say } = this.#parts
    const written = names.map((name) => ({ name, version: truth.write(name) }))
    const strategy = dice.below(3) === 0 ? 'lazy' : 'immediate'
    const began = nowMs()
    const { how, token } = await outcome(cache.invalidate(names, { consistency, strategy }))
    const isDone = how === 'done' || how === 'purge failed'
    for (const { name, version } of written) {
      if (isDone) this.#demand(name, version, consistency)
      if (token !== undefined) say({ say: 'token', name, version, token })
    }
    if (isDone && token !== undefined) say({ say: 'logged', began, token })
    if (consistency === 'strict') say({ say: 'strict', began, ended: nowMs(), how })
    else this.#tally.eventual++
    return isDone
  }

  async #set(): Promise<void> {
    if (this.#own.settled.length > 0) await this.#setOne(this.#parts.dice.of(this.#own.settled))
  }

  async #setOne(key: string): Promise<void> {
    const { cache, dice, truth } = this.#parts
    const source = dice.of(sources)
    const version = truth.write(key)
    const value: Made = { key, versions: { [key]: version, [source]: truth.version(source) } }
    const isTold = await cache.set(key, value, { dependsOn: source }).then(
      () => true,
      () => false,
    )
    if (isTold) this.#demand(key, version, 'eventual')
  }

  #demand(name: string, version: number, consistency: Consistency): void {
    const { truth, options } = this.#parts
    const demand = () => truth.demand(options.slot, name, version)
    if (consistency === 'strict') demand()
    else setTimeout(demand, boundMs)
  }

  #fault(text: string): void {
    this.#parts.say({ say: 'fault', text, at: nowMs() })
  }
}

/** 'done'; 'purge failed': nobody is served it, but bytes of it are left; or the code of the error. */
async function outcome(
  invalidation: Promise<InvalidationResult>,
): Promise<{ readonly how: string; readonly token?: string | undefined }> {
  try {
    const { token } = await invalidation
    return { how: 'done', token: token ?? undefined }
  } catch (error) {
    const { code, details } = error as { code?: string; details?: { result?: InvalidationResult } }
    const { result } = details ?? {}
    if (result?.status === 'failed' && result.position !== null) return { how: 'purge failed' }
    return { how: code ?? String(error) }
  }
}

/** What nobody may be served any more, if anything is demanded. */
function planted(key: string, demanded: (name: string) => number): Made | undefined {
  const name = keys.includes(key) ? (recipeOf(key).sources[0] as string) : key
  return demanded(name) > 0 ? { key, versions: { [name]: demanded(name) - 1 } } : undefined
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
