/**
 * Writer: what becomes of a value: by a load, by a set, by a fill from outside.
 *
 *   take what the inputs were made from -> judge -> announce -> judge again -> store, in one tick
 *
 * Invariants: nothing is stored that is invalid by the records applied at that moment; a `set` is a change of its
 * key, and so is a load that gives its key dependencies which those made from it before have not inherited: their
 * dependents become stale, they themselves do not; what is stored does not outlive what it was made from.
 */
import type { Graph } from '../graph/graph.ts'
import type { Change, Log } from '../log/contract.ts'
import type { Judge } from '../log/judge.ts'
import type { Flight } from '../loading/flight.ts'
import type { Clock, Random } from '../model/clock.ts'
import { Entry } from '../model/entry.ts'
import { StaleproofError } from '../model/errors.ts'
import type { CacheEvents, Events } from '../model/event.ts'
import { checkNames } from '../model/name.ts'
import type { Policy } from '../model/policy.ts'
import { positiveDurationMs, sizeBytes, type Duration } from '../model/quantity.ts'
import { entryOverheadBytes, estimateBytes } from '../tiers/size.ts'
import { handOut, takeIn, type ValueMode } from '../tiers/values.ts'
import { clampTtl, settleTimes, withJitter } from '../ttl/lifetime.ts'
import type { Counts } from './counts.ts'
import type { Held } from './held.ts'
import type { Lower } from './lower.ts'

export interface StoreOptions<P extends string = string> {
  /** Default: 'default'. */
  readonly policy?: P | undefined
  /** Within the policy's bounds. Default: the policy's. */
  readonly ttl?: Duration | undefined
  /** Names that this entry goes by, too: `invalidate` one of them and it goes. */
  readonly tags?: readonly string[] | undefined
  /** Names that it is made from. */
  readonly dependsOn?: string | readonly string[] | undefined
  /** Weight of the value in bytes. Default: exact for bytes and text, an estimate for objects. */
  readonly size?: number | undefined
}

export type Refusal = NonNullable<CacheEvents['load']['refused']>

export interface Kept {
  /** What the callers get: the value as it is handed out. */
  readonly value: unknown
  readonly refused: Refusal | null
  readonly expiresAt: number | null
}

export interface Keep {
  readonly value: unknown
  readonly policy: Policy
  readonly options: StoreOptions
  /** `value` is what the loader threw. */
  readonly failed: boolean
}

export interface WriterParts {
  readonly clock: Clock
  readonly counts: Counts
  readonly events: Events
  readonly graph: Graph
  readonly held: Held
  readonly judge: Judge
  readonly log: Log
  readonly lower: Lower
  readonly random: Random
  readonly limits: { readonly dependenciesMax: number; readonly onTooMany: 'warn' | 'reject' }
  readonly values: ValueMode
}

export class Writer {
  readonly #parts: WriterParts

  constructor(parts: WriterParts) {
    this.#parts = parts
  }

  /** Notes the dependencies that the options name. @throws E_NAME_INVALID, E_LOADING_ENDED */
  declare(flight: Flight, { tags = [], dependsOn = [] }: StoreOptions): void {
    const names = [...tags, ...(typeof dependsOn === 'string' ? [dependsOn] : dependsOn)]
    checkNames(names, 'dependency')
    for (const name of names) flight.note(name)
  }

