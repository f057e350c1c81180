/**
 * Scripts for a drain, and an oracle that only sees what goes in and what is told: what was accepted is carried out
 * exactly once, or ends as failed or cancelled and is shown (invariant 20 of the protocol).
 */
import fc from 'fast-check'
import { expect } from 'vitest'
import { hasEnded } from '../src/invalidation/contract.ts'
import type { Drain } from '../src/invalidation/drain.ts'
import type { InvalidationResult } from '../src/model/invalidation.ts'
import { request, World, type WorldOptions } from './drain-world.ts'

const name = fc.constantFrom('a', 'b', 'c', 'd')
const nth = fc.nat(30)

const command = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('submit' as const),
      names: fc.uniqueArray(name, { minLength: 1, maxLength: 3 }),
      strategy: fc.constantFrom('scheduled' as const, 'background' as const),
      consistency: fc.constantFrom('strict' as const, 'eventual' as const, 'relaxed' as const),
      mode: fc.constantFrom('purge' as const, 'purge' as const, 'soft' as const),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('cancel' as const), nth }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('retry' as const), nth }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('advance' as const),
      ms: fc.constantFrom(1, 100, 1000, 5000, 10_000),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('fail' as const), names: fc.uniqueArray(name, { maxLength: 4 }) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('flush' as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('restart' as const) }) },
)
type Command = typeof command extends fc.Arbitrary<infer C> ? C : never
/** With each command, whether it has to end before the next begins. */
const script = fc.array(fc.tuple(command, fc.boolean()), { minLength: 5, maxLength: 60 })

/** Short intervals and small batches, so that everything meets everything. */
const rules = {
  strategies: { scheduled: { batch: 6, interval: '7s' }, background: { batch: 4, interval: '4s' } },
} as const

const retries = { strict: 3, eventual: 1, relaxed: 0 }

/** Plays a script, then lets faults end and everything come to rest. */
class Play {
  readonly world: World
  #drain: Drain
  /** id -> for each time it was accepted, by submission or retry: how many runs had begun by then. */
  readonly accepted = new Map<string, number[]>()
  #failing: ReadonlySet<string> = new Set()

  constructor(options: WorldOptions) {
    this.world = new World({ ...options, rules })
    this.#drain = this.world.drain
    this.world.fails = (asked) => asked.names.some((each) => this.#failing.has(each))
    // A run takes a while, in which others act.
    this.world.during = () => new Promise((resolve) => this.world.clock.schedule(50, resolve))
  }

  async run(steps: readonly (readonly [Command, boolean])[]): Promise<void> {
    await this.#drain.start()
    const loose: Promise<void>[] = []
    for (const [each, isAwaited] of steps) {
      const step = this.#step(each)
      if (isLoose(each, isAwaited)) loose.push(step)
      else await step
    }
    this.#failing = new Set()
    await this.world.clock.advance(600_000)
    await Promise.all(loose)
  }

  #step(each: Command): Promise<void> {
    if (each.do === 'advance') return this.world.clock.advance(each.ms)
    if (each.do === 'flush') return this.#drain.flush()
    if (each.do === 'restart') return this.#restart()
    if (each.do === 'submit') return this.#submit(each)
    if (each.do === 'cancel') return this.#alter(() => this.#drain.cancel(this.#id(each.nth)))
    if (each.do === 'retry') return this.#retry(this.#id(each.nth))
    this.#failing = new Set(each.names)
    return Promise.resolve()
  }

  async #submit({ do: _, ...parts }: Command & { do: 'submit' }): Promise<void> {
    const id = `j${this.accepted.size}`
    this.#accept(id)
    await this.#drain.submit(request(id, { ...parts, requestedAt: this.world.clock.now() }))
  }

  async #retry(id: string): Promise<void> {
    await this.#alter(() => this.#drain.retry(id).then(() => this.#accept(id)))
  }

  async #alter(action: () => Promise<unknown>): Promise<void> {
    try {
      await action()
    } catch (error) {
      const { code } = error as { code?: string }
      if (code !== 'E_INVALIDATION_STATUS' && code !== 'E_INVALIDATION_UNKNOWN') throw error
    }
  }

  /** Closes at whatever point this is, looks whether something is lost, and opens another drain on the same. */
  async #restart(): Promise<void> {
    const closing = this.#drain.close()
    await this.world.clock.advance(1000)
    await closing
    await this.checkRest()
    this.#drain = this.world.open()
    await this.#drain.start()
  }

  /** At rest, what is open in the history is in the queue, and the other way round. */
  async checkRest(): Promise<void> {
    const jobs = (await this.world.queue.list()).map((job) => job.id)
    const { records } = await this.world.history.list({ limit: 1000 })
    const open = records.filter((each) => !hasEnded(each.status)).map((each) => each.id)
    expect(jobs.toSorted()).toEqual(open.toSorted())
  }

  #id(nth: number): string {
    return `j${nth % Math.max(1, this.accepted.size)}`
  }

  #accept(id: string): void {
    const runs = this.world.done.length + this.world.failed.length
    this.accepted.set(id, [...(this.accepted.get(id) ?? []), runs])
  }
}

/** What a script goes on without. Time passes, and drains close, one after another. */
function isLoose(each: Command, isAwaited: boolean): boolean {
  return each.do === 'flush' || (!isAwaited && (each.do === 'submit' || each.do === 'cancel'))
}

/** Everything that was accepted came to an end, once, and nothing else was done. */
async function checkEnd({ world, accepted }: Play): Promise<void> {
  expect(await world.queue.size()).toBe(0)
  for (const [id, acceptances] of accepted) {
    const told = world.records.filter((each) => each.id === id)
    const ends = told.filter((each) => hasEnded(each.status))
    expect(ends).toHaveLength(acceptances.length)
    expect(await world.history.get(id)).toEqual(ends.at(-1))
    const runs = ends.reduce((sum, each) => sum + each.attempts, 0)
    expect(told.filter((each) => each.status === 'running')).toHaveLength(runs)
    for (const [i, end] of ends.entries()) checkOne(world, end, acceptances[i] ?? 0)
  }
  checkRuns(world)
}

/** One acceptance ended as it may. */
function checkOne(world: World, end: InvalidationResult, runsBefore: number): void {
  if (end.status === 'failed') expect(end.attempts).toBe(retries[end.consistency] + 1)
  if (end.status !== 'completed') return
  const run = world.done.find((each) => each.n === end.position?.n)
  expect(run?.n).toBeGreaterThan(runsBefore)
  expect(run?.request).toMatchObject({ consistency: end.consistency, mode: end.mode })
  expect(run?.request.names).toEqual(expect.arrayContaining([...end.names]))
}

/** Each run that succeeded did each name once, and only for records that say so. */
function checkRuns(world: World): void {
  for (const run of world.done) {
    const served = world.records.filter((each) => each.status === 'completed' && each.position?.n === run.n)
    const wanted = new Set(served.flatMap((each) => each.names))
    expect(run.request.names.toSorted()).toEqual([...wanted].toSorted())
    expect(new Set(served.map((each) => each.id)).size).toBe(served.length)
  }
}

export function exactlyOnce(makeOptions: () => WorldOptions) {
  return fc.asyncProperty(script, async (steps) => {
    const play = new Play(makeOptions())
    await play.run(steps)
    await checkEnd(play)
    await play.checkRest()
    expect(play.world.errors.filter(({ during }) => during !== 'carrying out an invalidation')).toEqual([])
  })
}
