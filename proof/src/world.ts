/**
 * One run of a program: a cache, its clock, its tier, its loaders and the truth, with every wait in the hands of the
 * harness.
 *
 * A reader is told the truth of an interval: what was demanded when it began bounds its answer from below, what is
 * true when it ends from above. A record counts from the call that appends it, since this log applies it there.
 *
 * Invariants: nothing here waits but through `pause`; an answer is judged in the tick in which it comes.
 */
import type { InvalidationResult } from 'staleproof'
import { HandClock, SlowClock } from './clock.ts'
import { gather, member } from './crowd.ts'
import type { Cache, Library } from './library.ts'
import { runRecipe, type Loading } from './loader.ts'
import { keys, policies, sources, type Program, type Recipe, type Step, type Target } from './program.ts'
import { MapTier, type Pause } from './tier.ts'
import { Ingredients, Truth, type Floors, type Made } from './truth.ts'

/** What a run asks of its surroundings. */
export interface Surroundings {
  readonly pause: Pause
  /** Look at all keys whenever the cache tells of something, in the very tick. */
  readonly watch?: boolean
  /** What changes is not a source but a root of all sources, by way of a crowd: call `gather` first. */
  readonly crowded?: boolean
}

const root = 'root'
const boundMs = { strict: 0, eventual: 5000, relaxed: 30_000 }
const watched = ['departed', 'store', 'hit', 'changed', 'invalidated', 'load'] as const
/** How a call may end without being at fault. */
const allowed = new Set([
  'E_INVALIDATION_INCOMPLETE',
  'E_LOADING_TIMEOUT',
  'E_LOADING_ENDED',
  'E_TIERS_UNREACHABLE',
])

export class World {
  /** What was wrong, in the order in which it was seen. */
  readonly faults: string[] = []
  readonly cache: Cache
  readonly clock: HandClock
  readonly tier: MapTier
  readonly truth = new Truth([...sources, ...keys])
  readonly #recipes: ReadonlyMap<string, Recipe>
  readonly #pause: Pause
  readonly #isCrowded: boolean
  readonly #loading: Loading
  /** Id -> what is demanded once it is done. */
  readonly #queued = new Map<string, { versions: Floors; dueMs: number }>()
  /** Id -> when it was done, of those that were done before their caller was answered. */
  readonly #done = new Map<string, number>()
  #keyWriter: Promise<void> = Promise.resolve()
  #churned = 0
  #isLooking = false

  constructor(library: Library, program: Program, { pause, watch = false, crowded = false }: Surroundings) {
    const { tracking, hasTier, entriesMax, ledgerBytesMax } = program.settings
    this.#pause = pause
    this.#isCrowded = crowded
    this.clock = crowded ? new SlowClock(0) : new HandClock()
    this.tier = new MapTier(pause)
    this.cache = library.createCache({
      policies,
      tracking,
      clock: this.clock,
      random: () => 0.5,
      memory: entriesMax === 0 ? false : entriesMax === undefined ? {} : { maxEntries: entriesMax },
      ledger: { maxBytes: ledgerBytesMax },
      tiers: hasTier ? [this.tier] : [],
    }) as Cache
    this.#recipes = new Map(program.recipes.map((recipe) => [recipe.key, recipe]))
    this.#loading = {
      ...{ pause, cache: this.cache, truth: this.truth, fail: false, isAutomatic: tracking === 'automatic' },
      recipeOf: (key) => this.#recipes.get(key) as Recipe,
      read: (key, answer) => this.#judged(key, answer),
    }
    this.cache.on('invalidated', (record) => this.#queuedDone(record))
    if (watch) for (const event of watched) this.cache.on(event, () => this.look())
  }

  /** All keys at once, in this tick. To look is to read, which is told of in turn: once is enough. */
  look(): void {
    if (this.#isLooking) return
    this.#isLooking = true
    const floors = this.#floors()
    for (const key of keys) {
      const value = this.cache.untracked(() => this.cache.peek(key))
      this.#note(this.truth.fault(value, { key, floors }))
    }
    this.#isLooking = false
  }

  async gather(): Promise<void> {
    await gather(this.cache, root)
    for (const source of sources) await this.cache.link(source, { dependsOn: member })
  }

  async client(steps: readonly Step[]): Promise<void> {
    for (const step of steps) {
      await this.#pause(JSON.stringify(step))
      await this.#do(step).catch((error: unknown) => this.#failed(step, error))
    }
  }

  async #do(step: Step): Promise<void> {
    switch (step.do) {
      case 'getOrSet':
      case 'get':
      case 'peek':
      case 'entry':
        return this.#read(step.key, step.do)
      case 'getMany':
        return this.#readMany(step.keys)
      case 'write':
        return this.truth.write(step.names)
      case 'change':
        return this.#change(step)
      case 'set':
      case 'fill':
      case 'delete':
        return this.#bring(step)
      case 'advance':
        return this.clock.advance(step.ms)
      case 'tier':
        this.tier.down = step.down
        return
      case 'loaders':
        this.#loading.fail = step.fail
        return
      case 'churn':
        return this.#churn(step.count)
    }
  }