  /**
   * Checks a value that somebody brings before anything is announced, so that nothing is half done.
   * @throws E_VALUE_MISSING, E_VALUE_TOO_LARGE, E_VALUE_UNCLONEABLE, E_SIZE_INVALID, E_GRAPH_TOO_MANY_DEPENDENCIES
   */
  accept(flight: Flight, { value, options, policy }: Pick<Keep, 'value' | 'options' | 'policy'>): Keep {
    if (value === undefined) {
      throw new StaleproofError(
        'E_VALUE_MISSING',
        `undefined was given for '${flight.key}'; delete the key, or store null`,
      )
    }
    const size = options.size === undefined ? estimateBytes(value) : sizeBytes(options.size, 'size')
    const { entryBytesMax } = this.#parts.held.near
    if (size > entryBytesMax && this.#parts.lower.none) throw tooLarge(flight.key, size, entryBytesMax)
    const keep = {
      value: takeIn(value, this.#parts.values),
      options: { ...options, size },
      policy,
      failed: false,
    }
    this.#checkCount(flight, keep)
    return keep
  }

  /** Stores the value of an ended flight, if it may be. @throws E_GRAPH_TOO_MANY_DEPENDENCIES, E_VALUE_UNCLONEABLE */
  async keep(flight: Flight, keep: Keep): Promise<Kept> {
    const stored = keep.failed ? keep.value : takeIn(keep.value, this.#parts.values)
    const refuse = (refused: Refusal): Kept => ({ value: keep.value, refused, expiresAt: null })
    this.#inheritNamed(flight)
    if (this.#doomed(flight)) return refuse('doomed')
    const ttlMs = this.#ttl(flight, keep)
    if (ttlMs === 0) return refuse(keep.failed ? 'error' : 'skipped')
    this.#checkCount(flight, keep)
    for (const change of this.#announcements(flight)) {
      const { n } = await this.#parts.log.append(change)
      if (change.kind === 'change') flight.keyStamp = n
    }
    if (this.#doomed(flight)) return refuse('doomed')
    const entry = this.#entry(flight, { ...keep, value: stored, ttlMs })
    if (entry.expiresAt <= entry.storedAt) return refuse('expired')
    if (!this.#store(entry)) return refuse('no-room')
    return { value: keep.value, refused: null, expiresAt: entry.expiresAt }
  }

  /** The value of an entry as its reader gets it; rejects with a remembered error. */
  handOut(entry: Entry): Promise<unknown> {
    if (entry.kind === 'error') return Promise.reject(entry.value as Error)
    if (this.#parts.values === 'clone') return Promise.resolve(this.copy(entry.value))
    return (entry.settled ??= Promise.resolve(entry.value))
  }

  /** A value as its reader gets it. */
  copy(value: unknown): unknown {
    return handOut(value, this.#parts.values)
  }

  /**
   * A name that is itself a cached entry was made from something: that is inherited, be it that it was only named,
   * or that it was loaded anew since it was read.
   */
  #inheritNamed(flight: Flight): void {
    const direct = [...flight.noted].filter(([, isDirect]) => isDirect)
    for (const [name] of direct) {
      const entry = this.#parts.held.near.look(name)
      if (entry !== undefined && this.#parts.held.assess(entry) !== undefined) flight.inherit(entry)
    }
  }

  #doomed(flight: Flight): boolean {
    const by = this.#parts.judge.verdict(flight)
    // Only the newest invalidation of a name is known: an earlier one may have come right after the start.
    if (by !== undefined) flight.doom(flight.stamp + 1)
    return flight.doomedFrom !== Infinity
  }

  /** Lifetime in ms; 0 if the value is not to be kept. */
  #ttl(flight: Flight, { value, policy, options, failed }: Keep): number {
    if (flight.skipStore) return 0
    if (failed) return isOurs(value) ? 0 : policy.errorTtlMs
    if (value === undefined) return policy.negativeTtlMs
    const asked =
      flight.ttlMs ?? (options.ttl === undefined ? undefined : positiveDurationMs(options.ttl, 'ttl'))
    const ttlMs = asked === undefined ? policy.ttlMs : clampTtl(asked, policy)
    return withJitter(ttlMs, policy, policy.jitter === 0 ? 0 : this.#parts.random())
  }

  #checkCount(flight: Flight, { failed }: Keep): void {
    const { limits, events } = this.#parts
    if (flight.noted.size <= limits.dependenciesMax || failed) return
    const message =
      `'${flight.key}' depends on ${flight.noted.size} names, more than graph.dependenciesMax ` +
      `(${limits.dependenciesMax}); depend on a name for all of them, or raise the limit`
    const code = 'E_GRAPH_TOO_MANY_DEPENDENCIES'
    if (limits.onTooMany === 'reject')
      throw new StaleproofError(code, message, { details: { key: flight.key } })
    events.emit('warning', { code, message, name: flight.key })
  }

  /** Dependencies of `key` that have to be declared, since something is declared to depend on it. */
  undeclared(key: string, dependencies: readonly string[]): readonly string[] {
    const { graph } = this.#parts
    if (dependencies.length === 0 || !graph.hasDeclaredDependents(key)) return []
    const linked = new Set(graph.linksOf(key))
    return dependencies.filter((name) => !linked.has(name))
  }

  /** What others have to be told before this may be stored. */
  #announcements(flight: Flight): Change[] {
    const { graph, held } = this.#parts
    const { key } = flight
    const names = [...flight.noted.keys()]
    const changes: Change[] = []
    const undeclared = this.undeclared(key, names)
    if (undeclared.length > 0) changes.push({ kind: 'link', names: [key], dependsOn: undeclared })
    if (flight.keyStamp !== flight.stamp || !graph.hasTrackedDependents(key)) return changes
    const inherited = held.lineage(key)
    if (!names.every((name) => inherited.has(name))) changes.push({ kind: 'change', names: [key] })
    return changes
  }

  #entry(flight: Flight, keep: Keep & { ttlMs: number }): Entry {
    const { log, clock } = this.#parts
    const direct = [...flight.noted].filter(([, isDirect]) => isDirect)
    const inherited = [...flight.noted].filter(([, isDirect]) => !isDirect)
    const dependencies = [...direct, ...inherited].map(([name]) => name)
    const weight =
      keep.options.size === undefined ? estimateBytes(keep.value) : sizeBytes(keep.options.size, 'size')
    const entry = new Entry({
      key: flight.key,
      value: keep.value,
      kind: keep.failed ? 'error' : 'value',
      policy: keep.policy,
      dependencies,
      directCount: direct.length,
      generation: log.generation,
      stamp: flight.stamp,
      keyStamp: flight.keyStamp,
      storedAt: clock.now(),
      ttlMs: keep.ttlMs,
      capAt: flight.expiresAt,
      sizeBytes: weight + entryOverheadBytes + flight.key.length * 2 + dependencies.length * 8,
    })
    settleTimes(entry)
    return entry
  }

  #store(entry: Entry): boolean {
    const { held, lower, counts, events } = this.#parts
    const near = held.put(entry)
    if (!near && lower.none) return false
    counts.stores++
    if (events.heard('store')) {
      const { key, policy, sizeBytes } = entry
      events.emit('store', { key, tier: near ? 'memory' : 'lower', policy: policy.name, sizeBytes })
    }
    if (!lower.none) void lower.put(entry)
    return true
  }
}

function tooLarge(key: string, size: number, sizeMax: number): StaleproofError {
  return new StaleproofError(
    'E_VALUE_TOO_LARGE',
    `the value of '${key}' weighs ${size} bytes, and memory takes ${sizeMax} an entry; raise memory.maxEntryBytes`,
    { details: { key, size, sizeMax } },
  )
}

/** Errors of ours say how the load went, not what the source said: they are not remembered. */
function isOurs(error: unknown): boolean {
  return error instanceof StaleproofError
}
