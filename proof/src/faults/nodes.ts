/**
 * The nodes under faults: processes, each with its link, and what they say.
 *
 * Invariants: a slot has one process at a time; only processes that were started here are stopped or ended; what a node
 * said before it was killed counts.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { Link, type Random } from './proxy.ts'
import { type NodeOptions, nowMs, type Order, type Word } from './said.ts'

const program = fileURLToPath(new URL('../../dist/fault-node.js', import.meta.url))

export interface NodesOptions
  extends Pick<NodeOptions, 'library' | 'leaseMs' | 'truth' | 'seed' | 'replicas' | 'hasSentinel'> {
  readonly count: number
  /** Where each has a directory of its own, if they have any. */
  readonly directories?: string
  readonly plantAt?: number
  readonly random: Random
  /** Of the server, whichever it is when a connection is made. */
  readonly port: () => number
  readonly onWord: (word: Word, slot: number) => void
}

export class Node {
  readonly slot: number
  readonly link: Link
  readonly #options: NodesOptions
  #born = 0
  /** By how much the wall clock of its process was set, and the most that it ever was. */
  #aheadMs = 0
  aheadMsMax = 0
  #child: ChildProcess | undefined
  #waiting: { say: Word['say']; resolve: () => void }[] = []

  constructor(slot: number, link: Link, options: NodesOptions) {
    this.slot = slot
    this.link = link
    this.#options = options
  }

  static async open(slot: number, options: NodesOptions): Promise<Node> {
    const { random } = options
    const link = await Link.open({
      random,
      get port() {
        return options.port()
      },
    })
    const node = new Node(slot, link, options)
    await node.start()
    return node
  }

  async start(): Promise<void> {
    const { count, plantAt, directories, seed, ...rest } = this.#options
    const { library, leaseMs, truth, replicas, hasSentinel } = rest
    const { slot, link } = this
    const options: NodeOptions = {
      ...{ library, leaseMs, truth, replicas, hasSentinel, slot, slots: count },
      seed: seed + slot * 100 + this.#born++,
      url: `redis://127.0.0.1:${link.port}`,
      ...(directories === undefined ? {} : { directory: join(directories, `node-${slot}`) }),
      ...(plantAt === undefined || slot > 0 ? {} : { plantAt }),
    }
    const child = spawn(process.execPath, [program, JSON.stringify(options)])
    this.#child = child
    this.#aheadMs = 0
    this.#listen(child)
    await this.hear('ready')
  }

  signal(signal: NodeJS.Signals): void {
    this.#child?.kill(signal)
  }

  async kill(): Promise<void> {
    const child = this.#child
    if (child === undefined) return
    this.#child = undefined
    if (child.exitCode !== null || child.signalCode !== null) return
    const ended = once(child, 'exit')
    child.kill('SIGKILL')
    await ended
  }

  order(order: Order): void {
    this.#child?.stdin?.write(`${JSON.stringify(order)}\n`)
  }

  step(stepMs: number): void {
    this.#aheadMs += stepMs
    this.aheadMsMax = Math.max(this.aheadMsMax, this.#aheadMs)
    this.order({ do: 'clock', stepMs })
  }

  /** Sets its clock, which was set at random, to be ahead by so much. */
  stepTo(aheadMs: number): void {
    this.step(aheadMs - this.#aheadMs)
  }

  /** Waits for a word; a node that never says it is at fault. */
  async hear(say: Word['say'], limitMs = 60_000): Promise<void> {
    await new Promise<void>((resolve) => {
      const limit = setTimeout(() => {
        this.#say({ say: 'fault', text: `it is not ${say} after ${limitMs} ms`, at: nowMs() })
        resolve()
      }, limitMs)
      this.#waiting.push({
        say,
        resolve: () => {
          clearTimeout(limit)
          resolve()
        },
      })
    })
  }

  async close(): Promise<void> {
    const child = this.#child
    if (child !== undefined && child.exitCode === null && child.signalCode === null) {
      const ended = once(child, 'exit')
      this.#child = undefined
      child.stdin?.write(`${JSON.stringify({ do: 'quit' } satisfies Order)}\n`)
      const late = setTimeout(() => {
        this.#say({ say: 'fault', text: 'its cache does not close', at: nowMs() })
        child.kill('SIGKILL')
      }, 20_000)
      await ended
      clearTimeout(late)
    }
    await this.link.close()
  }

  #listen(child: ChildProcess): void {
    let stderr = ''
    child.stderr?.on('data', (bytes: Buffer) => (stderr += bytes.toString()))
    child.stdin?.on('error', () => undefined)
    if (child.stdout !== null) createInterface({ input: child.stdout }).on('line', (line) => this.#take(line))
    child.once('exit', (code, signal) => {
      if (this.#child !== child) return
      this.#child = undefined
      for (const { resolve } of this.#waiting.splice(0)) resolve()
      const text = `it ended by itself: ${signal ?? code}: ${stderr.slice(0, 1000)}`
      this.#say({ say: 'fault', text, at: nowMs() })
    })
  }

  /** The last line of one that was killed may be half a line. */
  #take(line: string): void {
    let word: Word
    try {
      word = JSON.parse(line) as Word
    } catch {
      return
    }
    this.#say(word)
  }

  #say(word: Word): void {
    this.#options.onWord(word, this.slot)
    const [heard, others] = [this.#waiting.filter(({ say }) => say === word.say), this.#waiting]
    this.#waiting = others.filter((waiting) => !heard.includes(waiting))
    for (const { resolve } of heard) resolve()
  }
}
