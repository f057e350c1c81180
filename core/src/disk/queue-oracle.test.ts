/**
 * Invariant 20 of the protocol over a directory: what was accepted is carried out exactly once, or ends as failed or
 * cancelled and is shown; by several processes too, and after crashes, where a run may be repeated that a crash cut off.
 *
 * The mutants at the end show that the oracle can tell.
 */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Machine, type Process } from '../../tests/disk-machine.ts'
import { DiskClock, DiskPlace } from '../../tests/disk-pair.ts'
import { exactlyOnce } from '../../tests/drain-play.ts'
import type { WorldOptions } from '../../tests/drain-world.ts'
import { hasEnded } from '../invalidation/contract.ts'
import type { InvalidationResult } from '../model/invalidation.ts'
import { DiskQueue } from './queue.ts'

test('one process: done exactly once, or ended as failed or cancelled', async () => {
  const makeOptions = (): WorldOptions => {
    const clock = new DiskClock(0)
    const { queue, history } = new DiskPlace(clock).open()
    return { clock, pair: { queue: clock.watched(queue), history: clock.watched(history) } }
  }
  await fc.assert(exactlyOnce(makeOptions), { numRuns: 20 })
})

const processes = 3
const at = fc.nat(processes - 1)
const nth = fc.nat(20)

const command = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('submit' as const),
      at,
      strategy: fc.constantFrom('scheduled' as const, 'background' as const),
      consistency: fc.constantFrom('strict' as const, 'eventual' as const, 'relaxed' as const),
    }),
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constantFrom('cancel', 'retry', 'runNow'), at, nth }) },
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant('advance' as const), ms: fc.constantFrom(10, 40, 1000, 5000) }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('flush' as const), at }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('fail' as const), isFailing: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('crash', 'restart'), at }) },
)
type Command = typeof command extends fc.Arbitrary<infer C> ? C : never
type By = 'cancel' | 'retry' | 'runNow'

/** Short intervals and small batches, so that everything meets everything. */
const rules = {
  strategies: { scheduled: { batch: 3, interval: '7s' }, background: { batch: 4, interval: '4s' } },
} as const

const refusals = new Set<unknown>(['E_INVALIDATION_STATUS', 'E_INVALIDATION_UNKNOWN', 'E_CACHE_CLOSED'])

/** Several processes that do, each without waiting, what a script says; in the end faults cease. */
class Play {
  readonly machine = new Machine()
  readonly #living: Process[] = []
  readonly all: Process[] = []
  /** Each has its own id, and that for its name. */
  readonly submitted: string[] = []
  readonly accepted = new Set<string>()
  /** How often an acceptance, a crash or a close may have begun a run anew. */
  again = 0
  #isFailing = false

  async run(steps: readonly Command[]): Promise<void> {
    for (let i = 0; i < processes; i++) this.#living.push(await this.#start())
    for (const each of steps) await this.#step(each)
    this.#isFailing = false
    const { queue } = this.machine.place.open()
    for (let i = 0; i < 15 && (i < 2 || (await queue.size()) > 0); i++) await this.machine.clock.advance(8000)
  }

  async end(): Promise<void> {
    for (const each of this.#living) await each.close()
    await this.machine.place.close()
  }

  async #start(): Promise<Process> {
    const process = await this.machine.start({ rules })
    this.all.push(process)
    process.fails = () => this.#isFailing
    process.during = () => new Promise((resolve) => this.machine.clock.schedule(25, resolve))
    return process
  }

