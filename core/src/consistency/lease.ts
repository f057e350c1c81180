/**
 * Lease: the timed right of a node to serve what it holds without asking the log.
 *
 *   held iff   0 <= elapsed since the sync was sent < term (1 - rho) - epsilon, by both clocks
 *
 * It is looked at with every read, never by a timer: a process that was stopped and goes on must not serve before it has
 * looked. Two clocks, since the monotonic one stands still while the machine sleeps, and the wall clock may be set.
 *
 * Whoever waits for the leases of others to end waits `outlastMs` by his own monotonic clock.
 *
 * Invariants: a lease begins at the moment at which the sync was sent, never at that of its answer; what was found is
 * taken for true within one run of microtasks at most, during which nothing from outside can come in.
 */
import type { Clock } from '../model/clock.ts'

/** When a sync was sent. */
export interface Moment {
  readonly monotonic: number
  readonly wall: number
}

/** Clocks of two machines differ in their rate by less than this part. */
const rho = 0.01
/** Looking at the clock, and acting upon it, takes less. */
const epsilonMs = 20
/** Looks that are spared in a row, within one run of microtasks. */
const sparedMax = 256

export class Lease {
  /** Of this node; those of others are not longer than `#longestMs`. */
  readonly #givenMs: number
  #termMs: number
  #longestMs: number
  readonly #clock: Clock
  #since: Moment | undefined
  #spared = 0
  #wasAsked = false
  #isWatched = false

  constructor(clock: Clock, termMs: number) {
    this.#clock = clock
    this.#givenMs = termMs
    this.#termMs = termMs
    this.#longestMs = termMs
  }

  /** Of this generation. */
  get termMs(): number {
    return this.#termMs
  }

  /** Of this node: a shorter one than was agreed upon does no harm. */
  get ownMs(): number {
    return Math.min(this.#givenMs, this.#termMs)
  }

  /** Of any that may be left, from whichever generation. */
  get longestMs(): number {
    return this.#longestMs
  }

  get terms(): { readonly leaseMs: number; readonly longestMs: number } {
    return { leaseMs: this.#termMs, longestMs: this.#longestMs }
  }

  /** Nodes of this generation have leases of that length at most; of before some may be left that are as long as the longest. */
  agree(termMs: number, longestMs: number): void {
    this.#termMs = termMs
    this.#longestMs = Math.max(this.#longestMs, termMs, longestMs)
  }

  /** None of before this generation is left. */
  settle(): void {
    this.#longestMs = this.#termMs
  }

  /** Each lease from before has ended then. */
  get outlastMs(): number {
    return this.#longestMs * (1 + rho) + epsilonMs
  }

  /** Taken before a sync is sent. */
  moment(): Moment {
    return { monotonic: this.#clock.monotonic(), wall: this.#clock.now() }
  }

  /** The sync that was sent then has fetched all there was, and all of it is applied. */
  grant(sent: Moment): void {
    if (this.#since === undefined || sent.monotonic >= this.#since.monotonic) this.#since = sent
    this.#spared = 0
  }

  end(): void {
    this.#since = undefined
    this.#spared = 0
  }

  get isHeld(): boolean {
    this.#wasAsked = true
    if (this.#spared > 0) {
      this.#spared--
      return true
    }
    return this.#look()
  }

  #look(): boolean {
    if (this.#since === undefined) return false
    const { monotonic, wall } = this.moment()
    const heldMs = this.ownMs * (1 - rho) - epsilonMs
    const isHeld =
      isWithin(monotonic - this.#since.monotonic, heldMs) && isWithin(wall - this.#since.wall, heldMs)
    if (isHeld) this.#spare()
    // Over for good: a clock that is set back must not bring it back.
    else this.#since = undefined
    return isHeld
  }

  /** Until nobody asked for the length of a microtask: then the run may be over. */
  #spare(): void {
    this.#spared = sparedMax
    if (this.#isWatched) return
    this.#isWatched = true
    queueMicrotask(this.#watch)
  }

  readonly #watch = (): void => {
    this.#isWatched = this.#wasAsked && this.#spared > 0
    this.#wasAsked = false
    if (this.#isWatched) queueMicrotask(this.#watch)
    else this.#spared = 0
  }
}

function isWithin(elapsedMs: number, mostMs: number): boolean {
  return elapsedMs >= 0 && elapsedMs < mostMs
}
