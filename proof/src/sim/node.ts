/**
 * A node of the simulation: the real cache and the real log of a member, on a machine and a link that are not.
 */
import type { Chance } from './chance.ts'
import { Link } from './link.ts'
import { SimulatedLogServer } from './log-server.ts'
import { Machine } from './machine.ts'
import { JobHistory } from './job-history.ts'
import type { Backing, BackingParts, Member, Parts } from './parts.ts'
import type { Plan } from './plan.ts'
import type { Redis } from './redis.ts'
import { SimulatedDriver } from './simulated-driver.ts'
import { SimulatedTier } from './shared-tier.ts'
import type { Timeline } from './timeline.ts'

export interface NodeParts {
  readonly library: Parts
  readonly plan: Plan
  readonly timeline: Timeline
  readonly chance: Chance
  readonly redis: Redis
  readonly name: string
  readonly onError: (error: unknown, during: string) => void
}

const leaseMs = 3000
/** Each lease from before has ended after so long, by the clock of who waits. */
export const outlastMs = leaseMs * 1.01 + 20

/** A replica of a source lags by less, by whatever clock; and how long what is read there is not kept. */
export const lagMs = 250
export const holdOffMs = 300

/** How often each node looks for jobs. */
const often = { scheduled: { interval: '2s' }, background: { interval: '1s' } } as const

export type Cache = ReturnType<Parts['createCache']>

export class Node {
  readonly name: string
  readonly machine: Machine
  readonly link: Link
  readonly cache: Cache
  readonly chance: Chance
  member!: Member
  server!: SimulatedLogServer
  /** When the last sync that was answered was sent, by true time. */
  syncSentAt = -Infinity
  /** When something was wrong with it last, or with its link. */
  disturbedAt = -Infinity
  /** When it began, by true time. */
  readonly bornAt: number
  isDead = false
  /** Its tier is not asked for a while. */
  isTierFailing = false

  constructor({ library, plan, timeline, chance, redis, name, onError }: NodeParts) {
    this.name = name
    this.chance = chance
    this.bornAt = timeline.now
    this.machine = new Machine(timeline, chance, plan.clocksWithinMs)
    this.link = new Link({ timeline, chance, redis, machine: this.machine })
    const open = (parts: BackingParts): Backing => this.#open(library, plan, { ...parts, onError })
    this.cache = library.createCache({
      clock: this.machine,
      random: () => chance.next(),
      disk: { kind: 'disk', open },
      tracking: plan.tracking,
      memory: { maxEntries: plan.entriesMax },
      strategies: plan.isQueued ? often : undefined,
      policies: {
        strictly: { onFence: 'error' },
        gracious: { grace: '1h' },
        lagging: { holdOff: holdOffMs },
      },
    })
    this.cache.on('error', ({ error, during }) => onError(error, during))
  }

  /** There is a connection again, or so it seems. */
  reached(): void {
    if (!this.isDead) this.server.reached()
  }

  get isRunning(): boolean {
    return !this.isDead && !this.machine.isStopped
  }

  die(): void {
    this.isDead = true
    this.machine.die()
    void this.server.close()
  }

  /** As a process ends that is told to. */
  leave(): void {
    this.isDead = true
    void this.cache.close().finally(() => this.machine.die())
  }

  #open(library: Parts, plan: Plan, parts: BackingParts): Backing {
    const asking = this.link.connect()
    this.server = new SimulatedLogServer({
      link: this.link,
      asking,
      chance: this.chance,
      newsLost: plan.newsLost,
      onReached: parts.onReached,
      onAnswer: (sentAt) => {
        this.syncSentAt = Math.max(this.syncSentAt, sentAt)
      },
    })
    const { snapshotAfter, isAlwaysShared, hasTier } = plan
    const own = { server: this.server, id: this.name, nodeName: `node ${this.name}`, leaseMs, snapshotAfter }
    this.member = new library.Member({ ...parts, ...own })
    const driver = new SimulatedDriver(asking, library.scripts)
    const { queue, history } = this.#queue(library, plan, { ...parts, driver })
    const turns = hasTier
      ? new library.RedisTurns({ driver, clock: this.machine, nodeId: this.name })
      : undefined
    const { member } = this
    const { isInvalid } = parts
    const shared = hasTier ? new SimulatedTier({ asking, member, isAlwaysShared, isInvalid }) : undefined
    const close = async () => {
      await queue.close()
      await history.close()
      turns?.close()
      await member.close()
    }
    return { log: member, queue, history, shared, turns, state: undefined, close }
  }

  /** On the server if the run is about it: who looks every second asks much. */
  #queue(
    { MemoryHistory, MemoryQueue, RedisHistory, RedisQueue }: Parts,
    plan: Plan,
    parts: BackingParts & { readonly driver: SimulatedDriver },
  ): Pick<Backing, 'queue' | 'history'> {
    const memory = new MemoryHistory({ clock: this.machine, ...parts.history })
    if (!plan.isQueued)
      return { history: memory, queue: new MemoryQueue({ ...parts.queue, history: memory }) }
    const { driver, onError } = parts
    const common = { driver, onError, clock: this.machine, node: this.name }
    const jobs = new RedisHistory({ ...common, ...parts.history })
    const queue = new RedisQueue({ ...common, ...parts.queue, history: jobs })
    return { history: new JobHistory(memory, jobs), queue }
  }
}
