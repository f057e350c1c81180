/**
 * The work of a process under proof: whatever a user can do, at random, several things at once.
 *
 * Invariants: what was acknowledged is told (journal, truth) before anything else is done; what is not acknowledged
 * is demanded of nobody.
 */
import type { InvalidationResult, Strategy } from 'staleproof'
import type { Cache } from '../library.ts'
import type { Journal } from './journal.ts'
import { fault } from './judge.ts'
import {
  type Dice,
  everything,
  isOwner,
  keys,
  linked,
  linkOf,
  type Made,
  oldest,
  recipeOf,
  rule,
  ruled,
  ruleOn,
  settled,
  sources,
} from './roles.ts'
import type { SharedTruth, Versions } from './shared-truth.ts'

export interface WorkParts {
  readonly cache: Cache
  readonly truth: SharedTruth
  readonly journal: Journal
  readonly dice: Dice
  readonly slot: number
  readonly slots: number
}

/** Steps of one process that are under way at once. */
const hands = 3
/** One value in so many is larger than a row takes. */
const largeOne = 60
const largeLength = 300_000
/** How a call may end without being at fault. */
const allowed = new Set([
  'E_INVALIDATION_STATUS',
  'E_INVALIDATION_UNKNOWN',
  'E_CACHE_CLOSED',
  'E_LOADING_ENDED',
  'E_LOADING_CYCLE',
])

export class Work {
  /** Answers that were judged, and those among them that were values. */
  reads = 0
  found = 0
  /** What is done by one hand at a time. */
  #before: Promise<void> = Promise.resolve()
  readonly #parts: WorkParts
  readonly #own: { readonly sources: string[]; readonly settled: string[]; readonly linked: string[] }

