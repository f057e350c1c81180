/**
 * A drain in a world that a test holds: its clock, what performing does, and all that is told.
 */
import type { History, InvalidationRequest, Queue } from '../src/invalidation/contract.ts'
import { Drain } from '../src/invalidation/drain.ts'
import type { DrainOptions } from '../src/invalidation/drain-options.ts'
import { MemoryHistory } from '../src/invalidation/memory-history.ts'
import { MemoryQueue } from '../src/invalidation/memory-queue.ts'
import { StaleproofError } from '../src/model/errors.ts'
import type { InvalidationResult } from '../src/model/invalidation.ts'
import { TestClock } from './clock.ts'
import { record } from './conformance/history.ts'

export interface Run {
  /** Counts runs: the position that its result carries. */
  readonly n: number
  readonly at: number
  readonly request: InvalidationRequest
}

export type Rules = Pick<DrainOptions, 'strategies' | 'consistency'>

export interface WorldOptions {
  readonly clock?: TestClock
  /** A history in memory; `pair` is for another. */
  readonly history?: MemoryHistory
  /** A queue in memory that keeps its records there. */
  readonly queue?: (history: MemoryHistory) => Queue
  readonly pair?: { readonly queue: Queue; readonly history: History }
  readonly rules?: Rules
}

export function request(id: string, parts: Partial<InvalidationRequest> = {}): InvalidationRequest {
  return {
    id,
    names: [id],
    prefix: null,
    all: false,
    strategy: 'scheduled',
    consistency: 'eventual',
    mode: 'purge',
    reason: null,
    actor: null,
    requestedAt: 0,
    ...parts,
  }
}

export class World {
  readonly clock: TestClock
  readonly queue: Queue
  readonly history: History
  readonly drain: Drain
  readonly rules: Rules
  /** Runs that succeeded, and that failed. */
  readonly done: Run[] = []
  readonly failed: Run[] = []
  readonly records: InvalidationResult[] = []
  readonly errors: { readonly error: unknown; readonly during: string }[] = []
  /** Runs that fail: those of requests that this says true to. */
  fails: (request: InvalidationRequest) => boolean = () => false
  /** Called, and waited for, in each run. */
  during: (request: InvalidationRequest) => Promise<void> | void = () => {}
  /** Called with each record that is told. */
  onRecord: (record: InvalidationResult) => void = () => {}

  constructor(options: WorldOptions = {}) {
    this.clock = options.clock ?? new TestClock(0)
    const { history = new MemoryHistory({ clock: this.clock, keepFor: '365d' }) } = options
    const makeQueue = options.queue ?? ((kept) => new MemoryQueue({ history: kept }))
    this.history = options.pair?.history ?? history
    this.queue = options.pair?.queue ?? makeQueue(history)
    this.rules = options.rules ?? {}
    this.drain = this.open()
  }

  /** Another drain on the same queue and history, as after a restart. */
  open(): Drain {
    return new Drain({
      ...this.rules,
      clock: this.clock,
      random: () => 0.5,
      queue: this.queue,
      history: this.history,
      perform: (asked) => this.#perform(asked),
      onRecord: (told) => {
        this.records.push(told)
        this.onRecord(told)
      },
      onError: (error, during) => this.errors.push({ error, during }),
    })
  }

  submit(id: string, parts: Partial<InvalidationRequest> = {}): Promise<InvalidationResult> {
    return this.drain.submit(request(id, { requestedAt: this.clock.now(), ...parts }))
  }

  /** The names of each run that succeeded. */
  get names(): (readonly string[])[] {
    return this.done.map((run) => run.request.names)
  }

  /** What was told of one record, status by status. */
  statuses(id: string): string[] {
    return this.records.filter((told) => told.id === id).map((told) => told.status)
  }

  async #perform(asked: InvalidationRequest): Promise<InvalidationResult> {
    const run = { n: this.done.length + this.failed.length + 1, at: this.clock.now(), request: asked }
    const fails = this.fails(asked)
    const runs = fails ? this.failed : this.done
    runs.push(run)
    await this.during(asked)
    if (fails) throw new StaleproofError('E_TIER', 'the tier did not answer')
    return record(asked.id, { ...asked, position: { generation: 'g', n: run.n }, reached: 7 })
  }
}

export const second = 1000
/** The default intervals. */
export const tick = { scheduled: 300 * second, background: 60 * second }

export async function started(options: WorldOptions = {}): Promise<World> {
  const world = new World(options)
  await world.drain.start()
  return world
}

/** A promise and the means to end it. */
export function gate() {
  let open = () => {}
  const passed = new Promise<void>((resolve) => {
    open = resolve
  })
  return { passed, open }
}
