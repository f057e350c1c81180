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
import type { Turns } from '../loading/contract.ts'
import { checkCycle, Flight, type Outcome } from '../loading/flight.ts'
import { loadOf, type Loader, type Reads } from '../loading/load.ts'
import { runLoader } from '../loading/run.ts'
import type { Clock, Random } from '../model/clock.ts'
import { Entry, type EntryParts } from '../model/entry.ts'
import type { CacheEvents, Events } from '../model/event.ts'
import type { Policy } from '../model/policy.ts'
import type { StoreOptions } from '../model/store.ts'
import { RefreshBackoff } from '../recovery/refresh-backoff.ts'
import type { Answer, Tier } from '../tiers/contract.ts'
import { refreshAt } from '../ttl/lifetime.ts'
import type { Policies } from '../ttl/policies.ts'
import type { Counts } from './counts.ts'
import { fenced, type Found, type Held } from './held.ts'
import { InTurn } from './in-turn.ts'
import { inheritLag, noteLag } from './lag.ts'
import { LookUps } from './look-ups.ts'
import type { Lower } from './lower.ts'
import type { Kept, Writer } from './writer.ts'

export interface ReadRequest {
  readonly key: string
  readonly loader: Loader<unknown>
  readonly options: StoreOptions
  readonly policy: Policy
  /** Position at which this caller began. */
  readonly position: number
  /** The same by the monotonic clock, if any policy asks for it. */
  readonly beganMs: number
  /** The flight of this cache in whose loader the read was made: it depends on what is read. */
  readonly within: Flight | undefined
  /** The flight of any cache whose loader waits for the read. */
  readonly waiting: Flight | undefined
}

export interface ReaderParts {
  readonly owner: object
  readonly automatic: boolean
  readonly clock: Clock
  readonly clockSkewMs: number
  readonly counts: Counts
  readonly events: Events
  readonly held: Held
  readonly judge: Judge
  readonly log: Log
  readonly lower: Lower
  readonly policies: Policies
  readonly random: Random
  readonly reads: Reads
  readonly writer: Writer
  /** Undefined: no other process shares what this one loads. */
  readonly turns: Turns | undefined
}

/** What a loader came to: its value, or what it threw. */
interface Ran {
  readonly value: unknown
  readonly failed: boolean
}

type Settled = Outcome & Pick<Kept, 'refused'>

/** Loads shared with others before a caller loads for itself. */
const sharedAttempts = 3

export class Reader {
  readonly #parts: ReaderParts
  // On the path of every hit.
  readonly #counts: Counts
  readonly #events: Events
  /** key -> the flight that callers may join. */
  readonly #flights = new Map<string, Flight>()
  /** Every flight under way, private ones too. */
  readonly #flying = new Set<Flight>()
  readonly #lookUps = new LookUps((key) => this.#lookUp(key))
  readonly #turn: InTurn

  readonly #backoff: RefreshBackoff
  readonly #holdsOff: boolean

  constructor(parts: ReaderParts) {
    this.#parts = parts
    this.#backoff = new RefreshBackoff(parts)
    this.#turn = new InTurn(parts, (key) => this.find(key))
    this.#holdsOff = parts.policies.holdsOff
    this.#counts = parts.counts
    this.#events = parts.events
  }

  /** The moment at which something begins, as far as it has to be known. */
  get moment(): number {
    return this.#holdsOff ? this.#parts.clock.monotonic() : 0
  }

  get flights(): number {
    return this.#flying.size
  }

