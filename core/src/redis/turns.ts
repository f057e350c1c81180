/**
 * Turns of the nodes that share a server: a key with an expiry for each key that is being loaded, with the node that
 * loads it, which renews it while it does.
 *
 * Invariants: the turn of a node that died, or was cut off, is free when its time ran out; of one key there is one
 * question under way, and not more often than every 20 ms.
 */
import { createHash } from 'node:crypto'
import type { Turns } from '../loading/contract.ts'
import type { Clock, Timer } from '../model/clock.ts'
import { textOf, type Driver } from './driver.ts'
import { releaseScript, takeScript } from './turns-lua.ts'

export interface RedisTurnsParts {
  readonly driver: Driver
  readonly clock: Clock
  /** Of this process; no other has it. */
  readonly nodeId: string
}

const turnMs = 3000
const renewMs = 1000
const lookMs = 20
/** Keys that others load and that somebody here waited for, at most. */
const takenMax = 10_000

/** A turn that another node had when it was asked last. */
interface Taken {
  askedAt: number
  isAsking: boolean
  isFree: boolean
}

export class RedisTurns implements Turns {
  readonly #parts: RedisTurnsParts
  /** key -> when the turn that this process has is renewed */
  readonly #ours = new Map<string, Timer>()
  readonly #taken = new Map<string, Taken>()
  #isClosed = false

  constructor(parts: RedisTurnsParts) {
    this.#parts = parts
  }

  async take(key: string): Promise<boolean> {
    const isOurs = await this.#ask(key)
    if (isOurs) {
      this.#taken.delete(key)
      this.#renewLater(key)
    } else this.#note(key)
    return isOurs
  }

  /** What is not known to be taken is free: `take` tells. */
  isFree(key: string): boolean {
    const taken = this.#taken.get(key)
    if (taken === undefined) return true
    if (taken.isFree) this.#taken.delete(key)
    else if (!taken.isAsking && this.#parts.clock.monotonic() - taken.askedAt >= lookMs)
      void this.#look(key, taken)
    return taken.isFree
  }

  async release(key: string): Promise<void> {
    const timer = this.#ours.get(key)
    if (timer === undefined) return
    timer.cancel()
    this.#ours.delete(key)
    await this.#parts.driver.run(releaseScript, [idOf(key), this.#parts.nodeId])
  }

  /** Turns are left to run out. */
  close(): void {
    this.#isClosed = true
    for (const timer of this.#ours.values()) timer.cancel()
    this.#ours.clear()
  }

  async #ask(key: string): Promise<boolean> {
    const { driver, nodeId } = this.#parts
    return (await driver.run(takeScript, [idOf(key), nodeId, turnMs])) === 1
  }

  #renewLater(key: string): void {
    if (this.#isClosed) return
    this.#ours.get(key)?.cancel()
    const timer = this.#parts.clock.schedule(renewMs, () => void this.#renew(key, timer))
    this.#ours.set(key, timer)
  }

  /** Who could not renew it has lost it to nobody for certain, and tries again: a turn only saves work. */
  async #renew(key: string, timer: Timer): Promise<void> {
    const isOurs = await this.#ask(key).catch(() => true)
    // It may have been given up meanwhile, and taken again.
    if (this.#ours.get(key) !== timer) return
    if (isOurs) this.#renewLater(key)
    else this.#ours.delete(key)
  }

  #note(key: string): void {
    this.#taken.delete(key)
    this.#taken.set(key, { askedAt: this.#parts.clock.monotonic(), isAsking: false, isFree: false })
    if (this.#taken.size <= takenMax) return
    this.#taken.delete(this.#taken.keys().next().value as string)
  }

  /** One that cannot be asked about is free: who takes it is told why it cannot be had. */
  async #look(key: string, taken: Taken): Promise<void> {
    const { driver, clock, nodeId } = this.#parts
    taken.isAsking = true
    try {
      const node = await driver.call('GET', `${driver.prefix}:turn:${idOf(key)}`)
      taken.isFree = node === null || textOf(node) === nodeId
    } catch {
      taken.isFree = true
    }
    taken.isAsking = false
    taken.askedAt = clock.monotonic()
  }
}

/** Two keys of one hash would only wait for each other. */
function idOf(key: string): string {
  return createHash('sha256').update(key).digest('base64').slice(0, 22)
}