  async #step(each: Command): Promise<void> {
    if (each.do === 'advance') return this.machine.clock.advance(each.ms)
    if (each.do === 'fail') {
      this.#isFailing = each.isFailing
      return
    }
    const process = this.#living[each.at] as Process
    if (each.do === 'submit') void this.#submit(process, each)
    else if (each.do === 'flush') void this.#refusable(() => process.drain.flush())
    else if (each.do === 'crash' || each.do === 'restart') await this.#replace(each.at, each.do)
    else if ('nth' in each) void this.#alter(process, each.do, this.submitted[each.nth])
  }

  async #submit(process: Process, { strategy, consistency }: Command & { do: 'submit' }): Promise<void> {
    const id = `j${this.submitted.length}`
    this.submitted.push(id)
    await this.#refusable(async () => {
      await process.submit(id, { strategy, consistency })
      this.accepted.add(id)
    })
  }

  async #alter(process: Process, how: By, id = 'j0'): Promise<void> {
    if (how === 'retry') this.again++
    await this.#refusable(() => process.drain[how](id))
  }

  async #refusable(action: () => Promise<unknown>): Promise<void> {
    try {
      await action()
    } catch (error) {
      if (!refusals.has((error as { code?: string }).code)) throw error
    }
  }

  async #replace(i: number, how: 'crash' | 'restart'): Promise<void> {
    const process = this.#living[i] as Process
    this.again++
    if (how === 'crash') await process.crash()
    else {
      const closing = process.close()
      await this.machine.clock.advance(100)
      await closing
    }
    this.#living[i] = await this.#start()
  }

  /** The records, when all has come to rest. */
  async records(): Promise<Map<string, InvalidationResult>> {
    const { records } = await this.machine.place.open().history.list({ limit: 1000 })
    return new Map(records.map((each) => [each.id, each]))
  }
}

/** How often the name was done: by runs that succeeded. */
function timesDone({ all }: Play, name: string): number {
  return all.flatMap(({ done }) => done).filter((run) => run.request.names.includes(name)).length
}

async function checkEnd(play: Play): Promise<void> {
  const { queue } = play.machine.place.open()
  expect(await queue.list()).toEqual([])
  const records = await play.records()
  let surplus = 0
  for (const id of play.submitted) {
    const status = records.get(id)?.status
    if (play.accepted.has(id)) expect(status).toBeDefined()
    if (status !== undefined) expect(hasEnded(status)).toBe(true)
    const times = timesDone(play, id)
    if (status === 'completed') expect(times).toBeGreaterThan(0)
    surplus += Math.max(0, times - 1)
  }
  // What a crash cut off, all of a batch, is done again; nothing else is.
  expect(surplus).toBeLessThanOrEqual(play.again * 4)
  if (play.again === 0) for (const id of play.submitted) expect(timesDone(play, id)).toBeLessThanOrEqual(1)
  expect(play.machine.place.errors).toEqual([])
}

const script = fc.array(command, { minLength: 5, maxLength: 30 })

function severalProcesses() {
  return fc.asyncProperty(script, async (steps) => {
    const play = new Play()
    await play.run(steps)
    await checkEnd(play)
    await play.end()
  })
}

test('several processes, crashes too: nothing is lost, and only what was cut off is done again', async () => {
  await fc.assert(severalProcesses(), { numRuns: 60 })
})

describe('the oracle sees', () => {
  type Broken = 'claim' | 'release' | 'isGone'

  /** With one method of what all processes share broken. */
  async function isSeen(
    where: object,
    method: Broken,
    broken: (...args: never[]) => unknown,
  ): Promise<boolean> {
    const kept = Object.getOwnPropertyDescriptor(where, method) as PropertyDescriptor
    Object.defineProperty(where, method, { ...kept, value: broken })
    try {
      const { failed } = await fc.check(severalProcesses(), { seed: 1, numRuns: 300, endOnFailure: true })
      return failed
    } finally {
      Object.defineProperty(where, method, kept)
    }
  }

  const { release } = DiskQueue.prototype

  test('that a job is taken out although its run failed', async () => {
    const broken = function (this: DiskQueue, job: InvalidationResult) {
      return this.done({ ...job, status: 'pending' })
    }
    expect(await isSeen(DiskQueue.prototype, 'release', broken)).toBe(true)
  })

  test('that a job is put off for ever', async () => {
    const broken = function (this: DiskQueue, ...[job]: Parameters<typeof release>) {
      return release.call(this, job, 1e15)
    }
    expect(await isSeen(DiskQueue.prototype, 'release', broken)).toBe(true)
  })

  test('that a process is taken for dead while it lives', async () => {
    expect(await isSeen(DiskPlace.prototype, 'isGone', () => true)).toBe(true)
  })
})
