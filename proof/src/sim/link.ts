/**
 * A link: the way from a node to the server and back, on connections of its own.
 *
 * Invariants: what is asked on a connection arrives in that order, and is answered in that order, if it is at all; what
 * was asked and did not come back within the limit is rejected, and may be carried out all the same, then or later;
 * nothing comes back on a connection that was broken.
 */
import type { Chance } from './chance.ts'
import type { Machine } from './machine.ts'
import type { AnswerOf, ArgsOf, Redis, StepName } from './redis.ts'
import type { Operation } from './operation.ts'
import type { Timeline } from './timeline.ts'

export type Way = 'there' | 'back'
/** What becomes of messages while a way is cut. */
export type Cut = 'lost' | 'held'

const answerMs = 2000

export class Connection {
  readonly #link: Link
  #epoch = 0
  /** When the last message arrives on that way. */
  readonly #last = { there: 0, back: 0 }
  #pending = new Set<(error: Error) => void>()

  constructor(link: Link) {
    this.#link = link
  }

  /** @param of what the step is part of */
  ask<Name extends StepName>(name: Name, args: ArgsOf<Name>, of?: Operation): Promise<AnswerOf<Name>> {
    const { machine, redis } = this.#link
    const epoch = this.#epoch
    if (this.#link.isRefused()) return Promise.reject(new Error('ECONNREFUSED'))
    return new Promise((resolve, reject) => {
      const fail = (error: Error) => {
        timer.cancel()
        this.#pending.delete(fail)
        reject(error)
      }
      const timer = machine.schedule(answerMs, () => fail(new Error('Command timed out')))
      this.#pending.add(fail)
      this.#send('there', epoch, () => {
        if (redis.isDown) return
        const answer = redis.carryOut(name, args, of)
        this.#send('back', epoch, () => {
          machine.receive(() => {
            if (epoch !== this.#epoch || !this.#pending.delete(fail)) return
            timer.cancel()
            resolve(answer)
          })
        })
      })
    })
  }

  /** What was on its way is lost, or arrives all the same; nothing comes back. */
  reset(): void {
    this.#epoch++
    const pending = [...this.#pending]
    for (const fail of pending) this.#link.machine.receive(() => fail(new Error('Connection is closed.')))
    this.#last.there = this.#last.back = 0
  }

  #send(way: Way, epoch: number, arrive: () => void): void {
    const { timeline } = this.#link
    if (epoch !== this.#epoch && this.#link.losesOnReset()) return
    const passes = this.#link.passes(way)
    if (passes === undefined) return
    const at = Math.max(passes, this.#last[way])
    this.#last[way] = at
    timeline.at(at, arrive)
  }
}

export interface LinkParts {
  readonly timeline: Timeline
  readonly chance: Chance
  readonly machine: Machine
  readonly redis: Redis
}

export class Link {
  readonly timeline: Timeline
  readonly machine: Machine
  readonly redis: Redis
  /** How slow it is. */
  delayMs: readonly [number, number] = [0.2, 3]
  readonly #chance: Chance
  /** Until when that way is cut, and what becomes of messages. */
  readonly #cuts = { there: { until: 0, cut: 'lost' as Cut }, back: { until: 0, cut: 'lost' as Cut } }
  readonly connections: Connection[] = []

  constructor(parts: LinkParts) {
    this.timeline = parts.timeline
    this.machine = parts.machine
    this.redis = parts.redis
    this.#chance = parts.chance
  }

  connect(): Connection {
    const connection = new Connection(this)
    this.connections.push(connection)
    return connection
  }

  cut(way: Way, until: number, cut: Cut): void {
    this.#cuts[way] = { until, cut }
  }

  heal(): void {
    for (const way of ['there', 'back'] as const) this.#cuts[way] = { until: 0, cut: 'lost' }
    this.delayMs = [0.2, 3]
  }

  /** When the last way that was cut is free again. */
  get cutUntil(): number {
    return Math.max(this.#cuts.there.until, this.#cuts.back.until)
  }

  get isCut(): boolean {
    return this.cutUntil > this.timeline.now
  }

  /** A server that is down refuses at once, or says nothing. */
  isRefused(): boolean {
    return this.redis.isDown && this.#chance.is(0.5)
  }

  losesOnReset(): boolean {
    return this.#chance.is(0.5)
  }

  /** When a message that is sent now arrives; undefined: never. */
  passes(way: Way): number | undefined {
    const { until, cut } = this.#cuts[way]
    const delay = this.#chance.between(...(this.delayMs as [number, number]))
    if (until <= this.timeline.now) return this.timeline.now + delay
    return cut === 'lost' ? undefined : until + delay
  }
}
