/**
 * Reader: the life of a read that memory could not answer at once.
 *
 *   memory -> tiers below -> a flight that is under way -> a flight of its own -> (twice more) -> a private load
 *
 * Invariants: a caller gets a flight's value only if nothing that it was made from was invalidated between the
 * reading of it and this caller's start (`position`); a stale value is judged again in the tick in which it is
 * served; what a lower tier gave is judged after it answered.
 */
import type { Log } from '../log/contract.ts'
import type { Judge } from '../log/judge.ts'
import { innermostFlight } from '../loading/context.ts'
import { checkCycle, Flight, type Outcome } from '../loading/flight.ts'
import { loadOf, type Loader, type Reads } from '../loading/load.ts'
import { runLoader } from '../loading/run.ts'
import type { Clock } from '../model/clock.ts'
import { Entry, type EntryParts } from '../model/entry.ts'
import type { CacheEvents, Events } from '../model/event.ts'
import type { Policy } from '../model/policy.ts'
import type { Tier } from '../tiers/contract.ts'
import { refreshAt } from '../ttl/lifetime.ts'
import type { Policies } from '../ttl/policies.ts'
import type { Counts } from './counts.ts'
import type { Found, Held } from './held.ts'
import type { Lower } from './lower.ts'
import type { StoreOptions, Writer } from './writer.ts'

export interface ReadRequest {
  readonly key: string
  readonly loader: Loader<unknown>
  readonly options: StoreOptions
  readonly policy: Policy
  /** Position at which this caller began. */
  readonly position: number
  /** The flight in whose loader the read was made. */
  readonly within: Flight | undefined
}

export interface ReaderParts {
  readonly owner: object
  readonly automatic: boolean
  readonly clock: Clock
  readonly counts: Counts
  readonly events: Events
  readonly held: Held
  readonly judge: Judge
  readonly log: Log
  readonly lower: Lower
  readonly policies: Policies
  readonly reads: Reads
  readonly writer: Writer
}

/** Loads shared with others before a caller loads for itself. */
const sharedAttempts = 3

export class Reader {
  /** Set once somebody listens to hits: a look-up among the listeners costs a tenth of a hit. */
  tellsHits = false
  readonly #parts: ReaderParts
  /** key -> the flight that callers may join. */
  readonly #flights = new Map<string, Flight>()
  /** Every flight under way, private ones too. */
  readonly #flying = new Set<Flight>()
  /** key -> the look-up under way in the tiers below. */
  readonly #lookUps = new Map<string, Promise<Entry | undefined>>()

  constructor(parts: ReaderParts) {
    this.#parts = parts
  }

  get flights(): number {
    return this.#flying.size
  }

