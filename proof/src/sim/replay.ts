/**
 * Replay: a run of the simulation once more, step by step, on a real server with the library's own scripts, its log server
 * and its tier; each answer has to be that of the simulated server.
 *
 *   for each step, in order: the clock of the server -> the same step -> are the answers the same?
 *
 * All else of a run follows from its seed and these answers: if none differs, every node is told the same, and every client
 * is answered the same.
 */
import { cacheName, type Driver } from './driver.ts'
import { RealScripts } from './real-scripts.ts'
import { clockKey, type RealParts } from './real-parts.ts'
import type { RealServer } from './real-server.ts'
import { RealTier } from './real-tier.ts'
import type { Step, StepName, StepOf } from './redis.ts'
import { differenceOf, sorted, wordsOf } from './same.ts'

/** Of a sync: since, who it is, whether it is settled, whether it is news. */
const syncArgs = 7

export class Difference {
  readonly step: Step
  readonly text: string

  constructor(step: Step, text: string) {
    this.step = step
    this.text = text
  }

  toString(): string {
    const { number, name, args } = this.step
    return `step ${number}, ${name}:\n${wordsOf(args)}\n${this.text}`
  }
}

/** Carries out one step. @returns what is different; undefined: nothing */
type Perform<Name extends StepName> = (step: StepOf<Name>) => Promise<string | undefined>

export class Replay {
  readonly #parts: RealParts
  readonly #server: RealServer
  readonly #client: Driver
  readonly #log: InstanceType<RealParts['RedisLogServer']>
  readonly #scripts: RealScripts
  #tier!: RealTier
  /** Whether the sync that is carried out says that more is applied: each node knows that by itself. */
  #isNews = false

  constructor(parts: RealParts, server: RealServer) {
    this.#parts = parts
    this.#server = server
    const clock = parts.systemClock()
    this.#client = new parts.RedisClient({ url: server.url }, cacheName, { clock, random: () => 0.5 })
    this.#log = new parts.RedisLogServer(this.#syncing(), { clock, replicas: 0 })
    this.#scripts = new RealScripts(this.#client, parts.scripts)
  }

  async run(steps: readonly Step[]): Promise<Difference | undefined> {
    this.#tier = new RealTier(this.#parts, this.#client, steps)
    await this.#server.clear()
    const kept = new Set(steps.flatMap((step) => (step.name === 'promote' ? [step.answer.kept] : [])))
    for (const step of steps) {
      // On the same connection, and so before the step.
      void this.#client.call('SET', clockKey, step.atMs)
      const perform = this.#table[step.name] as Perform<StepName>
      const text = await perform(step as StepOf<StepName>).catch(
        (error: unknown) => `it fails: ${String(error)}`,
      )
      if (text !== undefined) return new Difference(step, text)
      if (kept.has(step.number)) await this.#server.keep(step.number)
    }
    return undefined
  }

  async close(): Promise<void> {
    await this.#client.close()
  }

  /** For the log: the last argument of a sync, a number, is what the node in the run said. */
  #syncing(): Driver {
    const { prefix } = this.#client
    const client = this.#client
    return {
      ...{ prefix, isConnected: true },
      run: (script, args) => {
        const isSync = args.length === syncArgs && typeof args.at(-1) === 'number'
        return client.run(script, isSync ? [...args.slice(0, -1), this.#isNews ? 1 : 0] : args)
      },
      call: (...words) => client.call(...words),
      wait: (...words) => client.wait(...words),
      onConnect: (listener) => client.onConnect(listener),
      close: () => client.close(),
    }
  }

  readonly #table: { readonly [Name in StepName]: Perform<Name> } = {
    sync: async ({ args: [since, presence, isNews], answer }) => {
      this.#isNews = isNews
      return differenceOf(await this.#log.sync(since, presence), answer)
    },
    append: async ({ args, answer }) => differenceOf(await this.#log.append(...args), answer),
    nodes: async ({ args, answer }) => differenceOf(sorted(await this.#log.nodes(...args)), sorted(answer)),
    forget: async ({ args }) => nothing(this.#log.forget(...args)),
    leave: async ({ args }) => nothing(this.#log.leave(...args)),
    snapshot: async ({ answer }) => differenceOf(await this.#log.snapshot(), answer),
    generation: async ({ answer }) => differenceOf((await this.#server.generation()) ?? undefined, answer),
    records: async ({ args: [n], answer }) => {
      const generation = (await this.#server.generation()) ?? ''
      return differenceOf(await this.#log.records(generation, n), answer)
    },
    begin: async ({ args }) => nothing(this.#log.begin(...args)),
    keep: async ({ args }) => nothing(this.#log.keep(...args)),

    value: (step) => this.#tier.value(step),
    dependents: (step) => this.#tier.dependents(step),
    withPrefix: (step) => this.#tier.withPrefix(step),
    standing: (step) => this.#tier.standing(step),
    removeIf: (step) => this.#tier.removeIf(step),
    end: (step) => this.#tier.end(step),
    look: (step) => this.#tier.look(step),
    storeIf: (step) => this.#tier.storeIf(step),

    script: (step) => this.#scripts.script(step),
    command: (step) => this.#scripts.command(step),
    acks: (step) => this.#scripts.acks(step),
    turnRanOut: ({ args: [id] }) => nothing(this.#server.delete(`turn:${id}`)),

    promote: ({ answer }) => nothing(this.#server.promote(answer.kept)),
    flush: () => nothing(this.#server.flush()),
    deleteLog: () => nothing(this.#server.delete('log')),
    deleteSnapshot: () => nothing(this.#server.delete('snapshot')),
    deleteNodes: () => nothing(this.#server.delete('nodes')),
    evictValue: ({ args: [key] }) => nothing(this.#server.delete(`e:${key}`)),
  }
}

async function nothing(done: Promise<void>): Promise<undefined> {
  await done
}
