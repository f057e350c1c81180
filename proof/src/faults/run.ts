/**
 * A run: nodes at work on one server, each behind a link of its own; faults at random, as the seed has them; then all
 * is healed, everything that is true is demanded, and every node is looked at.
 *
 *   at first         one node and the server are spared for some seconds, since nothing has struck them before
 *   epochs of 20 s   in each, one node is spared; in every second, the server as well, so that strict calls of that node can
 *                    be held against the time that is promised (16)
 *
 * What the faults are follows from the seed; when exactly they strike does not, nor what threads and sockets do.
 *
 * Invariants: a run ends, whatever hangs; nothing that was started is left behind.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as after } from 'node:timers/promises'
import { memory } from '../crash/lives.ts'
import { Dice } from '../crash/roles.ts'
import { ofLinks, ofProcesses, ofServers } from './befall.ts'
import { Node, type NodesOptions } from './nodes.ts'
import { nowMs, type Word } from './said.ts'
import { Servers } from './servers.ts'
import { type Calm, recoveredMs, Toll } from './toll.ts'

/** How long one node is spared: in the beginning, and then in turns. */
const firstMs = 6000
const epochMs = 20_000

export interface RunOptions {
  /** Folder of the library's copy. */
  readonly library: string
  readonly seed: number
  /** Of faults; healing and looking take some more. */
  readonly seconds: number
  readonly nodes?: number
  readonly leaseMs?: number
  /** Faults of these names only. */
  readonly only?: readonly string[]
  /** How long nothing strikes a link, a process or the server, in ms, at most; default 5000. */
  readonly calmMs?: number
  readonly plantAt?: number
  readonly onFault?: (text: string, toll: Toll) => void
}

export async function runFaults(options: RunOptions): Promise<Toll> {
  const run = new Run(options)
  try {
    await run.begin()
    await run.strike()
    await run.heal()
  } catch (error) {
    run.toll.fault(`the run itself failed: ${String((error as Error).stack)}`)
  } finally {
    await run.end()
  }
  return run.toll
}

class Run {
  readonly toll: Toll
  readonly #options: RunOptions
  readonly #home = mkdtempSync(join(memory(), 'staleproof-faults-'))
  readonly #nodes: Node[] = []
  readonly #count: number
  /** When faults begin. */
  #began = Infinity
  #servers: Servers | undefined

  constructor(options: RunOptions) {
    this.#options = options
    this.#count = options.nodes ?? 4
    this.toll = new Toll({
      leaseMs: options.leaseMs ?? 600,
      calmOf: (slot, at) => this.#calmOf(slot, at),
    })
  }

  async begin(): Promise<void> {
    const { library, seed, leaseMs = 600, plantAt } = this.#options
    const dice = new Dice(seed)
    const random = () => dice.roll()
    const servers = await Servers.open(random)
    this.#servers = servers
    const parts: NodesOptions = {
      ...{ library, leaseMs, seed, random, count: this.#count, truth: join(this.#home, 'truth') },
      ...(plantAt === undefined ? {} : { plantAt }),
      port: () => servers.port,
      onWord: (word: Word, slot: number) => {
        this.toll.take(word, slot)
        if (word.say === 'token') this.#handOn(word, dice)
      },
    }
    for (let slot = 0; slot < this.#count; slot++) this.#nodes.push(await Node.open(slot, parts))
  }

  /** Until the time is over, or something is wrong. */
  async strike(): Promise<void> {
    this.#began = nowMs()
    const links = this.#nodes.map((node, i) => this.#befall(ofLinks, node, i))
    const processes = this.#nodes.map((node, i) => this.#befall(ofProcesses, node, 100 + i))
    await Promise.all([...links, ...processes, this.#befall(ofServers, this.#servers as Servers, 200)])
  }

  async heal(): Promise<void> {
    if (this.toll.faults.length > 0) return
    await this.#all('rest', 'rested')
    await this.#all('settle', 'settled')
    await this.#all('check', 'checked')
  }

  async end(): Promise<void> {
    const isWrong = this.toll.faults.length > 0
    for (const node of this.#nodes) {
      if (isWrong) await node.kill()
      await node.close()
    }
    await this.#servers?.close()
    rmSync(this.#home, { recursive: true, force: true })
  }

  /** To any node, itself included. */
  #handOn({ name, version, token }: Extract<Word, { say: 'token' }>, dice: Dice): void {
    if (this.#nodes.length === this.#count)
      dice.of(this.#nodes).order({ do: 'hand on', name, version, token })
  }

  async #befall<T extends Node | Servers>(
    table: Readonly<Record<string, (whom: T, dice: Dice) => Promise<void>>>,
    whom: T,
    lane: number,
  ): Promise<void> {
    const { seed, only, calmMs = 5000, onFault } = this.#options
    const dice = new Dice(seed * 1000 + lane)
    const names = Object.keys(table).filter((name) => only?.includes(name) ?? true)
    while (names.length > 0) {
      await after(50 + dice.below(calmMs))
      if (this.#isOver) return
      // Those who ask for certain faults ask for many.
      if (only === undefined && this.#isSparedNow(whom)) continue
      const name = dice.of(names)
      this.toll.struck(name)
      onFault?.(`${whom instanceof Node ? `node ${whom.slot}` : 'server'}: ${name}`, this.toll)
      await table[name]?.(whom, dice)
    }
  }

  async #all(order: 'rest' | 'settle' | 'check', word: Word['say']): Promise<void> {
    this.#options.onFault?.(`all: ${order}`, this.toll)
    await Promise.all(
      this.#nodes.map(async (node) => {
        const heard = node.hear(word)
        node.order({ do: order })
        await heard
      }),
    )
  }

  get #isOver(): boolean {
    return nowMs() - this.#began > this.#options.seconds * 1000 || this.toll.faults.length > 0
  }

  #isSparedNow(whom: Node | Servers): boolean {
    const { slot, isCalm } = this.#epoch(nowMs())
    return whom instanceof Node ? whom.slot === slot : isCalm
  }

  #calmOf(slot: number, at: number): Calm {
    const epoch = this.#epoch(at)
    const isSpared =
      this.#options.only === undefined && at >= this.#began && epoch.slot === slot && epoch.isCalm
    return isSpared ? epoch : { sinceMs: 0, leftMs: 0 }
  }

  #epoch(at: number): Calm & { readonly slot: number; readonly isCalm: boolean } {
    const first = at - this.#began
    if (first < firstMs) return { slot: 0, isCalm: true, sinceMs: recoveredMs, leftMs: firstMs - first }
    const number = Math.floor((first - firstMs) / epochMs)
    const sinceMs = (first - firstMs) % epochMs
    return { slot: number % this.#count, isCalm: number % 2 === 1, sinceMs, leftMs: epochMs - sinceMs }
  }
}