  /** What can be served of the key, from any tier. */
  async find(key: string): Promise<Found | undefined> {
    const found = this.#parts.held.find(key)
    if (found !== undefined || this.#parts.lower.none) return found
    let lookUp = this.#lookUps.get(key)
    if (lookUp === undefined) {
      lookUp = this.#lookUp(key).finally(() => this.#lookUps.delete(key))
      this.#lookUps.set(key, lookUp)
    }
    const entry = await lookUp
    return this.#parts.held.find(key) ?? (entry === undefined ? undefined : this.#parts.held.assess(entry))
  }

  /** Without tiers below, a load begins in the very tick in which it was asked for. */
  async read(request: ReadRequest): Promise<unknown> {
    const { held, lower } = this.#parts
    const found = held.find(request.key) ?? (lower.none ? undefined : await this.find(request.key))
    if (found === undefined) return this.#miss(request)
    if (found.state === 'stale') return this.#readInGrace(request, found)
    if (this.#parts.clock.now() >= refreshAt(found.entry)) this.#refresh(request, found.entry)
    return this.serve(found.entry, request.within)
  }

  /** Hands out an entry as a hit. Rejects if what is remembered is an error. */
  serve(entry: Entry, within: Flight | undefined): Promise<unknown> {
    const { counts, events, writer } = this.#parts
    counts.hits++
    entry.reads++
    within?.inherit(entry)
    if (this.tellsHits) events.emit('hit', { key: entry.key, tier: 'memory', policy: entry.policy.name })
    return entry.settled ?? writer.handOut(entry)
  }

  /** Ends all flights. */
  abort(reason: Error): Promise<unknown> {
    for (const flight of this.#flying) flight.abort.abort(reason)
    return Promise.all([...this.#flying].map(async ({ outcome }) => outcome))
  }

  #miss(request: ReadRequest): Promise<unknown> {
    this.#parts.counts.misses++
    this.#parts.events.emit('miss', { key: request.key })
    return this.#load(request)
  }

  async #readInGrace(request: ReadRequest, stale: Found): Promise<unknown> {
    const { softTimeoutMs } = request.policy
    const flight = this.#refresh(request, stale.entry)
    if (softTimeoutMs === 0) return this.#serveStale(stale.entry, { request, because: 'loading' })
    const outcome = await this.#within(softTimeoutMs, flight)
    if (outcome !== undefined && !outcome.failed && request.position < outcome.doomedFrom) {
      return this.#land(outcome, request.within, flight)
    }
    // Judged again: what was invalidated while we waited is not served, grace or not.
    const still = this.#parts.held.find(request.key)
    if (still?.state === 'fresh') return this.serve(still.entry, request.within)
    if (still === undefined) return this.#load(request)
    return this.#serveStale(still.entry, { request, because: outcome === undefined ? 'timeout' : 'error' })
  }

  #serveStale(
    entry: Entry,
    how: { request: ReadRequest; because: CacheEvents['stale']['because'] },
  ): Promise<unknown> {
    const { counts, events, writer } = this.#parts
    counts.stale++
    how.request.within?.inherit(entry)
    events.emit('stale', { key: entry.key, because: how.because })
    return writer.handOut(entry)
  }

  /** The outcome, if it comes within `timeoutMs`. */
  #within(timeoutMs: number, flight: Flight): Promise<Outcome | undefined> {
    return new Promise((resolve) => {
      const timer = this.#parts.clock.schedule(timeoutMs, () => resolve(undefined))
      void flight.outcome?.then((outcome) => {
        timer.cancel()
        resolve(outcome)
      })
    })
  }

  /** A load in the background; an error of it is told to listeners, since no caller waits for it. */
  #refresh(request: ReadRequest, stale: Entry): Flight {
    const joined = this.#joinable(request.key)
    if (joined !== undefined) return joined
    const flight = this.#start({ ...request, within: undefined }, stale)
    void flight.outcome?.then(({ failed, value }) => {
      if (failed) this.#parts.events.emit('error', { error: value, during: `refresh of '${request.key}'` })
    })
    return flight
  }