  /** What can be served of the key, from any tier. */
  find(key: string): Answer<Found | undefined> {
    const { held, lower } = this.#parts
    const found = held.find(key)
    if (found !== undefined || lower.none) return found
    const below = this.#lookUps.find(key)
    return below instanceof Promise ? below.then((later) => this.#worth(key, later)) : below
  }

  /**
   * Without tiers below, a load begins in the very tick in which it was asked for. What a tier below gave is judged
   * in the tick in which it is used.
   */
  async read(request: ReadRequest): Promise<unknown> {
    const answer = this.find(request.key)
    const found = answer instanceof Promise ? await answer : answer
    if (found === undefined) return this.#miss(request)
    if (found.state === 'stale') return this.#readInGrace(request, found)
    if (this.#parts.clock.now() >= refreshAt(found.entry)) this.#refresh(request, found.entry)
    return this.serve(found.entry, request.within, found.tier)
  }

  /**
   * For a node without a lease: it tries to get one, and does as the policy says if it cannot.
   * @throws E_CONSISTENCY_FENCED
   */
  async readFenced(request: ReadRequest): Promise<unknown> {
    if (await this.regain()) return this.read({ ...request, position: this.#parts.log.applied })
    if (request.policy.onFence === 'error') throw fenced(request.key)
    const found = request.policy.onFence === 'stale' ? await this.findFenced(request.key) : undefined
    if (found !== undefined) return this.#serveStale(found.entry, { request, because: 'fenced' })
    this.countMiss(request.key)
    return this.#load(request)
  }

  /** The same for a read without a loader. @throws E_CONSISTENCY_FENCED */
  async freshOrFenced(key: string): Promise<Found | undefined> {
    return (await this.regain()) ? freshOf(await this.find(key)) : this.findFenced(key)
  }

  /**
   * What this node alone holds of the key, if its policy wants it served without a lease.
   * @throws E_CONSISTENCY_FENCED
   */
  async findFenced(key: string): Promise<Found | undefined> {
    const { held, lower, policies } = this.#parts
    const near = held.near.get(key)
    if (near !== undefined) return held.assessFenced(near)
    const parts = await lower.find(key, (found) => found, lower.plain)
    return parts && held.assessFenced(new Entry(parts, policies.find(parts.policy.name)))
  }

  /** @returns whether there is a lease now */
  regain(): Promise<boolean> {
    return this.#parts.log.membership?.regain() ?? Promise.resolve(true)
  }

  /** What was found in a tier some ticks ago, as it is now. */
  #worth(key: string, below: Found | undefined): Found | undefined {
    const found = this.#parts.held.find(key) ?? (below && this.#parts.held.assess(below.entry))
    return found === undefined || below === undefined ? found : within(below.tier, found)
  }

  /** Hands out an entry as a hit. Rejects if what is remembered is an error. */
  serve(entry: Entry, within: Flight | undefined, tier = 'memory'): Promise<unknown> {
    this.countHit(entry, within, tier)
    return entry.settled ?? this.#parts.writer.handOut(entry)
  }

  /** A fresh entry is read: it extends its life, is what the reader depends on, and is told of. */
  countHit(entry: Entry, within: Flight | undefined, tier = 'memory'): void {
    this.#counts.hits++
    entry.reads++
    within?.inherit(entry)
    if (this.#events.hearsHits) this.#events.emit('hit', { key: entry.key, tier, policy: entry.policy.name })
  }

  countMiss(key: string): void {
    this.#parts.counts.misses++
    this.#parts.events.emit('miss', { key })
  }

  /** A stale entry is served in its grace. */
  countStale(
    entry: Entry,
    how: { within: Flight | undefined; because: CacheEvents['stale']['because'] },
  ): void {
    this.#parts.counts.stale++
    if (how.within !== undefined) {
      how.within.inherit(entry)
      how.within.usableUntil = Math.min(how.within.usableUntil, entry.graceUntil)
    }
    this.#parts.events.emit('stale', { key: entry.key, because: how.because })
  }

  /** Ends all flights. */
  abort(reason: Error): Promise<unknown> {
    for (const flight of this.#flying) flight.abort(reason)
    return Promise.all([...this.#flying].map(async ({ outcome }) => outcome))
  }

  async #miss(request: ReadRequest): Promise<unknown> {
    const { key } = request
    this.countMiss(key)
    const isOurs = !this.#turn.isNeeded || this.#parts.held.isFenced || this.#joinable(key) !== undefined
    const found = isOurs ? undefined : await this.#turn.wait(key)
    if (found === undefined) return this.#load(request)
    return this.serve(found.entry, request.within, found.tier)
  }

  async #readInGrace(request: ReadRequest, stale: Found): Promise<unknown> {
    const { softTimeoutMs } = request.policy
    const flight = this.#refresh(request, stale.entry)
    if (flight === undefined) return this.#serveStale(stale.entry, { request, because: 'error' })
    if (softTimeoutMs === 0) return this.#serveStale(stale.entry, { request, because: 'loading' })
    const outcome = await this.#within(softTimeoutMs, flight)
    if (outcome !== undefined && !outcome.failed && isFor(request, outcome, flight)) {
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
    { request, because }: { request: ReadRequest; because: CacheEvents['stale']['because'] },
  ): Promise<unknown> {
    this.countStale(entry, { within: request.within, because })
    return this.#parts.writer.handOut(entry)
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

  /**
   * A load in the background; an error of it is told to listeners, since no caller waits for it.
   * @returns undefined if it failed a moment ago, and has to wait
   */
  #refresh(request: ReadRequest, stale: Entry): Flight | undefined {
    const joined = this.#joinable(request.key)
    if (joined !== undefined || this.#backoff.holdsBack(request.key)) return joined
    const flight = this.#start({ ...request, within: undefined, waiting: undefined }, stale)
    void flight.outcome?.then(({ failed, value }) => {
      if (failed) this.#parts.events.emit('error', { error: value, during: `refresh of '${request.key}'` })
    })
    return flight
  }

  async #load(request: ReadRequest): Promise<unknown> {
    for (let attempt = 0; attempt < sharedAttempts; attempt++) {
      const flight = this.#joinable(request.key) ?? this.#start(request)
      const outcome = await this.#waitFor(flight, request)
      if (isFor(request, outcome, flight)) return this.#land(outcome, request.within, flight)
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
      within.doom(outcome.doomedFrom, outcome.overtakenAt)
      within.usableUntil = Math.min(within.usableUntil, flight.usableUntil)
      inheritLag(within, flight)
    }
    if (outcome.failed) throw outcome.value
    return this.#parts.writer.copy(outcome.value)
  }

  /** Waits for a flight on behalf of the loader that the read was made in. @throws E_LOADING_CYCLE */
  async #waitFor(flight: Flight, request: ReadRequest): Promise<Outcome> {
    const { waiting } = request
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
    const { clock, judge, log } = this.#parts
    log.catchUp()
    const flight = this.#flights.get(key)
    if (flight === undefined || flight.generation !== log.generation || judge.verdict(flight) !== undefined)
      return undefined
    if (this.#parts.held.isFenced) return undefined
    if (judge.intents.size > 0 && this.#readsWritten(flight)) return undefined
    noteLag(flight, this.#parts)
    if (flight.isOlder || this.moment >= flight.sharedUntilMs) return undefined
    return flight.usableUntil === Infinity || clock.now() < flight.usableUntil ? flight : undefined
  }

  /** Whether it waits for a load of what is being written: it has not inherited that yet, but may be given what it was. */
  #readsWritten(flight: Flight): boolean {
    const { judge, owner } = this.#parts
    for (const input of flight.waitsFor) {
      if (input.owner === owner && judge.verdict(input) !== undefined) return true
      if (this.#readsWritten(input)) return true
    }
    return false
  }

  #start(request: ReadRequest, stale?: Entry): Flight {
    const flight = this.#begin(request, stale)
    // Without a lease nobody joins it.
    if (!this.#parts.held.isFenced) this.#flights.set(request.key, flight)
    return flight
  }

  #begin(request: ReadRequest, stale: Entry | undefined): Flight {
    const { owner, log } = this.#parts
    const flight = new Flight({
      key: request.key,
      stamp: log.applied,
      generation: log.generation,
      owner,
      parent: request.waiting,
      beganMs: this.moment,
      holdOffMs: request.policy.holdOffMs,
    })
    this.#flying.add(flight)
    this.#turn.begin(flight.key)
    flight.outcome = this.#fly(flight, request, stale)
    return flight
  }

  async #fly(flight: Flight, request: ReadRequest, stale: Entry | undefined): Promise<Outcome> {
    const startedAt = this.#parts.clock.now()
    // The flight is known to all, its outcome can be awaited, before the loader's first line runs.
    await Promise.resolve()
    const ran = await this.#run(flight, request, stale)
    flight.ended = true
    const outcome = await this.#settle(flight, request, ran)
    if (!outcome.failed) this.#backoff.succeeded(flight.key)
    else if (stale !== undefined) this.#backoff.failed(flight.key)
    this.#flying.delete(flight)
    if (this.#flights.get(flight.key) === flight) this.#flights.delete(flight.key)
    this.#turn.end(flight.key)
    this.#tell(flight, { ...outcome, startedAt })
    return outcome
  }

  async #run(flight: Flight, request: ReadRequest, stale: Entry | undefined): Promise<Ran> {
    const { clock, automatic, writer, reads } = this.#parts
    const old = stale === undefined ? undefined : { value: stale.value, storedAt: stale.storedAt }
    try {
      writer.declare(flight, request.options)
      const load = loadOf(flight, old, reads)
      const { hardTimeoutMs } = request.policy
      const value = await runLoader(flight, { loader: request.loader, load, hardTimeoutMs, clock, automatic })
      return { value, failed: false }
    } catch (error) {
      return { value: error, failed: true }
    }
  }

  /** Keeps what was loaded, if it may be; if that is refused with an error, the load has failed. */
  async #settle(flight: Flight, request: ReadRequest, ran: Ran): Promise<Settled> {
    const settled = ({ refused, expiresAt }: Kept, { value, failed }: Ran): Settled => {
      const { doomedFrom, overtakenAt } = flight
      return { value, failed, refused, doomedFrom, overtakenAt, expiresAt: expiresAt ?? Infinity }
    }
    try {
      return settled(await this.#parts.writer.keepLoaded(flight, { ...request, ...ran }), ran)
    } catch (error) {
      return settled({ refused: 'error', expiresAt: null }, { value: error, failed: true })
    }
  }

  #tell({ key }: Flight, { failed, refused, startedAt }: Settled & { startedAt: number }): void {
    const { clock, counts, events } = this.#parts
    counts.loads++
    if (failed) counts.loadErrors++
    if (refused !== null && refused !== 'error') counts.refused++
    if (!events.heard('load')) return
    events.emit('load', { key, durationMs: clock.now() - startedAt, stored: refused === null, refused })
  }

  /** Takes the key into memory from the nearest tier below that holds it and still may serve it. */
  #lookUp(key: string): Answer<Found | undefined> {
    return this.#parts.lower.find(key, this.#promote)
  }

  /** @param begun position before the tier was asked */
  readonly #promote = (parts: EntryParts, tier: Tier, begun: number): Found | undefined => {
    const { held, lower, policies } = this.#parts
    // What came into memory while the tier was asked is no older.
    const near = held.find(parts.key)
    if (near !== undefined) return near
    const entry = new Entry(parts, policies.find(parts.policy.name))
    if (held.isFenced) return undefined
    const found = held.assess(entry)
    if (found === undefined) {
      lower.discard(parts.key, tier)
      return undefined
    }
    // It may be among those that had to go for room meanwhile, and is not to come into memory then.
    if (held.evictedAt <= begun) held.put(entry)
    lower.raise(parts, tier)
    return within(tier.name, found)
  }
}

/** Whether a caller may be given what the flight came to: nothing it was made from is too old for him. */
function isFor({ position, beganMs }: ReadRequest, { doomedFrom }: Outcome, flight: Flight): boolean {
  return position < doomedFrom && (beganMs <= flight.beganMs || beganMs < flight.sharedUntilMs)
}

export function freshOf(found: Found | undefined): Found | undefined {
  return found?.state === 'fresh' ? found : undefined
}

function within(tier: string | undefined, { entry, state }: Found): Found {
  return tier === undefined ? { entry, state } : { entry, state, tier }
}
