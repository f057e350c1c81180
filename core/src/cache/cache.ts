/**
 * The cache: where the rooms meet.
 *
 *   read          memory (a look-up and two comparisons) -> Reader: tiers below, flights, grace
 *   write         Writer: judge, announce, judge again, store in one tick
 *   invalidation  request -> log -> Applier (ledger, graph, held entries) -> purge of every tier -> record
 *
 * Every invalidation, change and declared edge is a record of the log; whoever has applied it serves nothing that it
 * ended. What else happens, purging, sweeping, is housekeeping: correctness never rests on it.
 */
import { resolveRequest, resolveTarget, type TargetLike } from '../invalidation/request.ts'
import { currentFlight, innermostFlight, runWithin } from '../loading/context.ts'
import type { Flight } from '../loading/flight.ts'
import type { Loader, Reads } from '../loading/load.ts'
import type { Log } from '../log/contract.ts'
import type { Timer } from '../model/clock.ts'
import type { Entry } from '../model/entry.ts'
import { StaleproofError } from '../model/errors.ts'
import type { CacheEventName, Listener } from '../model/event.ts'
import type {
  InvalidateOptions,
  InvalidationResult,
  Mutated,
  MutateOptions,
  Plan,
} from '../model/invalidation.ts'
import { checkFunction, checkKnown, checkList } from '../model/known.ts'
import { checkName, listOf } from '../model/name.ts'
import { tokenOf } from '../model/position.ts'
import { storeOptions, type SetOptions, type StoreOptions } from '../model/store.ts'
import type { Answer } from '../tiers/contract.ts'
import type { BuiltInPolicy } from '../ttl/policies.ts'
import { assemble, type Parts } from './assemble.ts'
import type { EntryView, FillResult, InvalidationRecords, SetResult } from './answers.ts'
import { explain, type Explanation } from './explain.ts'
import type { Found, Held } from './held.ts'
import type { CacheOptions, Settings } from './options.ts'
import { freshOf, type Reader } from './reader.ts'
import { statsOf, type Stats } from './stats.ts'
import { upTo } from './up-to.ts'
import { viewOf, type Direction, type GraphView } from './view.ts'
import { wrap, type Wrapped, type WrapOptions } from './wrap.ts'
import type { Writer } from './writer.ts'

interface How {
  readonly loader: Loader<unknown>
  readonly options: StoreOptions | undefined
  /** The flight whose loader waits for the read. */
  readonly waiting: Flight | undefined
}

export class Cache<P extends string = string> {
  readonly invalidations: InvalidationRecords
  readonly #parts: Parts
  readonly #settings: Settings
  readonly #automatic: boolean
  // On the path of every read.
  readonly #log: Log
  readonly #held: Held
  readonly #reader: Reader
  readonly #writer: Writer
  #sweeping: Timer | undefined
  #closing: Promise<void> | undefined

  constructor(options: CacheOptions<P> = {}) {
    this.#parts = assemble({ options, owner: this, reads: this.#reads() })
    const { settings, log, held, reader, writer, work } = this.#parts
    this.#settings = settings
    this.#automatic = settings.automatic
    this.#log = log
    this.#held = held
    this.#reader = reader
    this.#writer = writer
    this.invalidations = work
    this.#sweepLater()
  }

  // Reading

  /**
   * The value of `key`; if none is held that may be served, that of `loader`, which is kept with everything that it
   * read through the cache as its dependencies. Callers of one key share one load.
   * @throws what the loader throws; E_NAME_INVALID, E_OPTIONS_INVALID, E_POLICY_UNKNOWN, E_LOADING_CYCLE, E_LOADING_TIMEOUT
   */
  getOrSet<V>(key: string, loader: Loader<V>, options?: StoreOptions<P>): Promise<V> {
    const within = this.#automatic ? currentFlight(this) : undefined
    // A hit outside of loaders makes no object on its way.
    const ready = within === undefined ? this.#held.ready(key) : undefined
    if (ready !== undefined) return this.#reader.serve(ready, undefined) as Promise<V>
    const waiting = this.#automatic ? innermostFlight() : undefined
    return this.#getOrSet(within, key, { loader, options, waiting }) as Promise<V>
  }

