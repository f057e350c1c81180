/**
 * The simulated server held against a real one: a seed is run, and then once more on a real redis-server.
 */
import type { Change, Stable } from '../mutants.ts'
import { directed } from './directed.ts'
import { modeOf, openSimulated } from './hunt.ts'
import type { Parts } from './parts.ts'
import { asSimulated, openRealParts } from './real-parts.ts'
import type { RealServer } from './real-server.ts'
import type { Step } from './redis.ts'
import { Replay, type Difference } from './replay.ts'
import { runSeed, type Run, type RunOptions } from './run.ts'

type Named = Change & { readonly name: string }

export interface Checked {
  readonly run: Run
  readonly steps: number
  readonly difference: Difference | undefined
}

export class CrossCheck {
  readonly #library: Parts
  readonly #replay: Replay

  private constructor(library: Parts, replay: Replay) {
    this.#library = library
    this.#replay = replay
  }

  /** @param mistake made on purpose in what runs on the real server */
  static async open(stable: Stable, server: RealServer, mistake?: Named): Promise<CrossCheck> {
    const changes = mistake === undefined ? asSimulated : [...asSimulated, mistake]
    const folder = stable.breed(mistake?.name ?? 'as-simulated', changes)
    const replay = new Replay(await openRealParts(folder), server)
    return new CrossCheck(await openSimulated(stable), replay)
  }

  async check(options: RunOptions): Promise<Checked> {
    const steps: Step[] = []
    const run = await runSeed(this.#library, { ...options, onStep: (step) => steps.push(step) })
    return { run, steps: steps.length, difference: await this.#replay.run(steps) }
  }

  /** Schedules that chance rarely brings about. */
  async directed(): Promise<string | undefined> {
    for (const [what, steps] of directed) {
      const difference = await this.#replay.run(steps)
      if (difference !== undefined) return `${what}: ${difference.toString()}`
    }
    return undefined
  }

  /** Seed after seed, until one shows a difference. @returns undefined: none did */
  async hunt(first: number, seedsMax: number): Promise<Checked | undefined> {
    for (let seed = first; seed < first + seedsMax; seed++) {
      const checked = await this.check({ seed, mode: modeOf(seed) })
      if (checked.difference !== undefined) return checked
    }
    return undefined
  }

  close(): Promise<void> {
    return this.#replay.close()
  }
}
