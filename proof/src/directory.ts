/**
 * Several caches on one temporary directory, in this process: each has its own memory, graph and judge, as a process of
 * its own would; what is between them (the directory, its log, its tail) is real.
 *
 * Every transaction and every flush waits until the harness lets it begin, so that the order of what they write is the
 * harness's choice. One that is dropped is as dead as a killed process: nothing that it had not begun to write is ever
 * written, its timers are gone, nobody hears of it again.
 *
 * Invariant: `busy` is above 0 while something is being written that the harness cannot hold.
 */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { CacheOptions, Clock, Timer } from 'staleproof'
import { watch } from './boundaries.ts'
import type { HandClock } from './clock.ts'
import { memory } from './crash/lives.ts'
import type { Cache, Library } from './library.ts'
import type { Pause } from './tier.ts'

export interface DirectoryOptions {
  readonly library: Library
  readonly clock: HandClock
  readonly pause: Pause
  /** Of all entries together. */
  readonly bytesMax: number
  readonly options: CacheOptions
  /** Called for each cache that is opened. */
  readonly onOpen: (node: Node) => void
}

/** A cache that lives, for a while. */
export interface Node {
  readonly cache: Cache
  /** Resolves when it is dropped. */
  readonly dropped: Promise<void>
}

interface Opened extends Node {
  readonly file: string
  die(): unknown
}

export class Directory {
  readonly path = mkdtempSync(join(memory(), 'staleproof-proof-'))
  /** Whatever is being written now. */
  busy = 0
  readonly #options: DirectoryOptions
  readonly #nodes: Opened[] = []
  #opened = 0
  #isEnding = false

  constructor(options: DirectoryOptions, count: number) {
    this.#options = options
    for (let place = 0; place < count; place++) this.#nodes.push(this.#open())
  }

  get nodes(): readonly Node[] {
    return this.#nodes
  }

  /** Another takes its place when it has closed. */
  async close(place: number): Promise<void> {
    const node = this.#nodes[place] as Opened
    await node.cache.close()
    await this.#quiet()
    if (this.#nodes[place] === node) this.#nodes[place] = this.#open()
  }

  /** Another takes its place as soon as it can. */
  async drop(place: number): Promise<void> {
    const node = this.#nodes[place] as Opened
    node.die()
    rmSync(join(this.path, 'nodes', node.file), { force: true })
    await this.#quiet()
    if (this.#nodes[place] === node) this.#nodes[place] = this.#open()
  }

  /** What those who died had open stays open: LMDB does not bear that it is closed under somebody who reads. */
  async remove(): Promise<void> {
    this.#isEnding = true
    await Promise.all(this.#nodes.map(({ cache }) => cache.close()))
    rmSync(this.path, { recursive: true, force: true })
  }

  /**
   * Nothing is being written. To open writes at once, and in one process nobody else can end what he writes meanwhile:
   * they would wait for each other for ever. Processes of their own do not.
   */
  async #quiet(): Promise<void> {
    while (this.busy > 0) await new Promise((resolve) => setImmediate(resolve))
  }

  #open(): Opened {
    const { library, clock, pause, bytesMax, options, onOpen } = this.#options
    const name = `cache ${++this.#opened}`
    const life = new MortalClock(clock)
    let drop = () => {}
    const dropped = new Promise<void>((resolve) => (drop = resolve))
    const before = new Set(this.#files())
    watch({
      pass: async (what) => {
        if (!this.#isEnding) await pause(`${name}: ${what}`)
        if (life.isDead) await new Promise(() => undefined)
        this.busy++
      },
      ended: () => void this.busy--,
    })
    try {
      const disk = library.disk({ path: this.path, maxBytes: bytesMax, maxEntryBytes: bytesMax })
      const cache = library.createCache({
        ...options,
        disk,
        clock: life,
        random: () => 0.5,
      })
      const file = this.#files().find((id) => !before.has(id)) as string
      const node: Opened = { cache, file, dropped, die: () => [life.die(), drop()] }
      onOpen(node)
      return node
    } finally {
      watch(undefined)
    }
  }

  #files(): string[] {
    try {
      return readdirSync(join(this.path, 'nodes'))
    } catch {
      return []
    }
  }
}

/** The clock of all, until its owner dies. */
class MortalClock implements Clock {
  isDead = false
  readonly #clock: Clock

  constructor(clock: Clock) {
    this.#clock = clock
  }

  die(): void {
    this.isDead = true
  }

  now(): number {
    return this.#clock.now()
  }

  coarseNow(): number {
    return this.#clock.coarseNow()
  }

  monotonic(): number {
    return this.#clock.monotonic()
  }

  schedule(delayMs: number, work: () => void): Timer {
    return this.#clock.schedule(delayMs, () => {
      if (!this.isDead) work()
    })
  }

  async turn(): Promise<void> {
    await this.#clock.turn()
    if (this.isDead) await new Promise(() => undefined)
  }
}