  /**
   * The value of `key` from the nearest tier that may serve it; undefined if none may. Never stale. Rejects with the
   * error of the loader, if the policy remembers errors and that is what is remembered.
   */
  get<V>(key: string): Promise<V | undefined> {
    return this.#get(this.#automatic ? currentFlight(this) : undefined, key) as Promise<V | undefined>
  }

  /** The same from memory only, at once; undefined in place of a remembered error. */
  peek<V>(key: string): V | undefined {
    const within = this.#automatic ? currentFlight(this) : undefined
    const ready = within === undefined ? this.#held.ready(key) : undefined
    if (ready === undefined || ready.kind === 'error') return this.#peek(within, key) as V | undefined
    this.#reader.countHit(ready, undefined)
    return this.#writer.copy(ready.value) as V
  }

  /** True if `get` would find it: a value, or a remembered `undefined`. */
  async has(key: string): Promise<boolean> {
    const within = this.#automatic ? currentFlight(this) : undefined
    const found = await this.#fresh(within, key)
    if (found !== undefined) within?.inherit(found.entry)
    return found !== undefined
  }

  /** Those of the keys that `get` would find. */
  async getMany<V>(keys: readonly string[]): Promise<Map<string, V>> {
    const within = this.#automatic ? currentFlight(this) : undefined
    const found = await Promise.all(listOf(keys, 'keys').map(async (key) => this.#fresh(within, key)))
    const values = new Map<string, V>()
    for (const [i, key] of keys.entries()) {
      const { entry, tier } = found[i] ?? {}
      // Others were waited for: all that is given is good now.
      if (entry === undefined || this.#held.assess(entry)?.state !== 'fresh') this.#reader.countMiss(key)
      else if (entry.kind === 'value') values.set(key, (await this.#reader.serve(entry, within, tier)) as V)
    }
    return values
  }

  /** An entry with what is known of it, fresh or in grace. */
  async entry<V>(key: string): Promise<EntryView<V> | undefined> {
    this.#open()
    checkName(key, 'key')
    const within = this.#automatic ? currentFlight(this) : undefined
    within?.note(key)
    // Taken first: what is found is judged after it.
    const token = this.token()
    const isLeased = !this.#held.isFenced || (await this.#reader.regain())
    const found = isLeased ? await this.#reader.find(key) : await this.#reader.findFenced(key)
    if (found === undefined) this.#reader.countMiss(key)
    if (found === undefined || found.entry.kind === 'error') return undefined
    const { entry, state } = found
    if (state === 'fresh') this.#reader.countHit(entry, within, found.tier)
    else this.#reader.countStale(entry, { within, because: isLeased ? 'asked' : 'fenced' })
    return {
      key,
      value: this.#writer.copy(entry.value) as V,
      policy: entry.policy.name,
      state,
      fenced: !isLeased,
      storedAt: entry.storedAt,
      expiresAt: entry.expiresAt,
      graceUntil: entry.graceUntil,
      ageMs: this.#settings.clock.now() - entry.storedAt,
      token,
      dependencies: entry.dependencies,
    }
  }

  // Writing

  /**
   * Declares that `key` has a new value: what depends on it becomes stale, loads of it that are under way are not
   * kept, and the value is stored. A strict one resolves when no other node serves what was there before.
   * @throws E_CONSISTENCY_UNKNOWN; strict: that of the log, if it cannot be told who may still serve it; E_NAME_INVALID, E_POLICY_UNKNOWN, E_DURATION_INVALID, E_SIZE_INVALID, E_VALUE_MISSING, E_VALUE_TOO_LARGE,
   *   E_GRAPH_TOO_MANY_DEPENDENCIES, E_TIERS_UNREACHABLE
   */
  async set(key: string, value: unknown, options: SetOptions<P> = {}): Promise<SetResult> {
    this.#open()
    return this.#parts.bringing.set(key, value, options)
  }

  /** `set` for each, in order; stops at the first that is refused as bad input, which it rejects with. */
  async setMany(
    items: Iterable<readonly [key: string, value: unknown, options?: SetOptions<P>]>,
  ): Promise<SetResult[]> {
    const results: SetResult[] = []
    const wanted = 'setMany takes a list of [key, value, options]'
    checkList(items, wanted)
    for (const item of items) {
      checkList(item, wanted)
      results.push(await this.set(...item))
    }
    return results
  }

  /** The position now, as text: take it before loading elsewhere, hand it back to `fill`. */
  token(): string {
    this.#open()
    this.#log.catchUp()
    // What is in force here only has a place between two positions of the log.
    return tokenOf({ generation: this.#log.generation, n: Math.floor(this.#log.applied) })
  }

  /**
   * Resolves when this node has applied everything up to the token, which another one gave: what is read here afterwards
   * reflects it.
   * @throws E_TOKEN_INVALID, E_TOKEN_UNKNOWN; E_CONSISTENCY_UNREACHED if it cannot be found out
   */
  async upTo(token: string): Promise<void> {
    this.#open()
    await upTo(token, { log: this.#log, clock: this.#settings.clock })
  }

  /**
   * Stores what was loaded elsewhere, unless the key or anything it depends on was invalidated since the token.
   * @throws E_TOKEN_INVALID, and what `set` throws
   */
  async fill(key: string, value: unknown, options: StoreOptions<P> & { since: string }): Promise<FillResult> {
    this.#open()
    return this.#parts.bringing.fill(key, value, options)
  }

  /**
   * Declares that `key` changed, and removes it.
   * @returns whether it was held
   * @throws E_TIERS_UNREACHABLE if that cannot be told; what `invalidate` throws
   */
  async delete(key: string): Promise<boolean> {
    this.#open()
    checkName(key, 'key')
    const near = this.#held.near.look(key) !== undefined
    const [below] = await Promise.all([
      this.#parts.lower.holds(key),
      this.invalidate(key, { reason: 'delete' }),
    ])
    return near || below
  }

  // The declared graph

  /** Declares that `name`, cached or not, is made from other names. @throws E_NAME_INVALID, E_TIERS_UNREACHABLE */
  async link(name: string, options: { dependsOn: string | readonly string[] }): Promise<void> {
    this.#open()
    await this.#parts.declarations.link(name, options)
  }

  /** Takes `link` back, for some of the names or for all. What was stale stays so. */
  async unlink(name: string, options: { dependsOn?: string | readonly string[] } = {}): Promise<void> {
    this.#open()
    await this.#parts.declarations.unlink(name, options)
  }

  /**
   * Declares by pattern: `rule('thumb:{album}/{photo}', { dependsOn: 'file:/photos/{album}/{photo}' })`.
   * What it speaks of becomes stale once; a rule that is there already changes nothing.
   * @throws E_GRAPH_RULE_INVALID, E_TIERS_UNREACHABLE
   */
  async rule(pattern: string, options: { dependsOn: string | readonly string[] }): Promise<void> {
    this.#open()
    await this.#parts.declarations.rule(pattern, options)
  }

  /** Takes `rule` back: the one of these dependencies, or all of this pattern. */
  async unrule(pattern: string, options: { dependsOn?: string | readonly string[] } = {}): Promise<void> {
    this.#open()
    await this.#parts.declarations.unrule(pattern, options)
  }

  /**
   * A memoised function, keyed by its arguments: `wrap('album', (id: string) => loadAlbum(id))`.
   * The options may follow from the arguments: `wrap('exif', readExif, (path) => ({ dependsOn: `file:${path}` }))`.
   */
  wrap<A extends readonly unknown[], V>(
    prefix: string,
    fn: (...args: A) => V | Promise<V>,
    options: WrapOptions<P, A> = {},
  ): Wrapped<A, V> {
    return wrap(this, prefix, { fn, options })
  }

  /** Runs work that outlives the loader it was begun in: what it reads is nobody's dependency. */
  untracked<T>(work: () => T): T {
    checkFunction(work, 'untracked takes a function to run')
    return runWithin(undefined, work)
  }

  // Invalidation

  /**
   * Declares that names changed: no reader gets what was made from them before.
   * @throws E_INVALIDATION_INCOMPLETE (details.result) if a tier did not do its part; E_NAME_INVALID, E_TARGET_EMPTY,
   *   E_STRATEGY_UNKNOWN, E_CONSISTENCY_UNKNOWN, E_MODE_UNKNOWN, E_MODE_UNSUPPORTED, E_INVALIDATION_QUEUE_FULL
   */
  async invalidate(target: TargetLike, options: InvalidateOptions = {}): Promise<InvalidationResult> {
    this.#open()
    return this.#parts.work.carryOut(resolveRequest(target, options, this.#settings.clock.now()))
  }

  /**
   * Runs `fn`, which writes what the names stand for, and invalidates them. From before until then nothing that is made
   * from them is kept; if this process dies over it, they are invalidated when the time (`within`) has run out.
   * @throws what `fn` throws, when the names are invalidated; E_MUTATE_UNBEGUN: `fn` was not run; E_MUTATE_LATE: it took too
   *   long; what `invalidate` throws, with `details.value`; E_STRATEGY_UNSUPPORTED
   */
  async mutate<T>(
    names: string | readonly string[],
    fn: () => T | Promise<T>,
    options: MutateOptions = {},
  ): Promise<Mutated<T>> {
    this.#open()
    return this.#parts.mutations.mutate(names, fn, options)
  }

  /** What `invalidate` would reach now; nothing is changed. @throws E_NAME_INVALID, E_TARGET_EMPTY */
  async plan(target: TargetLike): Promise<Plan> {
    this.#open()
    return this.#parts.work.plan(resolveTarget(target))
  }

  // Asking

  /** What is known of a key: why it is here, why it went. */
  async explain(key: string): Promise<Explanation> {
    this.#open()
    checkName(key, 'key')
    return explain(key, this.#parts.stack)
  }

  /** The graph around a name: at most 1,000 nodes, `depth` steps far (default 3). @throws E_NAME_INVALID */
  async graph(name: string, options: { direction?: Direction; depth?: number } = {}): Promise<GraphView> {
    this.#open()
    return viewOf(this.#parts.graph, name, options)
  }

  /** @returns a function that ends the subscription */
  on<E extends CacheEventName>(event: E, listener: Listener<E>): () => void {
    return this.#parts.events.on(event, listener)
  }

  stats(): Stats {
    const { work, reader } = this.#parts
    return statsOf({ ...this.#parts, pending: work.pending, flights: reader.flights })
  }

  /**
   * Resolves when what lies behind can be used: at once, but for a server that has to be joined first. Nobody has to wait
   * for it: until then loaders are asked, and nothing is kept.
   * @throws why it cannot be used: E_REDIS_UNREACHABLE, E_REDIS_REFUSED, E_REDIS_EVICTION, E_REDIS_VERSION
   */
  async ready(): Promise<void> {
    const { membership } = this.#log
    if (membership === undefined || (await membership.refresh())) return
    throw membership.failure ?? closed()
  }

  /** Ends loads and timers, lets what is being invalidated end; may be called again. */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    this.#sweeping?.cancel()
    this.#parts.mutations.close()
    await this.#reader.abort(closed())
    await this.#parts.work.close()
    this.#held.clear()
    await this.#parts.lower.close()
    await this.#parts.backing.close()
    await this.#parts.beneath?.close()
  }

  #getOrSet(within: Flight | undefined, key: string, how: How): Promise<unknown> {
    // A read that comes too late is refused by a rejection, not by a throw: in #read.
    if (within !== undefined && (within.ended || typeof key !== 'string')) return this.#read(within, key, how)
    within?.note(key)
    const ready = this.#held.ready(key)
    return ready === undefined ? this.#read(within, key, how) : this.#reader.serve(ready, within)
  }

  async #read(
    within: Flight | undefined,
    key: string,
    { loader, options = {}, waiting }: How,
  ): Promise<unknown> {
    this.#open()
    checkName(key, 'key')
    checkFunction(loader, 'getOrSet takes a function that loads the value')
    checkKnown(options, storeOptions, 'getOrSet')
    within?.note(key)
    const policy = this.#parts.policies.get(options.policy)
    this.#log.catchUp()
    const position = this.#log.applied
    const beganMs = this.#parts.reader.moment
    const request = { key, loader, options, policy, position, beganMs, within, waiting }
    return this.#held.isFenced ? this.#reader.readFenced(request) : this.#reader.read(request)
  }

  /** What is found at once is handed out without another promise around it. */
  #get(within: Flight | undefined, key: string): Promise<unknown> {
    try {
      const answer = this.#fresh(within, key)
      if (!(answer instanceof Promise)) return this.#serve(within, key, answer)
      return answer.then((found) => this.#serve(within, key, found))
    } catch (error) {
      return Promise.reject(error)
    }
  }

  #serve(within: Flight | undefined, key: string, found: Found | undefined): Promise<unknown> {
    if (found !== undefined) return this.#reader.serve(found.entry, within, found.tier)
    this.#reader.countMiss(key)
    return Promise.resolve(undefined)
  }

  #peek(within: Flight | undefined, key: string): unknown {
    if (within !== undefined) {
      checkName(key, 'key')
      within.note(key)
    }
    const entry = this.#held.ready(key) ?? this.#freshHeld(key)
    if (entry === undefined) this.#reader.countMiss(key)
    if (entry === undefined || entry.kind === 'error') return undefined
    this.#reader.countHit(entry, within)
    return this.#writer.copy(entry.value)
  }

  #freshHeld(key: string): Entry | undefined {
    const found = this.#held.find(key)
    return found?.state === 'fresh' ? found.entry : undefined
  }

  #fresh(within: Flight | undefined, key: string): Answer<Found | undefined> {
    this.#open()
    checkName(key, 'key')
    within?.note(key)
    if (this.#held.isFenced) return this.#reader.freshOrFenced(key)
    const found = this.#reader.find(key)
    return found instanceof Promise ? found.then(freshOf) : freshOf(found)
  }

  #reads(): Reads {
    return {
      getWithin: (flight, key) => this.#get(flight, key),
      getOrSetWithin: (flight, key, how) => this.#getOrSet(flight, key, { ...how, waiting: flight }),
      peekWithin: (flight, key) => this.#peek(flight, key),
    }
  }

  #sweepLater(): void {
    this.#sweeping = this.#settings.clock.schedule(this.#settings.sweepEveryMs, () => {
      void this.#parts.applier.sweep().then(() => {
        if (this.#closing === undefined) this.#sweepLater()
      })
    })
  }

  #open(): void {
    if (this.#closing !== undefined) throw closed()
  }
}

function closed(): StaleproofError {
  return new StaleproofError('E_CACHE_CLOSED', 'the cache was closed; nothing can be asked of it any more')
}

/** Opens a cache; every option has a default. @throws E_OPTIONS_INVALID and others that name the option */
export function createCache<const P extends string = never>(
  options: CacheOptions<P> = {},
): Cache<P | BuiltInPolicy> {
  return new Cache<P | BuiltInPolicy>(options as CacheOptions<P | BuiltInPolicy>)
}
