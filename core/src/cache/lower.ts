/**
 * Lower: the tiers below memory, asked in order.
 *
 * Invariants: puts and deletes of one key reach a tier in the order in which they were made, so that a purge is
 * never followed by an older put; a tier that fails is passed by and told of, it never fails a read, and one that
 * fails again and again is not asked (Guard); what a tier gave is judged after it answered, never before.
 */
import type { Log } from '../log/contract.ts'
import type { Judge } from '../log/judge.ts'
import type { Clock, Random, Timer } from '../model/clock.ts'
import type { EntryParts } from '../model/entry.ts'
import { StaleproofError } from '../model/errors.ts'
import type { Events } from '../model/event.ts'
import { isRefusal } from '../recovery/breaker.ts'
import type { Guard, TierState } from '../recovery/guard.ts'
import { GuardedSharedTier, GuardedTier } from '../recovery/guarded.ts'
import type { Admit, Answer, Head, Settled, SharedTier, Tier } from '../tiers/contract.ts'

/** A tier whose puts and deletes of a key wait for those before them. */
class Ordered implements Tier {
  readonly name: string
  readonly #tier: Tier
  /** key -> the last write under way. Never rejects. */
  readonly #writing = new Map<string, Promise<unknown>>()

  constructor(tier: Tier) {
    this.#tier = tier
    this.name = tier.name
  }

  put(entry: EntryParts): Promise<void> {
    return this.#after([entry.key], () => this.#tier.put(entry))
  }

  /** Nobody else stores here: nothing has to be spared. */
  delete(keys: readonly string[]): Promise<number> {
    return this.#after(keys, () => this.#tier.delete(keys))
  }

  /** Writes when all that is being written of these keys is written, or has failed. */
  #after<T>(keys: readonly string[], write: () => Promise<T>): Promise<T> {
    const before = keys.flatMap((key) => this.#writing.get(key) ?? [])
    const written = before.length === 0 ? write() : Promise.all(before).then(write)
    const settled: Promise<unknown> = written.then(
      () => this.#settled(keys, settled),
      () => this.#settled(keys, settled),
    )
    for (const key of keys) this.#writing.set(key, settled)
    return written
  }

  #settled(keys: readonly string[], write: Promise<unknown>): void {
    for (const key of keys) if (this.#writing.get(key) === write) this.#writing.delete(key)
  }

  get(key: string): Answer<EntryParts | undefined> {
    return this.#tier.get(key)
  }

  held(keys: readonly string[]): Promise<readonly EntryParts[]> {
    return this.#tier.held(keys)
  }

  dependents(names: readonly string[]): Promise<readonly string[]> {
    return this.#tier.dependents(names)
  }

  withPrefix(prefix: string): Promise<readonly string[]> {
    return this.#tier.withPrefix(prefix)
  }

  async close(): Promise<void> {
    await Promise.all(this.#writing.values())
    await this.#tier.close()
  }
}

export interface LowerParts {
  /** Tiers of this process alone that are nearer than the one that is shared. */
  readonly near: readonly Tier[]
  readonly tiers: readonly Tier[]
  /** One that processes share; nearer than `tiers`. It keeps its own order of writes. */
  readonly shared: SharedTier | undefined
  readonly clock: Clock
  readonly random: Random
  readonly events: Events
  readonly judge: Judge
  readonly log: Log
}

/** How long bytes that were found invalid may stay, and how many of them are remembered. */
const discardAfterMs = 1000
const discardsMax = 1000

/** Takes what a tier holds, or does not. @param begun position before the tier was asked */
type Accept<T> = (parts: EntryParts, tier: Tier, begun: number) => T | undefined

/** A tier that has not answered yet, the first of these. */
interface Asked {
  readonly answer: Promise<EntryParts | undefined>
  readonly begun: number
  readonly tiers: readonly Tier[]
}

export class Lower {
  readonly tiers: readonly Tier[]
  readonly shared: SharedTier | undefined
  /** Those that belong to this process alone. */
  readonly plain: readonly Tier[]
  /** name of a tier -> what stands before it */
  readonly #guards: ReadonlyMap<string, Guard>
  readonly #events: Events
  readonly #log: Log
  readonly #clock: Clock
  /** Keys that the tier which processes share held bytes of, when they were found invalid. */
  readonly #invalid = new Set<string>()
  #discarding: Timer | undefined