  async #read(key: string, how: 'getOrSet' | 'get' | 'peek' | 'entry'): Promise<void> {
    const { cache } = this
    if (how === 'getOrSet') await this.#judged(key, () => runRecipe(key, this.#loading))
    else if (how === 'get') await this.#judged(key, () => cache.get<Made>(key))
    else if (how === 'peek') await this.#judged(key, () => Promise.resolve(cache.peek<Made>(key)))
    else await this.#judged(key, async () => (await cache.entry<Made>(key))?.value)
  }

  async #readMany(keys: readonly string[]): Promise<void> {
    const floors = this.#floors()
    const values = await this.cache.getMany<Made>(keys)
    for (const [key, value] of values) this.#note(this.truth.fault(value, { key, floors }))
  }

  /** Whoever reads, a client or a loader: the answer is held against the moment at which it was asked for. */
  async #judged(key: string, answer: () => Promise<Made | undefined>): Promise<Made | undefined> {
    const floors = this.#floors()
    const value = await answer()
    this.#note(this.truth.fault(value, { key, floors }))
    return value
  }

  async #change(step: Step & { do: 'change' }): Promise<void> {
    const names = this.#namesOf(step.target)
    const free = names.some((name) => name.startsWith('k:')) ? await this.#turnToWriteKeys() : undefined
    try {
      await this.#invalidate(step, names)
    } finally {
      free?.()
    }
  }

  async #invalidate(
    { target, strategy, consistency, mode }: Step & { do: 'change' },
    names: readonly string[],
  ): Promise<void> {
    this.truth.write(names)
    const versions = this.truth.versionsOf(names)
    const isQueued = strategy === 'background' || strategy === 'scheduled'
    const dueMs = mode === 'soft' ? boundMs[consistency] : 0
    if (!isQueued) this.truth.demandFrom(this.clock.now() + dueMs, versions)
    const options = { strategy, consistency, mode }
    const done = this.cache.invalidate(this.#wordsOf(target), options)
    if (!isQueued) return void (await done)
    const { id } = await done
    const early = this.#done.get(id)
    if (early === undefined) this.#queued.set(id, { versions, dueMs })
    else this.truth.demandFrom(early + dueMs, versions)
  }

  #queuedDone({ id, status, endedAt, strategy }: InvalidationResult): void {
    if (status !== 'completed' || endedAt === null || strategy === 'immediate' || strategy === 'lazy') return
    const queued = this.#queued.get(id)
    if (queued === undefined) this.#done.set(id, endedAt)
    else this.truth.demandFrom(endedAt + queued.dueMs, queued.versions)
  }

  async #bring({ do: how, key, source }: Step & { do: 'set' | 'fill' | 'delete' }): Promise<void> {
    const { cache, truth } = this
    if (how === 'fill') {
      const since = cache.token()
      const value = this.#madeElsewhere(key, source)
      await this.#pause(`fill ${key}`)
      await cache.fill(key, value, { since, dependsOn: source })
      return
    }
    const free = await this.#turnToWriteKeys()
    try {
      truth.write([key])
      const versions = truth.versionsOf([key])
      if (how === 'delete') await cache.delete(key)
      else await cache.set(key, this.#made(key, source), { dependsOn: source })
      truth.demand(versions)
    } finally {
      free()
    }
  }

  /** Of two writers of a key at once, either may come last, and no oracle could tell: they come one by one. */
  async #turnToWriteKeys(): Promise<() => void> {
    const before = this.#keyWriter
    let free = () => {}
    this.#keyWriter = new Promise((resolve) => (free = resolve))
    await before
    return free
  }

  #made(key: string, source: string): Made {
    const parts = new Ingredients(this.cache.stats().log.n)
    for (const name of [key, source]) parts.add(name, this.truth.version(name))
    return this.truth.make(key, parts)
  }

  /** By somebody who reads the source, or another key as this process holds it. */
  #madeElsewhere(key: string, source: string): Made {
    const input = source.startsWith('k:') ? this.cache.peek<Made>(source) : undefined
    const parts = new Ingredients(this.cache.stats().log.n)
    for (const name of [key, source]) parts.add(name, this.truth.version(name))
    if (input !== undefined) parts.addAll(input)
    return this.truth.make(key, parts)
  }

  async #churn(count: number): Promise<void> {
    for (let i = 0; i < count; i++) {
      const name = `churn:${this.#churned++}`
      await this.cache.invalidate(
        name,
        i % 2 === 0 ? { strategy: 'lazy' } : { mode: 'soft', strategy: 'lazy' },
      )
    }
  }

  #namesOf({ names, by }: Target): readonly string[] {
    if (by === 'names') return names
    const prefix = by === 'all' ? '' : prefixOf(names)
    return this.truth.names.filter((name) => name.startsWith(prefix))
  }

  #wordsOf({ names, by }: Target) {
    if (by !== 'names') return by === 'all' ? { all: true } : { prefix: prefixOf(names) }
    return this.#isCrowded ? names.map((name) => (name.startsWith('s:') ? root : name)) : names
  }

  #floors(): Floors {
    return this.truth.floors(this.clock.now())
  }

  #failed(step: Step, error: unknown): void {
    const { code, message } = error as { code?: string; message: string }
    const isOurs = message === 'the loader failed' || message === 'the tier is down'
    if (!isOurs && !allowed.has(code ?? '')) this.#note(`${JSON.stringify(step)} failed: ${message}`)
  }

  #note(fault: string | undefined): void {
    if (fault !== undefined) this.faults.push(fault)
  }
}

function prefixOf(names: readonly string[]): string {
  return `${(names[0] as string).split(':')[0]}:`
}
