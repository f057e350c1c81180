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
import { ofLinks, ofProcesses, ofReplicas, ofServers, ofWatched } from './befall.ts'
import { Node, type NodesOptions } from './nodes.ts'
import { nowMs, type Word } from './said.ts'
import { Servers, type ServersOptions } from './servers.ts'
import { type Setting, settingOf } from './setting.ts'
import { type Calm, Toll } from './toll.ts'
import { Watched } from './watched.ts'

/** How long one node is spared: in the beginning, and then in turns. */
const firstMs = 6000
const epochMs = 20_000

/** What strikes in one lane strikes one after the other. */
const lanes = {
  link: (slot: number) => slot,
  process: (slot: number) => 100 + slot,
  server: 200,
}

export interface RunOptions extends Partial<Setting> {
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
    if (run.isVoid) run.toll.voids()
  }
  return run.toll
}

class Run {
  readonly toll: Toll
  readonly #options: RunOptions
  readonly #home = mkdtempSync(join(memory(), 'staleproof-faults-'))
  readonly #nodes: Node[] = []
  readonly #count: number
  readonly #setting: Setting
  /** Lane -> when the last fault of it was over; Infinity while it lasts. */
  readonly #quietSince = new Map<number, number>()
  /** When faults begin. */
  #began = Infinity
  #servers: Servers | Watched | undefined

  constructor(options: RunOptions) {
    this.#options = options
    this.#count = options.nodes ?? 4
    this.#setting = settingOf(options.seed, options)
    this.toll = new Toll({
      leaseMs: options.leaseMs ?? 600,
      calmOf: (slot, at) => this.#calmOf(slot, at),
    })
  }

  /** Something happened for which nothing is promised. */
  get isVoid(): boolean {
    return this.#servers instanceof Watched && this.#servers.hasSplit
  }

  async begin(): Promise<void> {
    const { library, seed, leaseMs = 600, plantAt } = this.#options
    const dice = new Dice(seed)
    const random = () => dice.roll()
    const servers = await this.#openServers(random)
    this.#servers = servers
    const { replicas, hasSentinel, hasDirectories } = this.#setting
    const parts: NodesOptions = {
      ...{ library, leaseMs, seed, random, count: this.#count, truth: join(this.#home, 'truth') },
      ...{ replicas, hasSentinel, ...(hasDirectories ? { directories: this.#home } : {}) },
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
    const links = this.#nodes.map((node, i) => this.#befall(ofLinks, node, lanes.link(i)))
    const processes = this.#nodes.map((node, i) => this.#befall(ofProcesses, node, lanes.process(i)))
    await Promise.all([...links, ...processes, this.#strikeServers()])
  }

  async heal(): Promise<void> {
    if (this.toll.faults.length > 0 || this.isVoid) return
    // What is queued is due by the clock of who put it in.
    const aheadMs = Math.max(...this.#nodes.map((node) => node.aheadMsMax))
    for (const node of this.#nodes) node.stepTo(aheadMs)
    await this.#all('rest', 'rested')
    await this.#account()
    await this.#all('settle', 'settled')
    await this.#all('check', 'checked')
  }

  async end(): Promise<void> {
    const isWrong = this.toll.faults.length > 0 || this.isVoid
    for (const node of this.#nodes) {
      if (isWrong) await node.kill()
      await node.close()
    }
    await this.#servers?.close()
    rmSync(this.#home, { recursive: true, force: true })
  }

  #openServers(random: () => number): Promise<Servers | Watched> {
    const { toll } = this
    const options: ServersOptions = {
      ...{ random, replicas: this.#setting.replicas },
      onLost: (at) => toll.lost(at),
      onPromoted: (promotion) => toll.logged.promoted(promotion),
    }
    return this.#setting.hasSentinel ? Watched.open(options) : Servers.open(options)
  }

  #strikeServers(): Promise<void> {
    const servers = this.#servers as Servers | Watched
    if (servers instanceof Watched) return this.#befall(ofWatched, servers, lanes.server)
    const table = this.#setting.replicas > 0 ? { ...ofServers, ...ofReplicas } : ofServers
    return this.#befall(table, servers, lanes.server)
  }

  /** One node says what became of what all nodes have put into the queue. */
  async #account(): Promise<void> {
    const [node] = this.#nodes as [Node]
    const heard = node.hear('accounted')
    node.order({ do: 'account', ids: this.toll.jobs.open })
    await heard
  }

  /** To any node, itself included. */
  #handOn({ name, version, token }: Extract<Word, { say: 'token' }>, dice: Dice): void {
    if (this.#nodes.length === this.#count)
      dice.of(this.#nodes).order({ do: 'hand on', name, version, token })
  }

  async #befall<T extends Node | Servers | Watched>(
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
      const struck = whom instanceof Node ? `node ${whom.slot}` : 'server'
      this.toll.struck(name, struck)
      onFault?.(`${struck}: ${name}`, this.toll)
      this.#quietSince.set(lane, Infinity)
      await table[name]?.(whom, dice)
      this.#quietSince.set(lane, nowMs())
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
    return nowMs() - this.#began > this.#options.seconds * 1000 || this.toll.faults.length > 0 || this.isVoid
  }

  #isSparedNow(whom: Node | Servers | Watched): boolean {
    const { slot, isCalm } = this.#epoch(nowMs())
    return whom instanceof Node ? whom.slot === slot : isCalm
  }

  #calmOf(slot: number, at: number): Calm {
    const epoch = this.#epoch(at)
    const isSpared =
      this.#options.only === undefined && at >= this.#began && epoch.slot === slot && epoch.isCalm
    if (!isSpared) return { sinceMs: 0, leftMs: 0 }
    const struck = [lanes.link(slot), lanes.process(slot), lanes.server].map((lane) =>
      this.#quietSince.get(lane),
    )
    const quietMs = at - Math.max(...struck.map((since) => since ?? -Infinity))
    return { sinceMs: quietMs, leftMs: epoch.leftMs }
  }

  #epoch(at: number): Pick<Calm, 'leftMs'> & { readonly slot: number; readonly isCalm: boolean } {
    const first = at - this.#began
    if (first < firstMs) return { slot: 0, isCalm: true, leftMs: firstMs - first }
    const number = Math.floor((first - firstMs) / epochMs)
    const leftMs = epochMs - ((first - firstMs) % epochMs)
    return { slot: number % this.#count, isCalm: number % 2 === 1, leftMs }
  }
}
