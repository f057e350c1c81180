/**
 * Processes on one directory, each with a drain, that a test starts, closes and crashes.
 */
import { DiskClock, type DiskPair, DiskPlace, type Life } from './disk-pair.ts'
import { World, type WorldOptions } from './drain-world.ts'

/** A process: its drain, on what it shares with others. */
export class Process extends World {
  readonly #place: DiskPlace
  readonly #pair: DiskPair
  readonly #life: Life

  constructor(place: DiskPlace, clock: DiskClock, options: WorldOptions = {}) {
    const pair = place.open()
    const life = { isOver: false }
    const queue = clock.watched(pair.queue, life)
    const history = clock.watched(pair.history, life)
    super({ ...options, clock, pair: { queue, history } })
    this.#place = place
    this.#pair = pair
    this.#life = life
  }

  /** As kill -9 does. What it has committed is committed. */
  async crash(): Promise<void> {
    this.#life.isOver = true
    await this.clock.settle()
    this.#place.kill(this.#pair)
  }

  async close(): Promise<void> {
    await this.drain.close()
    await this.#pair.queue.close()
    await this.#pair.history.close()
    this.#place.kill(this.#pair)
  }
}

/** A directory, and the processes that work on it. */
export class Machine {
  readonly clock = new DiskClock(0)
  readonly place = new DiskPlace(this.clock)

  async start(options: WorldOptions = {}): Promise<Process> {
    const process = new Process(this.place, this.clock, options)
    await process.drain.start()
    return process
  }
}