  async #load(request: ReadRequest): Promise<unknown> {
    for (let attempt = 0; attempt < sharedAttempts; attempt++) {
      const flight = this.#joinable(request.key) ?? this.#start(request)
      const outcome = await this.#waitFor(flight, request)
      if (request.position < outcome.doomedFrom) return this.#land(outcome, request.within, flight)
      const found = this.#parts.held.find(request.key)
      if (found?.state === 'fresh') return this.serve(found.entry, request.within)
    }
    // It began after this caller did and is shared with nobody, so that nothing it read can be too old for it.
    const flight = this.#begin(request, undefined)
    return this.#land(await this.#waitFor(flight, request), request.within, flight)
  }

  #land(outcome: Outcome, within: Flight | undefined, flight: Flight): unknown {
    if (within !== undefined) {
      const expiresAt = Math.min(flight.expiresAt, outcome.expiresAt)
      within.inherit({ dependencies: flight.dependencies, expiresAt })
      within.doom(outcome.doomedFrom)
    }
    if (outcome.failed) throw outcome.value
    return this.#parts.writer.copy(outcome.value)
  }

  /** Waits for a flight on behalf of the loader that the read was made in. @throws E_LOADING_CYCLE */
  async #waitFor(flight: Flight, request: ReadRequest): Promise<Outcome> {
    const waiting = request.within ?? (this.#parts.automatic ? innermostFlight() : undefined)
    if (waiting !== undefined) {
      checkCycle(waiting, flight)
      waiting.waitsFor.add(flight)
    }
    try {
      return await (flight.outcome as Promise<Outcome>)
    } finally {
      waiting?.waitsFor.delete(flight)
    }
  }

  /** The flight of that key, unless what it read was invalidated meanwhile: nobody joins it any more then. */
  #joinable(key: string): Flight | undefined {
    const flight = this.#flights.get(key)
    return flight === undefined || this.#parts.judge.verdict(flight) !== undefined ? undefined : flight
  }

  #start(request: ReadRequest, stale?: Entry): Flight {
    const flight = this.#begin(request, stale)
    this.#flights.set(request.key, flight)
    return flight
  }

  #begin(request: ReadRequest, stale: Entry | undefined): Flight {
    const { owner, automatic, log } = this.#parts
    const parent = request.within ?? (automatic ? innermostFlight() : undefined)
    const flight = new Flight({ key: request.key, stamp: log.applied, owner, parent })
    this.#flying.add(flight)
    flight.outcome = this.#fly(flight, request, stale)
    return flight
  }

  async #fly(flight: Flight, request: ReadRequest, stale: Entry | undefined): Promise<Outcome> {
    const { clock, automatic, writer, reads } = this.#parts
    const startedAt = clock.now()
    // The flight is known to all, its outcome can be awaited, before the loader's first line runs.
    await Promise.resolve()
    const old = stale === undefined ? undefined : { value: stale.value, storedAt: stale.storedAt }
    try {
      writer.declare(flight, request.options)
      const load = loadOf(flight, old, reads)
      const { hardTimeoutMs } = request.policy
      const value = await runLoader(flight, { loader: request.loader, load, hardTimeoutMs, clock, automatic })
      return await this.#settle(flight, { request, startedAt, value, failed: false })
    } catch (error) {
      return await this.#settle(flight, { request, startedAt, value: error, failed: true })
    } finally {
      this.#flying.delete(flight)
      if (this.#flights.get(flight.key) === flight) this.#flights.delete(flight.key)
    }
  }

  async #settle(
    flight: Flight,
    result: { request: ReadRequest; startedAt: number; value: unknown; failed: boolean },
  ): Promise<Outcome> {
    const { clock, counts, events, writer } = this.#parts
    const { request, value, failed } = result
    flight.ended = true
    counts.loads++
    if (failed) counts.loadErrors++
    const kept = await writer.keepLoaded(flight, { ...request, value, failed })
    if (kept.refused !== null && kept.refused !== 'error') counts.refused++
    if (events.heard('load')) {
      const durationMs = clock.now() - result.startedAt
      events.emit('load', {
        key: flight.key,
        durationMs,
        stored: kept.refused === null,
        refused: kept.refused,
      })
    }
    return { value, failed, doomedFrom: flight.doomedFrom, expiresAt: kept.expiresAt ?? Infinity }
  }

  /** Takes the key into memory from the nearest tier below that holds it and still may serve it. */
  #lookUp(key: string): Promise<Entry | undefined> {
    return this.#parts.lower.find(key, (parts, tier) => this.#promote(parts, tier))
  }

  #promote(parts: EntryParts, tier: Tier): Entry | undefined {
    const { held, log, events, lower, policies } = this.#parts
    const entry = new Entry({ ...parts, policy: policies.find(parts.policy.name) })
    const found = parts.generation === log.generation ? held.assess(entry) : undefined
    if (found === undefined) {
      lower.discard(parts.key, tier)
      return undefined
    }
    held.put(entry)
    events.emit('hit', { key: entry.key, tier: tier.name, policy: entry.policy.name })
    return entry
  }
}