  constructor({ near, tiers, shared, judge, log, ...rest }: LowerParts) {
    const isInvalid = (entry: EntryParts) => {
      log.catchUp()
      return entry.generation !== log.generation || judge.verdict(entry) !== undefined
    }
    const isValid = (entry: Head) => judge.certain(entry) === undefined
    const parts = { ...rest, isInvalid, isValid }
    const guard = (tier: Tier) => new GuardedTier(tier, parts)
    const nearest = shared === undefined ? undefined : new GuardedSharedTier(shared, parts)
    const between = nearest === undefined ? [] : [nearest]
    const [above, below] = [near.map(guard), tiers.map(guard)]
    const ordered = (some: readonly GuardedTier[]) => some.map((tier) => new Ordered(tier))
    const [before, after] = [ordered(above), ordered(below)]
    this.plain = [...before, ...after]
    this.shared = nearest
    this.tiers = [...before, ...between, ...after]
    const all = [...above, ...between, ...below]
    this.#guards = new Map(all.map(({ name, guard }) => [name, guard]))
    this.#events = rest.events
    this.#log = log
    this.#clock = rest.clock
  }

  /** What processes share can be reached again. */
  reached(): void {
    if (this.shared !== undefined) this.#guards.get(this.shared.name)?.tryNow()
  }

