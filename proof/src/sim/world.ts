/**
 * The world of one run: server, nodes, sources, the judge, and what is told of it all.
 */
import { Chance } from './chance.ts'
import { Jobs } from './jobs.ts'
import { Judge } from './judge.ts'
import { Node } from './node.ts'
import type { Parts } from './parts.ts'
import type { Plan } from './plan.ts'
import { Positions } from './positions.ts'
import { Redis, type Step } from './redis.ts'
import { Timeline } from './timeline.ts'
import { Truth } from './truth.ts'
import { TurnJudge } from './turn-judge.ts'

const tailMax = 80

/** What is not strict is in force by then. */
export const boundMs = 5000

export interface WorldOptions {
  /** All lines are kept. */
  readonly isVerbose?: boolean | undefined
  /** Told of each step of the server. */
  readonly onStep?: ((step: Step) => void) | undefined
  /** How many of the events are followed by a look at all that is in memory. Default 0.1. */
  readonly looks?: number | undefined
}

export class World {
  readonly plan: Plan
  readonly library: Parts
  readonly timeline = new Timeline()
  readonly chance: Chance
  readonly redis: Redis
  readonly truth: Truth
  readonly judge: Judge
  readonly positions: Positions
  readonly turns: TurnJudge
  readonly jobs: Jobs
  readonly keys: readonly string[]
  /** Those of now; one that died is replaced. */
  readonly nodes: Node[] = []
  /** The last lines of what happened; all of them if `isVerbose`. */
  readonly lines: string[] = []
  readonly isVerbose: boolean
  /** Told of a node that has claimed jobs. */
  onClaimed: (name: string) => void = () => undefined
  /** Counts what the server lost: what was declared before may be gone. */
  losses = 0
  /** When something was wrong with the server last. */
  serverDisturbedAt = -Infinity
  /** When its clock was set last. */
  serverClockSetAt = -Infinity
  #born = 0

  constructor(library: Parts, plan: Plan, { isVerbose = false, looks = 0.1, onStep }: WorldOptions) {
    this.library = library
    this.plan = plan
    this.isVerbose = isVerbose
    this.chance = new Chance(plan.seed ^ 0x5eed)
    this.redis = new Redis(this.timeline)
    const { sources, hidden, lagging } = plan
    this.truth = new Truth(Array.from({ length: sources }, (_, i) => `s:${i}`))
    // What is linked depends on links, and what lags is not kept at first: neither is demanded by position.
    const known = this.truth.names.map((name, i) => (i === hidden || i === lagging ? '' : name))
    this.positions = new Positions(known, (source) => this.truth.version(source))
    this.redis.onStep = (step) => {
      this.positions.note(step)
      this.jobs.note(step)
      onStep?.(step)
    }
    this.judge = new Judge({
      truth: this.truth,
      positions: this.positions,
      lagging,
      now: () => this.timeline.now,
    })
    this.jobs = this.#jobs()
    this.keys = plan.recipes.map((_, i) => `k:${i}`)
    const { timeline, keys, judge } = this
    const disturbedAt = () => Math.max(this.serverDisturbedAt, this.serverClockSetAt)
    this.turns = new TurnJudge({ plan, timeline, keys, judge, disturbedAt })
    this.redis.onAppend = () => {
      for (const node of this.nodes) if (!node.isDead) node.server.news()
    }
    this.redis.onAcknowledged = () => {
      for (const node of this.nodes) if (!node.isDead) node.server.acknowledgement()
    }
    for (let i = 0; i < plan.nodes; i++) this.nodes.push(this.born())
    this.timeline.onSettled = () => {
      const isToLook = this.chance.is(looks)
      if (isToLook) this.look()
      return isToLook
    }
  }

  born(): Node {
    const { library, plan, timeline, redis } = this
    const name = String.fromCharCode(65 + (this.#born % 26)) + (this.#born++ < 26 ? '' : `${this.#born}`)
    const chance = new Chance(plan.seed * 31 + this.#born)
    const onError = (error: unknown, during: string) =>
      this.tell(`${name} error, ${during}: ${wordsOf(error)}`)
    const node = new Node({ library, plan, timeline, chance, redis, name, onError })
    node.cache.on('node', ({ status, generation, applied }) => {
      this.tell(`${name} ${status}: ${generation.slice(0, 4)} ${applied}`)
      // Whatever it holds may be served again, from this moment on.
      if (status === 'leased') timeline.after(0, () => this.#lookAt(node))
    })
    node.cache.on('invalidated', ({ id, status, strategy }) => {
      const isQueued = strategy === 'background' || strategy === 'scheduled'
      if (isQueued && plan.isQueued && status === 'completed') this.jobs.completedBy(name, id)
    })
    node.cache.on('tier', ({ status }) => {
      node.isTierFailing = status === 'failing'
      node.disturbedAt = timeline.now
    })
    return node
  }

  /** All that is in memory anywhere, now. */
  look(): void {
    for (const node of this.nodes) this.#lookAt(node)
  }

  #lookAt(node: Node): void {
    if (!node.isRunning) return
    for (const key of this.keys) {
      const reading = this.judge.begin(node, key)
      const value = node.cache.peek(key)
      this.judge.end(reading, value as never, 'peeks')
    }
  }

  #jobs(): Jobs {
    const { truth, judge, timeline, library } = this
    return new Jobs({
      unsealed: library.unsealed,
      written: (names) =>
        names.map((name) => {
          const source = truth.names.indexOf(name)
          return { source, version: truth.version(source) }
        }),
      onClaimed: (name) => this.onClaimed(name),
      onCompleted: ({ id, consistency }, written) => {
        this.tell(`${id.slice(-6)} completed`)
        for (const { source, version } of written)
          if (consistency === 'strict') truth.demand(source, version)
          else truth.demandFrom(timeline.now + boundMs, source, version)
      },
      report: (text) => judge.report(20, text),
    })
  }

  tell(line: string): void {
    if (!this.isVerbose && this.lines.length >= 2 * tailMax) this.lines.splice(0, tailMax)
    this.lines.push(`${this.timeline.now.toFixed(2).padStart(10)}  ${line}`)
  }
}

export function wordsOf(error: unknown): string {
  const { code, message } = error as { code?: string; message?: string }
  return `${code ?? ''} ${String(message ?? error).slice(0, 100)}`
}
