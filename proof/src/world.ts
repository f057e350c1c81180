/**
 * One run of a program: a cache, or several on one directory, with their clock, tier, loaders and the truth, and every
 * wait in the hands of the harness.
 *
 * A reader is told the truth of an interval: what was demanded when it began bounds its answer from below, what is
 * true when it ends from above. In one process a record counts from the call that appends it, since that log applies it
 * there; of several caches none may serve it once that call has resolved.
 *
 * Invariants: nothing here waits but through `pause`; an answer is judged in the tick in which it comes.
 */
import type { InvalidationResult } from 'staleproof'
import { HandClock, SlowClock } from './clock.ts'
import { gather, member } from './crowd.ts'
import { Directory, type Node } from './directory.ts'
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
  'E_CACHE_CLOSED',
])

export class World {
  /** What was wrong, in the order in which it was seen. */
  readonly faults: string[] = []
  readonly clock: HandClock
  /** Where they are, if they share one. */
  readonly directory: Directory | undefined
  readonly tier: MapTier
  readonly truth = new Truth([...sources, ...keys])
  readonly #recipes: ReadonlyMap<string, Recipe>
  readonly #pause: Pause
  readonly #isAutomatic: boolean
  readonly #watch: boolean
  readonly #isCrowded: boolean
  readonly #alone: Node | undefined
  readonly #loadings = new WeakMap<Cache, Loading>()
  readonly #dropped = new WeakMap<Cache, Promise<void>>()
  #fail = false
  /** Id -> what is demanded once it is done. */
  readonly #queued = new Map<string, { versions: Floors; dueMs: number }>()
  /** Id -> when it was done, of those that were done before their caller was answered. */
  readonly #done = new Map<string, number>()
  #keyWriter: Promise<void> = Promise.resolve()
  #churned = 0
  #isLooking = false

  constructor(library: Library, program: Program, { pause, watch = false, crowded = false }: Surroundings) {
    const { tracking, hasTier, entriesMax, ledgerBytesMax, caches, roomBytes } = program.settings
    this.#pause = pause
    this.#watch = watch
    this.#isCrowded = crowded
    this.#isAutomatic = tracking === 'automatic'
    this.#recipes = new Map(program.recipes.map((recipe) => [recipe.key, recipe]))
    this.clock = crowded ? new SlowClock(0) : new HandClock()
    this.tier = new MapTier(pause)
    const options = {
      policies,
      tracking,
      memory:
        entriesMax === 0 ? (false as const) : entriesMax === undefined ? {} : { maxEntries: entriesMax },
      ledger: { maxBytes: ledgerBytesMax },
    }
    const onOpen = (node: Node) => this.#meet(node)
    if (caches > 0) {
      const shared = { library, pause, options, onOpen, clock: this.clock, bytesMax: roomBytes }
      this.directory = new Directory(shared, caches)
      return
    }
    const tiers = hasTier ? [this.tier] : []
    const own = { ...options, tiers, clock: this.clock, random: () => 0.5 }
    this.#alone = { cache: library.createCache(own) as Cache, dropped: new Promise(() => undefined) }
    onOpen(this.#alone)
  }

  get cache(): Cache {
    return this.#nodes[0]?.cache as Cache
  }

  get #nodes(): readonly Node[] {
    return this.directory?.nodes ?? [this.#alone as Node]
  }

  #meet({ cache, dropped }: Node): void {
    this.#dropped.set(cache, dropped)
    const isFailing = () => this.#fail
    this.#loadings.set(cache, {
      ...{ pause: this.#pause, cache, truth: this.truth, isAutomatic: this.#isAutomatic },
      get fail() {
        return isFailing()
      },
      recipeOf: (key) => this.#recipes.get(key) as Recipe,
      read: (key, answer) => this.#judged(key, answer),
    })
    cache.on('invalidated', (record) => this.#queuedDone(record))
    if (this.#watch) for (const event of watched) cache.on(event, () => this.look())
  }

  /** All keys at once, in this tick. To look is to read, which is told of in turn: once is enough. */
  look(): void {
    if (this.#isLooking) return
    this.#isLooking = true
    const floors = this.#floors()
    for (const { cache } of this.#nodes) {
      for (const key of keys) {
        const value = cache.untracked(() => cache.peek(key))
        this.#note(this.truth.fault(value, { key, floors }))
      }
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
      const node = this.#nodes[(step.at ?? 0) % this.#nodes.length] as Node
      const done = this.#do(step, node.cache).catch((error: unknown) => this.#failed(step, error))
      // Nobody hears of one that died again.
      await Promise.race([done, node.dropped])
    }
  }

  async #do(step: Step, cache: Cache): Promise<void> {
    switch (step.do) {
      case 'getOrSet':
      case 'get':
      case 'peek':
      case 'entry':
        return this.#read(cache, step.key, step.do)
      case 'getMany':
        return this.#readMany(cache, step.keys)
      case 'write':
        return this.truth.write(step.names)
      case 'change':
        return this.#change(cache, step)
      case 'fill':
        return this.#fill(cache, step)
      case 'set':
      case 'delete':
        return this.#bring(cache, step)
      default:
        return this.#disturb(step, cache)
    }
  }

  async #disturb(step: Step, cache: Cache): Promise<void> {
    switch (step.do) {
      case 'advance':
        return this.clock.advance(step.ms)
      case 'tier':
        this.tier.down = step.down
        return
      case 'loaders':
        this.#fail = step.fail
        return
      case 'churn':
        return this.#churn(cache, step.count)
      case 'reopen':
        return this.#reopen(step, cache)
      default:
        throw new Error(`what is ${step.do}?`)
    }
  }