  /** Tier -> how it is. */
  get states(): Readonly<Record<string, TierState>> {
    return Object.fromEntries([...this.#guards].map(([name, { state }]) => [name, state]))
  }

  get none(): boolean {
    return this.tiers.length === 0
  }

  /**
   * What the nearest tier holds that `accept` takes; one that it does not take is looked for further down. At once, if
   * all tiers that are asked answer at once.
   * @param tiers that are asked, the nearest first
   */
  find<T>(key: string, accept: Accept<T>, tiers = this.tiers): Answer<T | undefined> {
    // By its index: it is on the path of every hit.
    for (let at = 0; at < tiers.length; at++) {
      const tier = tiers[at] as Tier
      const begun = this.#log.applied
      const answer = tier.get(key)
      if (answer instanceof Promise)
        return this.#findLater(key, accept, { answer, begun, tiers: tiers.slice(at) })
      const taken = answer === undefined ? undefined : accept(answer, tier, begun)
      if (taken !== undefined) return taken
    }
    return undefined
  }

  async #findLater<T>(
    key: string,
    accept: Accept<T>,
    { answer, begun, tiers }: Asked,
  ): Promise<T | undefined> {
    const [tier, ...rest] = tiers as [Tier, ...Tier[]]
    try {
      const parts = await answer
      const taken = parts === undefined ? undefined : accept(parts, tier, begun)
      if (taken !== undefined) return taken
    } catch (error) {
      this.#passBy(error, `get '${key}' from ${tier.name}`)
    }
    return this.find(key, accept, rest)
  }

  /** What the tiers hold of these names. @throws E_TIERS_UNREACHABLE */
  async entriesOf(names: readonly string[]): Promise<readonly EntryParts[]> {
    if (names.length === 0) return []
    return (await this.#all((tier) => tier.held(names))).flat()
  }

  /** Whether any tier holds an entry that depends on `name`; one that cannot be asked may. */
  async hasDependents(name: string): Promise<boolean> {
    const found = await Promise.all(
      this.tiers.map(async (tier) => {
        try {
          return (await tier.dependents([name])).some((key) => key !== name)
        } catch (error) {
          this.#passBy(error, `dependents of '${name}' in ${tier.name}`)
          return true
        }
      }),
    )
    return found.includes(true)
  }

  /** Whether any tier holds the key, whatever its state. @throws E_TIERS_UNREACHABLE */
  async holds(key: string): Promise<boolean> {
    return (await this.entriesOf([key])).length > 0
  }

  /** What the tiers hold whose key, or a dependency, begins with `prefix`. @throws E_TIERS_UNREACHABLE */
  async withPrefix(prefix: string): Promise<string[]> {
    return [...new Set((await this.#all((tier) => tier.withPrefix(prefix))).flat())]
  }

  /** Tier -> how many of the keys, which are asked for of each tier, it holds. @throws E_TIERS_UNREACHABLE */
  async countOf(keysIn: (tier: Tier) => Promise<readonly string[]>): Promise<Record<string, number>> {
    const counts = await this.#all(async (tier) => {
      return [tier.name, (await tier.held(await keysIn(tier))).length] as const
    })
    return Object.fromEntries(counts)
  }

  /** Resolves when every tier of this process has it, or has failed to take it. */
  async put(entry: EntryParts): Promise<void> {
    await Promise.all(
      this.plain.map((tier) =>
        tier
          .put(entry)
          .catch((error: unknown) => this.#passBy(error, `put '${entry.key}' into ${tier.name}`)),
      ),
    )
  }

  /** What was found in a tier goes into those of this process alone that are nearer. */
  raise(entry: EntryParts, from: Tier): void {
    for (const tier of this.tiers) {
      if (tier === from) return
      if (tier === this.shared) continue
      tier.put(entry).catch((error: unknown) => this.#passBy(error, `put '${entry.key}' into ${tier.name}`))
    }
  }

  /** What the tier that processes share keeps of the entry; undefined if nothing, or if it failed. */
  async settle(entry: EntryParts, admit: Admit): Promise<Settled | undefined> {
    this.#invalid.delete(entry.key)
    try {
      return await this.shared?.settle(entry, admit)
    } catch (error) {
      this.#passBy(error, `put '${entry.key}' into ${this.shared?.name}`)
      return undefined
    }
  }

  /**
   * Tells the processes that share a tier of a load that was overtaken; resolves, too, if they cannot be told. Who comes
   * later has not seen what went before, and knows that.
   */
  async ended(key: string): Promise<void> {
    const { shared } = this
    if (shared?.isShared !== true) return
    try {
      await shared.ended([key])
    } catch (error) {
      this.#passBy(error, `noting in ${shared.name} that a load of '${key}' was overtaken`)
    }
  }

  /**
   * Removes bytes that were found invalid; from a tier that processes share a while later, many at once, unless they were
   * replaced: most are, by the load that comes next, and a write keeps the others from theirs.
   */
  discard(key: string, tier: Tier): void {
    if (tier !== this.shared) return this.#delete([key], tier)
    // Others are found again, by the next read or a sweep.
    if (this.#invalid.size < discardsMax) this.#invalid.add(key)
    this.#discarding ??= this.#clock.schedule(discardAfterMs, () => {
      const keys = [...this.#invalid]
      this.#invalid.clear()
      this.#discarding = undefined
      if (keys.length > 0) this.#delete(keys, tier)
    })
  }

  /** What a tier could not purge is deleted before it serves again. */
  owe(tier: Tier, what: Parameters<Guard['owe']>[0]): void {
    this.#guards.get(tier.name)?.owe(what)
  }

  /** A tier that is known to fail is passed by silently. */
  #passBy(error: unknown, during: string): void {
    if (!isRefusal(error)) this.#events.emit('error', { error, during })
  }

  #delete(keys: readonly string[], tier: Tier): void {
    const what = keys.length === 1 ? `'${keys[0]}'` : `${keys.length} entries`
    tier.delete(keys).catch((error: unknown) => this.#passBy(error, `delete ${what} from ${tier.name}`))
  }

  #all<T>(ask: (tier: Tier) => Promise<T>): Promise<T[]> {
    return Promise.all(
      this.tiers.map((tier) => ask(tier).catch((cause: unknown) => Promise.reject(unreachable(tier, cause)))),
    )
  }

  async close(): Promise<void> {
    this.#discarding?.cancel()
    const outcomes = await Promise.allSettled(this.tiers.map((tier) => tier.close()))
    for (const outcome of outcomes) {
      if (outcome.status === 'rejected') this.#passBy(outcome.reason, 'close')
    }
  }
}

function unreachable(tier: Tier, cause: unknown): StaleproofError {
  return new StaleproofError(
    'E_TIERS_UNREACHABLE',
    `tier '${tier.name}' could not be asked what it holds, and that has to be known here; try again when it is well`,
    { cause, details: { tier: tier.name } },
  )
}
