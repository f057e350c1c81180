/**
 * Breaker: whether a tier is asked at all.
 *
 *             5 failures in a row             the pause is over: one call tries
 *   closed --------------------------> open -----------------------------------> half-open
 *      ^                                ^                                         |     |
 *      |                                '---- it failed: a pause twice as long ---'     |
 *      '-------------------------------- it succeeded ----------------------------------'
 *
 * The states are those of Nygard's circuit breaker ("Release It!", 2007), as cockatiel keeps them. Cockatiel compares
 * the length of a pause with the time of the machine; it asks for the length at every call, and so is told "endless"
 * until a timer of the injected clock has fired, and then "none". A wall clock that is set back delays nothing.
 * Invariants: while it is open, and while the one call tries, every other call is refused and nothing waits;
 * `onChange` is told of a failing tier once, however often it is tried in vain.
 */
import {
  circuitBreaker,
  CircuitState,
  ConsecutiveBreaker,
  handleAll,
  type CircuitBreakerPolicy,
  type IBackoff,
} from 'cockatiel'
import { backoffMs } from '../model/backoff.ts'
import type { Clock, Random, Timer } from '../model/clock.ts'
import { StaleproofError } from '../model/errors.ts'

export type TierStatus = 'ok' | 'failing'

export interface BreakerParts {
  /** Of the tier. */
  readonly name: string
  readonly clock: Clock
  readonly random: Random
  /** @param error what the tier failed with; null when it is well again */
  readonly onChange: (status: TierStatus, error: unknown) => void
}

const failuresMax = 5
const pauses = { firstMs: 10_000, maxMs: 120_000 }

export class Breaker {
  readonly #parts: BreakerParts
  readonly #policy: CircuitBreakerPolicy
  #status: TierStatus = 'ok'
  #error: unknown = null
  #isTrusted = true
  /** Whether the pause is not over. */
  #pausing = false
  #pauseEndsAt = 0
  #timer: Timer | undefined

  constructor(parts: BreakerParts) {
    this.#parts = parts
    this.#policy = circuitBreaker(handleAll, {
      breaker: new ConsecutiveBreaker(failuresMax),
      halfOpenAfter: { next: () => this.#pause(1) },
    })
    this.#policy.onBreak((why) => this.#failing('error' in why ? why.error : null))
    this.#policy.onReset(() => this.#change('ok', null))
  }

  get status(): TierStatus {
    return this.#status
  }

  /** What the tier failed with when it was asked last; null if it is well. */
  get error(): unknown {
    return this.#error
  }

  /** Whether a call would be refused now. */
  get isOpen(): boolean {
    const { state } = this.#policy
    return state === CircuitState.HalfOpen || (state === CircuitState.Open && this.#pausing)
  }

  /** Whether it did not fail when it was asked last: a success more would change nothing. */
  get isTrusted(): boolean {
    // A call from before it opened may succeed afterwards.
    return this.#isTrusted && !this.isOpen
  }

  /** Begins the call in this tick. @throws E_RECOVERY_TIER_FAILING; what the call throws */
  async run<T>(call: () => Promise<T>): Promise<T> {
    if (this.isOpen) throw this.#refusal()
    try {
      const result = await this.#policy.execute(call)
      this.#isTrusted = true
      return result
    } catch (error) {
      this.#isTrusted = false
      throw error
    }
  }

  /**
   * The same for a call that leaves bytes. Its failure is not counted: a disk that is full can be read. While the
   * tier fails it may be the one that tries.
   */
  async runWrite<T>(call: () => Promise<T>): Promise<T> {
    return this.#status === 'ok' ? call() : this.run(call)
  }

  /** There is reason to think that it is well again: the next call tries, though the pause is not over. */
  tryNow(): void {
    this.#timer?.cancel()
    this.#pausing = false
  }

  close(): void {
    this.#timer?.cancel()
  }

  /** The nth pause since the tier was well. */
  #pause(n: number): IBackoff<unknown> {
    const { clock, random } = this.#parts
    const waitMs = backoffMs(pauses, n, random)
    this.#pausing = true
    this.#pauseEndsAt = clock.now() + waitMs
    this.#timer?.cancel()
    this.#timer = clock.schedule(waitMs, () => (this.#pausing = false))
    const isPausing = () => this.#pausing
    return {
      get duration() {
        return isPausing() ? Infinity : -Infinity
      },
      next: () => this.#pause(n + 1),
    }
  }

  #failing(error: unknown): void {
    if (this.#status === 'ok') this.#change('failing', error)
    this.#error = error
  }

  #change(status: TierStatus, error: unknown): void {
    this.#status = status
    this.#error = error
    this.#parts.onChange(status, error)
  }

  #refusal(): StaleproofError {
    const { name: tier } = this.#parts
    const retryAt = new Date(this.#pauseEndsAt).toISOString()
    const when = this.#pausing ? `it is tried again at ${retryAt}` : 'it is being tried again now'
    return new StaleproofError(
      'E_RECOVERY_TIER_FAILING',
      `tier '${tier}' failed again and again and is not asked now (${messageOf(this.#error)}); ${when}, by itself`,
      { cause: this.#error, details: { tier, retryAt } },
    )
  }
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

/** Whether the tier was not even asked; that it fails was told when it began. */
export function isRefusal(error: unknown): boolean {
  return error instanceof StaleproofError && error.code === 'E_RECOVERY_TIER_FAILING'
}
