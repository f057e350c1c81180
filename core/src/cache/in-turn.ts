/**
 * In turn: of all processes that share a tier one loads a key, and the others wait for what it stores there.
 *
 * Invariants: callers of one key wait together; who had the turn gives it up when its last load of the key has ended, whatever
 * that came to, and nobody here waits to begin one; one who has it and does not end is waited for no longer than `turnWaitMs`; a turn that cannot be had for a failure is done without.
 */
import type { Turns } from '../loading/contract.ts'
import type { Clock } from '../model/clock.ts'
import type { Events } from '../model/event.ts'
import type { Answer } from '../tiers/contract.ts'
import type { Found } from './held.ts'
import type { Lower } from './lower.ts'

export interface InTurnParts {
  readonly clock: Clock
  readonly events: Events
  readonly lower: Lower
  /** Undefined: no other process shares what this one loads. */
  readonly turns: Turns | undefined
}

const turnWaitMs = 10_000
const turnLookMs = 5

export class InTurn {
  readonly #parts: InTurnParts
  readonly #find: (key: string) => Answer<Found | undefined>
  /** key -> the wait for the turn to load it. */
  readonly #waiting = new Map<string, Promise<Found | undefined>>()
  /** key -> how many loads of it are under way here. */
  readonly #loads = new Map<string, number>()

  /** @param find what can be served of a key, from any tier */
  constructor(parts: InTurnParts, find: (key: string) => Answer<Found | undefined>) {
    this.#parts = parts
    this.#find = find
  }

  /** Whether another process may load the same. */
  get isNeeded(): boolean {
    return this.#parts.lower.shared?.isShared === true
  }

  /** Until this process may load the key. @returns what another one loaded meanwhile */
  wait(key: string): Promise<Found | undefined> {
    let waiting = this.#waiting.get(key)
    if (waiting === undefined) {
      waiting = this.#wait(key).finally(() => this.#waiting.delete(key))
      this.#waiting.set(key, waiting)
    }
    return waiting
  }

  begin(key: string): void {
    if (this.#parts.turns !== undefined) this.#loads.set(key, (this.#loads.get(key) ?? 0) + 1)
  }

  /** Of a load that began. */
  end(key: string): void {
    if (this.#parts.turns === undefined) return
    const left = (this.#loads.get(key) ?? 1) - 1
    if (left > 0) this.#loads.set(key, left)
    else this.#loads.delete(key)
    if (!this.#waiting.has(key)) this.#giveUp(key)
  }

  #giveUp(key: string): void {
    const { events, turns } = this.#parts
    if (this.#loads.has(key)) return
    turns?.release(key).catch((error: unknown) => {
      events.emit('error', { error, during: `giving up the turn to load '${key}'` })
    })
  }

  async #wait(key: string): Promise<Found | undefined> {
    const { clock, turns } = this.#parts
    const until = clock.monotonic() + turnWaitMs
    for (;;) {
      const isOurs = await this.#take(key)
      const found = await this.#find(key)
      if (found?.state === 'fresh') {
        if (isOurs) this.#giveUp(key)
        return found
      }
      if (isOurs || clock.monotonic() >= until) return undefined
      while (turns?.isFree(key) === false && clock.monotonic() < until) {
        await new Promise<void>((resolve) => clock.schedule(turnLookMs, resolve, true))
      }
    }
  }

  async #take(key: string): Promise<boolean> {
    const { events, turns } = this.#parts
    try {
      return (await turns?.take(key)) ?? true
    } catch (error) {
      events.emit('error', { error, during: `taking the turn to load '${key}'` })
      return true
    }
  }
}
