/**
 * Guard: stands before a tier that may fail. It asks it as the breaker allows, and pays what it owes first.
 *
 *   ask -> owes nothing: the call
 *       -> owes: replay (wait for what is being written -> delete what is owed and still invalid) -> the call
 *
 * Invariants: while the tier owes, nothing is asked of it but to delete that, so no entry that an invalidation should
 * have removed is answered, and none comes in that the replay would remove; what was written before is written before
 * the replay begins; what is owed stays owed until the tier says that it is deleted; what is valid stays, since other
 * processes may have stored it meanwhile, and count on finding it.
 *
 * Housekeeping: what a tier gives is judged all the same. It is about bytes, which have to go.
 */
import type { Clock, Random, Timer } from '../model/clock.ts'
import type { EntryParts } from '../model/entry.ts'
import type { Events } from '../model/event.ts'
import type { Head, Tier } from '../tiers/contract.ts'
import { Breaker, messageOf, type TierStatus } from './breaker.ts'
import { Owed, type Part } from './owed.ts'

export interface GuardParts {
  readonly clock: Clock
  readonly random: Random
  readonly events: Events
  /** By all that is in the log. */
  readonly isInvalid: (entry: EntryParts) => boolean
  /** Or not known to be invalid yet, by what is applied here; may be asked while the log is being written. */
  readonly isValid: (entry: Head) => boolean
}

export interface TierState {
  /** failing: it is not asked, but tried again by itself. */
  readonly status: TierStatus
  /** Why it fails. */
  readonly error: string | null
  /** Names and prefixes that were invalidated and are to be deleted before it serves again. */
  readonly owed: number | 'everything'
}

/** A tier that nobody asks pays, too. */
const payEveryMs = 10_000
const sliceMax = 1000

export class Guard {
  readonly #tier: Tier
  readonly #parts: GuardParts
  readonly #breaker: Breaker
  readonly #owed = new Owed()
  /** Calls under way that leave bytes. Never reject. */
  readonly #writing = new Set<Promise<unknown>>()
  #paying: Promise<void> | undefined
  #timer: Timer | undefined
  #closed = false

  constructor(tier: Tier, parts: GuardParts) {
    const { name } = tier
    this.#tier = tier
    this.#parts = parts
    this.#breaker = new Breaker({
      ...parts,
      name,
      onChange: (status, error) => parts.events.emit('tier', { tier: name, status, error }),
    })
  }

  get state(): TierState {
    const { status, error } = this.#breaker
    return { status, error: status === 'ok' ? null : messageOf(error), owed: this.#owed.count }
  }

  /** If nothing is owed, the call begins in this tick. @throws E_RECOVERY_TIER_FAILING; what the call throws */
  ask<T>(call: () => Promise<T>): Promise<T> {
    return this.#afterPaying(() => this.#breaker.run(call))
  }

  /** It owes nothing, and did not fail when it was asked last: it may be asked without `ask`. */
  get isSound(): boolean {
    return this.#breaker.isTrusted && this.#owed.isNothing
  }

  /** What was asked of a tier that was sound: another success is told of only if that has changed meanwhile. */
  judged<T>(answer: Promise<T>): Promise<T> {
    const told = () => (this.#breaker.isOpen ? answer : this.#breaker.run(() => answer))
    return answer.then((value) => (this.#breaker.isTrusted ? value : told()), told)
  }

  /** The same for a call that leaves bytes in the tier. */
  write<T>(call: () => Promise<T>): Promise<T> {
    return this.#afterPaying(() => this.#breaker.runWrite(() => this.#noted(call())))
  }

  /** What was to be deleted, and could not be. */
  owe(what: { readonly names: Iterable<string>; readonly prefix: string | null }): void {
    this.#owed.add(what)
    this.#payLater()
  }

  /** The tier can be reached again: what is asked next is not refused for the failures of before. */
  tryNow(): void {
    this.#breaker.tryNow()
  }

  /** What is still owed is tried once more. */
  async close(): Promise<void> {
    this.#closed = true
    this.#timer?.cancel()
    if (!this.#owed.isNothing) await this.ask(async () => {}).catch((error: unknown) => this.#tell(error))
    this.#breaker.close()
  }

  async #afterPaying<T>(call: () => Promise<T>): Promise<T> {
    while (!this.#owed.isNothing && !this.#breaker.isOpen) await this.#pay()
    return call()
  }

  #noted<T>(written: Promise<T>): Promise<T> {
    const ended: Promise<unknown> = written.then(
      () => this.#writing.delete(ended),
      () => this.#writing.delete(ended),
    )
    this.#writing.add(ended)
    return written
  }

  /** Those who come while it is paid wait together. */
  #pay(): Promise<void> {
    this.#paying ??= this.#breaker
      .run(() => this.#replay())
      .finally(() => {
        this.#paying = undefined
      })
    return this.#paying
  }

  async #replay(): Promise<void> {
    const { count: owed } = this.#owed
    await Promise.all(this.#writing)
    let purged = 0
    for (let part = this.#owed.next(); part !== undefined; part = this.#owed.next()) {
      purged += await this.#delete(part)
      this.#owed.paid(part)
    }
    this.#parts.events.emit('replayed', { tier: this.#tier.name, owed, purged })
  }

  async #delete(part: Part): Promise<number> {
    const keys = [...new Set(await this.#keysOf(part))]
    let purged = 0
    for (let i = 0; i < keys.length; i += sliceMax) {
      const held = await this.#tier.held(keys.slice(i, i + sliceMax))
      const invalid = held.filter(this.#parts.isInvalid).map(({ key }) => key)
      if (invalid.length > 0) purged += await this.#tier.delete(invalid, this.#parts.isValid)
    }
    return purged
  }

  async #keysOf(part: Part): Promise<readonly string[]> {
    if ('prefix' in part) return this.#tier.withPrefix(part.prefix)
    return [...part.names, ...(await this.#tier.dependents(part.names))]
  }

  #payLater(): void {
    if (this.#closed || this.#owed.isNothing) return
    this.#timer ??= this.#parts.clock.schedule(payEveryMs, () => {
      this.#timer = undefined
      void this.#payNow().then(() => this.#payLater())
    })
  }

  /** Never rejects. */
  async #payNow(): Promise<void> {
    if (this.#owed.isNothing || this.#breaker.isOpen) return
    const { status } = this.#breaker
    await this.#pay().catch((error: unknown) => {
      if (status === 'ok') this.#tell(error)
    })
  }

  #tell(error: unknown): void {
    this.#parts.events.emit('error', { error, during: `delete what was invalidated from ${this.#tier.name}` })
  }
}