  constructor(parts: WorkParts) {
    this.#parts = parts
    const own = (names: readonly string[]) => names.filter((name) => isOwner(name, parts))
    this.#own = { sources: own(sources), settled: own(settled), linked: own(linked) }
    parts.cache.on('invalidated', (record) => this.#told(record))
  }

  /** So many steps in all. */
  async run(steps: number): Promise<void> {
    const each = Math.ceil(steps / hands)
    await Promise.all(
      Array.from({ length: hands }, async () => {
        for (let i = 0; i < each; i++) await this.#step()
      }),
    )
  }

  /** Looks at all that is there. */
  async check(): Promise<void> {
    for (const key of everything) await this.#judged(key, () => this.#parts.cache.get<Made>(key))
  }

  async #step(): Promise<void> {
    const { cache, dice } = this.#parts
    const kinds = [
      ...Array(6).fill(() => this.#load(dice.of(keys))),
      ...Array(3).fill(() => this.#read(dice.of(everything))),
      ...Array(4).fill(() => this.#change()),
      () => this.#set(),
      ...Array(3).fill(() => this.#fill(dice.of([...linked, ...ruled]))),
      () => this.#alone(() => this.#link()),
      ...(dice.below(4) === 0 ? [() => this.#rule()] : []),
      ...(dice.below(8) === 0 ? [() => cache.invalidate({ prefix: 'k:' })] : []),
    ] as (() => Promise<unknown>)[]
    try {
      await dice.of(kinds)()
    } catch (error) {
      this.failed('a step', error)
    }
  }

  failed(what: string, error: unknown): void {
    const { code, message } = error as { code?: string; message: string }
    if (!allowed.has(code ?? ''))
      this.#parts.journal.say({ say: 'fault', text: `${what} failed: ${message}` })
  }

  async #read(key: string): Promise<void> {
    const { cache, dice } = this.#parts
    if (dice.below(2) === 0) await this.#judged(key, () => Promise.resolve(cache.peek<Made>(key)))
    else await this.#judged(key, () => cache.get<Made>(key))
  }

  #load(key: string): Promise<Made | undefined> {
    const { sources: direct, keys: inner } = recipeOf(key)
    return this.#judged(key, () =>
      this.#parts.cache.getOrSet<Made>(key, async (load) => {
        const read: Versions[] = []
        for (const name of direct) {
          load.dependsOn(name)
          read.push({ [name]: this.#parts.truth.version(name) })
        }
        for (const other of inner) read.push((await this.#load(other))?.versions ?? {})
        return this.#made(key, oldest(read))
      }),
    )
  }

  async #judged(key: string, answer: () => Promise<Made | undefined>): Promise<Made | undefined> {
    const { truth, journal } = this.#parts
    const began = truth.now()
    const value = await answer()
    const wrong = fault(value, { key, began, truth })
    this.reads++
    if (value !== undefined) this.found++
    if (wrong !== undefined) journal.say({ say: 'fault', text: wrong })
    return value
  }

  async #change(): Promise<void> {
    const { cache, dice, journal, truth, slot } = this.#parts
    if (this.#own.sources.length === 0) return
    const name = dice.of(this.#own.sources)
    const version = truth.write(name)
    const strategy = dice.of<Strategy>(['immediate', 'lazy', 'lazy', 'background', 'scheduled'])
    // Whoever carries it out knows by its reason what it was for.
    const { id, status } = await cache.invalidate(name, { strategy, reason: `${name}@${version}` })
    if (status !== 'pending') {
      truth.demand(slot, name, version)
      return journal.say({ say: 'done', id })
    }
    journal.say({ say: 'accepted', id })
    if (dice.below(5) > 0) return
    await cache.invalidations.cancel(id)
    journal.say({ say: 'cancelled', id })
  }

  #told({ id, status, strategy, reason }: InvalidationResult): void {
    if (status === 'pending' || status === 'running') return
    if (strategy === 'immediate' || strategy === 'lazy') return
    this.#parts.journal.say({ say: 'ended', id, status })
    if (status === 'completed') this.demandOf(reason)
  }

  /** What was carried out is demanded from here on. */
  demandOf(reason: string | null): void {
    const [name, version] = reason?.split('@') ?? []
    if (name !== undefined && version !== undefined)
      this.#parts.truth.demand(this.#parts.slot, name, Number(version))
  }

  /** Of two writers of a key at once either may come last, and nobody could tell: they come one by one. */
  #set(): Promise<void> {
    const { dice } = this.#parts
    if (this.#own.settled.length === 0) return Promise.resolve()
    const key = dice.of(this.#own.settled)
    return this.#alone(() => this.#setOne(key))
  }

  #alone(work: () => Promise<void>): Promise<void> {
    const done = this.#before.then(work)
    this.#before = done.catch(() => undefined)
    return done
  }

  /** Its own key, made of a source that it reads in the same tick. */
  async #setOne(key: string): Promise<void> {
    const { cache, dice, truth, slot } = this.#parts
    const source = dice.of(sources)
    const version = truth.write(key)
    const value = this.#made(key, { [key]: version, [source]: truth.version(source) })
    await cache.set(key, value, { dependsOn: source })
    truth.demand(slot, key, version)
  }

  /** By somebody who read all sources after he took the token. */
  async #fill(key: string): Promise<void> {
    const { cache, truth } = this.#parts
    const since = cache.token()
    const versions = Object.fromEntries(sources.map((name) => [name, truth.version(name)]))
    if (this.#parts.dice.below(2) === 0) await new Promise((resolve) => setImmediate(resolve))
    await cache.fill(key, this.#made(key, versions), { since })
  }

  async #link(): Promise<void> {
    const { cache, dice, truth, slot } = this.#parts
    if (this.#own.linked.length === 0) return
    const [key, source] = [dice.of(this.#own.linked), dice.of(sources)]
    const declaration = linkOf(key, source)
    if (dice.below(3) > 0) {
      await cache.link(key, { dependsOn: source })
      truth.declare(slot, declaration, true)
      return
    }
    truth.declare(slot, declaration, false)
    await cache.unlink(key, { dependsOn: source })
  }

  async #rule(): Promise<void> {
    const { cache, truth, slot } = this.#parts
    if (slot !== 0) return
    await cache.rule(rule, { dependsOn: ruleOn })
    truth.declare(slot, rule, true)
  }

  #made(key: string, versions: Versions): Made {
    const isLarge = this.#parts.dice.below(largeOne) === 0
    return isLarge ? { key, versions, padding: 'x'.repeat(largeLength) } : { key, versions }
  }
}
