/**
 * Writer: what becomes of a value: by a load, by a set, by a fill from outside.
 *
 *   take what the inputs were made from -> judge -> announce, and again if that took time -> store, in one tick
 *
 * Invariants: nothing is stored that is invalid by the records applied at that moment; nothing is stored before those
 * who depend on it know what they have to (see Inheritance); what is stored does not outlive what it was made from.
 */
import type { Graph } from '../graph/graph.ts'
import type { Log } from '../log/contract.ts'
import type { Judge } from '../log/judge.ts'
import type { Flight } from '../loading/flight.ts'
import type { Clock, Random } from '../model/clock.ts'
import { Entry, type EntryParts } from '../model/entry.ts'
import { StaleproofError } from '../model/errors.ts'
import type { CacheEvents, Events } from '../model/event.ts'
import { checkNames, listOf } from '../model/name.ts'
import type { Policy } from '../model/policy.ts'
import type { Position } from '../model/position.ts'
import type { StoreOptions } from '../model/store.ts'
import { positiveDurationMs, sizeBytes } from '../model/quantity.ts'
import type { Answer } from '../tiers/contract.ts'
import { entryOverheadBytes, estimateBytes } from '../tiers/size.ts'
import { handOut, takeIn, type ValueMode } from '../tiers/values.ts'
import { clampTtl, settleTimes, withJitter } from '../ttl/lifetime.ts'
import type { Counts } from './counts.ts'
import type { Held } from './held.ts'
import { lagOf, noteLag } from './lag.ts'
import { Admission, type AdmissionParts } from './admission.ts'
import { Inheritance } from './inheritance.ts'
import type { Lower } from './lower.ts'

export type Refusal = NonNullable<CacheEvents['load']['refused']>

export interface Kept {
  readonly refused: Refusal | null
  readonly expiresAt: number | null
}

export interface Keep {
  readonly value: unknown
  readonly policy: Policy
  readonly options: StoreOptions
  /** `value` is what the loader threw. */
  readonly failed: boolean
  /** Whoever brought the value waits to know whether any tier took it; who waits for a loader does not. */
  readonly isBrought?: boolean
}

/** How often a store is tried while others append to the log. */
const attemptsMax = 5
const sharingMax = { count: 1000, bytes: 2 ** 24 }

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
  readonly clockSkewMs: number
}

export class Writer {
  readonly inheritance: Inheritance
  readonly #parts: WriterParts
  readonly #copies: boolean
  readonly #admission: AdmissionParts
  /** Entries that the tier which processes share has not taken yet. */
  readonly #sharing = { count: 0, bytes: 0 }