  async #reopen({ how }: Step & { do: 'reopen' }, cache: Cache): Promise<void> {
    const place = this.#nodes.findIndex((node) => node.cache === cache)
    if (place < 0) return
    if (how === 'drop') await this.directory?.drop(place)
    else await this.directory?.close(place)
  }

  async #read(cache: Cache, key: string, how: 'getOrSet' | 'get' | 'peek' | 'entry'): Promise<void> {
    if (how === 'getOrSet')
      await this.#judged(key, () => runRecipe(key, this.#loadings.get(cache) as Loading))
    else if (how === 'get') await this.#judged(key, () => cache.get<Made>(key))
    else if (how === 'peek') await this.#judged(key, () => Promise.resolve(cache.peek<Made>(key)))
    else await this.#judged(key, async () => (await cache.entry<Made>(key))?.value)
  }

  async #readMany(cache: Cache, keys: readonly string[]): Promise<void> {
    const floors = this.#floors()
    const values = await cache.getMany<Made>(keys)
    for (const [key, value] of values) this.#note(this.truth.fault(value, { key, floors }))
  }

  /** Whoever reads, a client or a loader: the answer is held against the moment at which it was asked for. */
  async #judged(key: string, answer: () => Promise<Made | undefined>): Promise<Made | undefined> {
    const floors = this.#floors()
    const value = await answer()
    this.#note(this.truth.fault(value, { key, floors }))
    return value
  }

  async #change(cache: Cache, step: Step & { do: 'change' }): Promise<void> {
    const names = this.#namesOf(step.target)
    const free = names.some((name) => name.startsWith('k:')) ? await this.#turnToWriteKeys() : undefined
    try {
      await this.#invalidate(cache, step, names)
    } finally {
      free?.()
    }
  }

  async #invalidate(
    cache: Cache,
    { target, strategy, consistency, mode }: Step & { do: 'change' },
    names: readonly string[],
  ): Promise<void> {
    this.truth.write(names)
    const versions = this.truth.versionsOf(names)
    const isQueued = strategy === 'background' || strategy === 'scheduled'
    const dueMs = mode === 'soft' ? boundMs[consistency] : 0
    const demand = () => this.truth.demandFrom(this.clock.now() + dueMs, versions)
    if (!isQueued && this.directory === undefined) demand()
    const done = cache.invalidate(this.#wordsOf(target), { strategy, consistency, mode })
    const { id } = await this.#told(cache, done)
    if (!isQueued && this.directory !== undefined) demand()
    if (!isQueued) return
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

  /** By somebody who has read elsewhere, and has his token from there. */
  async #fill(cache: Cache, { key, source, from = 0 }: Step & { do: 'fill' }): Promise<void> {
    const other = this.directory === undefined ? cache : this.#nodes[from % this.#nodes.length]?.cache
    const since = (other ?? cache).token()
    const value = this.#madeElsewhere(other ?? cache, key, source)
    await this.#pause(`fill ${key}`)
    await cache.fill(key, value, { since, dependsOn: source })
  }

  async #bring(cache: Cache, { do: how, key, source }: Step & { do: 'set' | 'delete' }): Promise<void> {
    const { truth } = this
    const free = await this.#turnToWriteKeys()
    try {
      truth.write([key])
      const versions = truth.versionsOf([key])
      const done: Promise<unknown> =
        how === 'delete'
          ? cache.delete(key)
          : cache.set(key, this.#made(cache, key, source), { dependsOn: source })
      await this.#told(cache, done)
      truth.demand(versions)
    } finally {
      free()
    }
  }

  /** What a cache answers, unless it dies before. */
  #told<T>(cache: Cache, answer: Promise<T>): Promise<T> {
    const died = this.#dropped.get(cache)?.then(() => {
      throw Object.assign(new Error('it died'), { code: 'E_CACHE_CLOSED' })
    })
    return died === undefined ? answer : Promise.race([answer, died])
  }

  /** Of two writers of a key at once, either may come last, and no oracle could tell: they come one by one. */
  async #turnToWriteKeys(): Promise<() => void> {
    const before = this.#keyWriter
    let free = () => {}
    this.#keyWriter = new Promise((resolve) => (free = resolve))
    await before
    return free
  }

  #made(cache: Cache, key: string, source: string): Made {
    const parts = new Ingredients(cache.stats().log.n)
    for (const name of [key, source]) parts.add(name, this.truth.version(name))
    return this.truth.make(key, parts)
  }

  /** By somebody who reads the source, or another key as this process holds it. */
  #madeElsewhere(cache: Cache, key: string, source: string): Made {
    const input = source.startsWith('k:') ? cache.peek<Made>(source) : undefined
    const parts = new Ingredients(cache.stats().log.n)
    for (const name of [key, source]) parts.add(name, this.truth.version(name))
    if (input !== undefined) parts.addAll(input)
    return this.truth.make(key, parts)
  }

  async #churn(cache: Cache, count: number): Promise<void> {
    for (let i = 0; i < count; i++) {
      const name = `churn:${this.#churned++}`
      await cache.invalidate(name, i % 2 === 0 ? { strategy: 'lazy' } : { mode: 'soft', strategy: 'lazy' })
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