  constructor(parts: WriterParts) {
    this.#parts = parts
    this.#copies = parts.values === 'clone'
    this.inheritance = new Inheritance(parts)
    this.#admission = {
      judge: parts.judge,
      isShared: () => parts.lower.shared?.isShared === true,
      isDeclared: (key, names) => this.inheritance.undeclared(key, names).length === 0,
    }
  }

  /** Notes the dependencies that the options name. @throws E_NAME_INVALID, E_DURATION_INVALID, E_LOADING_ENDED */
  declare(flight: Flight, { tags = [], dependsOn = [], ttl, size }: StoreOptions): void {
    if (ttl !== undefined) positiveDurationMs(ttl, 'ttl')
    if (size !== undefined) sizeBytes(size, 'size')
    const names = [...listOf(tags, 'tags'), ...listOf(dependsOn, 'dependsOn')]
    checkNames(names, 'dependency')
    for (const name of names) flight.name(name)
  }

  /**
   * Checks a value that somebody brings, and what it is made from, before anything is announced, so that nothing is
   * half done.
   * @throws E_VALUE_MISSING, E_TIERS_UNREACHABLE, E_VALUE_TOO_LARGE, E_VALUE_UNCLONEABLE, E_SIZE_INVALID, E_GRAPH_TOO_MANY_DEPENDENCIES
   */
  async accept(
    flight: Flight,
    { value, options, policy }: Pick<Keep, 'value' | 'options' | 'policy'>,
  ): Promise<Keep> {
    if (value === undefined) {
      throw new StaleproofError(
        'E_VALUE_MISSING',
        `undefined was given for '${flight.key}'; delete the key, or store null`,
      )
    }
    const keep = { value: takeIn(value, this.#parts.values), options, policy, failed: false, isBrought: true }
    if (!this.#parts.lower.none) await this.inheritance.fromLower(flight)
    this.inheritance.fromHeld(flight)
    this.#checkCount(flight, keep)
    const { sizeBytes: size } = this.#partsOf(flight, { ...keep, ttlMs: 0 })
    const { entryBytesMax } = this.#parts.held.near
    if (size > entryBytesMax && this.#parts.lower.none) throw tooLarge(flight.key, size, entryBytesMax)
    return keep
  }

  /** Declares that the key of an accepted value changed. @returns the names whose dependents know by that */
  async change(flight: Flight): Promise<{ told: Set<string>; position: Position }> {
    const told = new Set<string>()
    this.inheritance.expect(flight, told)
    const position = await this.#parts.log.append({ kind: 'change', names: [flight.key] })
    flight.keyStamp = position.n
    return { told, position }
  }

  /** What becomes of the value of a loader that ended. @throws E_GRAPH_TOO_MANY_DEPENDENCIES, E_VALUE_UNCLONEABLE */
  async keepLoaded(flight: Flight, keep: Keep): Promise<Kept> {
    const kept = await this.#keepLoaded(flight, keep)
    // Before anybody is given the value.
    if (kept.refused === 'doomed') await this.#overtaken(flight, flight.overtakenAt)
    return kept
  }

  async #keepLoaded(flight: Flight, keep: Keep): Promise<Kept> {
    const isResolved = await this.#resolveNamed(flight)
    this.inheritance.fromHeld(flight)
    // Also if it is not kept for another reason: what is made from it must not be.
    noteLag(flight, this.#parts)
    const reason = this.#reasonNotToKeep(flight, keep) ?? (isResolved ? undefined : 'unresolved')
    // Judged all the same: later callers must not be given what is too old for them.
    if (reason !== undefined) return refused(this.#isDoomed(flight) ? 'doomed' : reason)
    this.#checkCount(flight, keep)
    const value = keep.failed ? keep.value : takeIn(keep.value, this.#parts.values)
    return this.#keepIfTold(flight, { ...keep, value })
  }

  /** What cannot be announced is not kept; whoever loaded it gets it all the same. */
  async #keepIfTold(flight: Flight, keep: Keep): Promise<Kept> {
    try {
      return await this.keep(flight, keep)
    } catch (error) {
      if (!(error instanceof StaleproofError) || error.code !== 'E_LOG_PENDING') throw error
      this.#parts.events.emit('error', { error, during: `storing '${flight.key}'` })
      return refused('unresolved')
    }
  }

  /** Stores a value, if it may be. `told`: names whose dependents know of it already. */
  async keep(flight: Flight, keep: Keep, told = new Set<string>()): Promise<Kept> {
    for (let attempt = 0; attempt < attemptsMax; attempt++) {
      const kept = await this.#tryToKeep(flight, keep, told)
      // What has to be announced may be more by now.
      if (kept !== 'behind') return kept
    }
    return refused('unresolved')
  }

  async #tryToKeep(flight: Flight, keep: Keep, told: Set<string>): Promise<Kept | 'behind'> {
    for (;;) {
      this.#parts.log.catchUp()
      this.inheritance.fromHeld(flight)
      if (this.#isDoomed(flight)) return refused('doomed')
      noteLag(flight, this.#parts)
      const lag = lagOf(flight)
      if (lag !== undefined) return refused(lag)
      if (this.#parts.held.isFenced) return refused('fenced')
      const announced = this.inheritance.announce(flight, told)
      if (announced === undefined) break
      await announced
    }
    const ttlMs = this.#ttl(flight, keep)
    const parts = this.#partsOf(flight, { ...keep, ttlMs })
    if (ttlMs === 0 || parts.capAt <= parts.storedAt) return refused('expired')
    if (this.#parts.lower.shared?.isShared === true) return this.#storeShared(flight, parts)
    return this.#storeAlone(parts, keep.isBrought === true)
  }

  /** The value of an entry as its reader gets it; rejects with a remembered error. */
  handOut(entry: Entry): Promise<unknown> {
    if (entry.kind === 'error') return Promise.reject(entry.value)
    if (this.#copies) return Promise.resolve(this.copy(entry.value))
    return (entry.settled ??= Promise.resolve(entry.value))
  }

  /** A value as its reader gets it. */
  copy(value: unknown): unknown {
    return this.#copies ? handOut(value, this.#parts.values) : value
  }

  /** False if a tier could not be asked what the named dependencies were made from. */
  async #resolveNamed(flight: Flight): Promise<boolean> {
    if (this.#parts.lower.none) return true
    try {
      await this.inheritance.fromLower(flight)
      return true
    } catch (error) {
      this.#parts.events.emit('error', { error, during: `storing '${flight.key}'` })
      return false
    }
  }

  #isDoomed(flight: Flight): boolean {
    if (flight.generation !== this.#parts.log.generation) flight.doom(-Infinity)
    const by = this.#parts.judge.verdict(flight)
    const n = by === undefined ? this.inheritance.overtakenAt(flight) : by.n
    if (by !== undefined || n > 0) flight.overtake(n)
    return flight.doomedFrom !== Infinity
  }

  /**
   * Notes, here and for others, that a value of the cache's was overtaken at `n`, or its generation has ended, and that somebody is given it all
   * the same. Not for what was brought and refused: nobody has that from here.
   */
  #overtaken({ key, generation }: Pick<EntryParts, 'key' | 'generation'>, n: number): Promise<void> {
    const { held, log, lower } = this.#parts
    held.past.overtaken(key, generation === log.generation ? n : log.applied)
    return lower.ended(key)
  }

  #reasonNotToKeep(flight: Flight, keep: Keep): Refusal | undefined {
    // An error is not remembered in place of a value that can still be served.
    const stale = keep.failed ? this.#parts.held.find(flight.key) : undefined
    if (!flight.skipStore && stale === undefined && this.#ttl(flight, keep) > 0) return undefined
    return keep.failed ? 'error' : 'skipped'
  }

  /** Lifetime in ms; 0 if the value is not to be kept. */
  #ttl(flight: Flight, { value, policy, options, failed }: Keep): number {
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

  #partsOf(flight: Flight, { value, failed, policy, options, ttlMs }: Keep & { ttlMs: number }): EntryParts {
    const { key, stamp, keyStamp, expiresAt: capAt } = flight
    const direct = flight.names(true)
    const dependencies = [...direct, ...flight.names(false)]
    const size = options.size ?? estimateBytes(value)
    return {
      key,
      value,
      kind: failed ? 'error' : 'value',
      policy,
      dependencies,
      directCount: direct.length,
      generation: flight.generation,
      stamp,
      keyStamp,
      storedAt: this.#parts.clock.now(),
      ttlMs,
      capAt,
      sizeBytes: size + entryOverheadBytes + key.length * 2 + dependencies.length * 8,
    }
  }

  /** With others about, an entry is in memory only after the tier that all share has taken it. */
  async #storeShared(flight: Flight, parts: EntryParts): Promise<Kept | 'behind'> {
    const { held, judge, log, lower } = this.#parts
    const begun = log.applied
    const admission = new Admission(this.#admission, parts, () => undefined)
    const settled = await lower.settle(parts, admission.admit)
    log.catchUp()
    if (admission.verdict === 'behind') return behind(flight, admission.undeclared)
    if (admission.verdict === 'refused') return overtaken(flight, admission.overtakenAt)
    if (settled === undefined) return refused(this.#isDoomed(flight) ? 'doomed' : 'no-room')
    const { withoutValue = false, ...kept } = settled
    // Somebody may have declared that he depends on it when it was on its way.
    if (!this.#admission.isDeclared(kept.key, kept.dependencies)) {
      flight.keyStamp = Math.max(flight.keyStamp, kept.keyStamp)
      return behind(flight, kept.dependencies)
    }
    // Judged again in the tick in which it comes into memory.
    const by = judge.verdict(kept)
    if (held.isForeign(kept) || by !== undefined) return overtaken(flight, by?.n ?? log.applied)
    const entry = timed(kept)
    // It may be among those that had to go for room meanwhile.
    const isEvicted = held.evictedAt > begun
    const isStored = !isEvicted && this.#store(entry, kept)
    if (!isStored && withoutValue) return refused('no-room')
    if (!isEvicted) this.#tellStored(entry)
    return { refused: null, expiresAt: entry.expiresAt }
  }

  /** In memory at once, and handed to the tier that processes share behind. Who brought it waits if that alone takes it. */
  #storeAlone(parts: EntryParts, isBrought: boolean): Answer<Kept> {
    const entry = timed(parts)
    const isStored = this.#store(entry, parts)
    if (isStored) this.#tellStored(entry)
    const kept = { refused: null, expiresAt: entry.expiresAt }
    if (this.#parts.lower.shared === undefined) return isStored ? kept : refused('no-room')
    const { shared, isBehind } = this.#shareInTime(entry, parts, isStored || !isBrought)
    if (isStored) return isBehind ? shared.then(() => kept) : kept
    const told = shared.then((why) => {
      if (why === null) this.#tellStored(entry)
      return why === null ? kept : refused(why)
    })
    return isBrought || isBehind ? told : kept
  }

  /** Nobody waits for the tier, unless it is behind by much: memory must not fill with what it has not taken. */
  #shareInTime(
    entry: Entry,
    parts: EntryParts,
    isGiven: boolean,
  ): { readonly shared: Promise<Refusal | null>; readonly isBehind: boolean } {
    this.#sharing.count++
    this.#sharing.bytes += parts.sizeBytes
    const shared = this.#share(entry, parts, isGiven).finally(() => {
      this.#sharing.count--
      this.#sharing.bytes -= parts.sizeBytes
    })
    const { count, bytes } = this.#sharing
    return { shared, isBehind: count > sharingMax.count || bytes > sharingMax.bytes }
  }

  /**
   * Hands an entry to the tier that processes share. Never rejects.
   * @param isGiven whether somebody may be given the value before the tier has taken it
   * @returns why the tier does not have the value; null if it has
   */
  async #share(entry: Entry, parts: EntryParts, isGiven: boolean): Promise<Refusal | null> {
    const { held, log, lower } = this.#parts
    const isNear = held.near.look(entry.key) === entry
    const isCurrent = () => held.near.look(entry.key) === entry && held.judge(entry) === undefined
    if (isNear) held.unshared(entry)
    for (let attempt = 0; attempt < attemptsMax; attempt++) {
      const admission = new Admission(this.#admission, parts, (n) => {
        if (isCurrent()) entry.keyStamp = n
      })
      const kept = await lower.settle(parts, admission.admit)
      log.catchUp()
      if (admission.undeclared.length > 0) break
      if (admission.verdict === 'behind' && (!isNear || isCurrent())) continue
      if (kept !== undefined) held.shared(entry)
      const lacks = kept !== undefined && kept.dependencies.length !== entry.dependencies.length
      // It lacks what others know by now: the next read finds it in the tier, or loads it.
      if ((admission.verdict === 'refused' || lacks) && held.near.look(entry.key) === entry)
        held.drop(entry, 'evicted')
      if (isGiven && admission.verdict === 'refused') await this.#overtaken(entry, admission.overtakenAt)
      if (kept === undefined) return admission.verdict === 'refused' ? 'doomed' : 'no-room'
      return kept.withoutValue === true ? 'no-room' : null
    }
    // Some of what it is made from is not declared: whoever loads it next declares that first.
    if (isCurrent()) held.drop(entry, 'evicted')
    return 'unresolved'
  }

  /** Puts it into memory and the tiers of this process alone. @returns whether any of them takes it */
  #store(entry: Entry, parts: EntryParts): boolean {
    const { held, lower, log } = this.#parts
    entry.verifiedAt = log.applied
    const near = held.put(entry)
    if (lower.plain.length > 0) void lower.put(parts)
    return near || lower.plain.length > 0
  }

  #tellStored(entry: Entry): void {
    const { held, counts, events } = this.#parts
    counts.stores++
    if (!events.heard('store')) return
    const { key, policy, sizeBytes } = entry
    const tier = held.near.look(key) === entry ? 'memory' : 'lower'
    events.emit('store', { key, tier, policy: policy.name, sizeBytes })
  }
}

function timed(parts: EntryParts): Entry {
  const entry = new Entry(parts)
  settleTimes(entry)
  return entry
}

function refused(why: Refusal): Kept {
  return { refused: why, expiresAt: null }
}

/** What it is made from, as far as the tier knows, is to be announced. */
function behind(flight: Flight, dependencies: readonly string[]): 'behind' {
  for (const name of dependencies) flight.inheritName(name)
  return 'behind'
}

/** By what only the tier knows, or what came while it was asked. */
function overtaken(flight: Flight, n: number): Kept {
  flight.overtake(n)
  return refused('doomed')
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
