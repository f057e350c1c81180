/**
 * Invariant 20 of the protocol over a server that many share: what was accepted ends exactly once, by whoever holds it;
 * while nodes are thought gone and come back, handles close, and answers get lost.
 *
 * The oracle only sees what the handles are told.
 */
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startRedis, type RedisServer } from 'staleproof-testbed'
import { record } from '../../tests/conformance/history.ts'
import { both, job } from '../../tests/conformance/queue-jobs.ts'
import { DiskClock } from '../../tests/disk-pair.ts'
import { exactlyOnce } from '../../tests/drain-play.ts'
import { HeldDriver } from '../../tests/held-driver.ts'
import { type RedisPair, RedisPlace } from '../../tests/redis-place.ts'
import type { Job } from '../invalidation/contract.ts'

let server: RedisServer

beforeAll(async () => {
  server = await startRedis()
})

afterAll(() => server.stop())

const handles = 4
const at = fc.nat(handles - 1)

const command = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant('add' as const), at, names: fc.integer({ min: 1, max: 4 }) }),
  },
  {
    weight: 6,
    arbitrary: fc.record({ do: fc.constant('claim' as const), at, namesMax: fc.integer({ min: 1, max: 5 }) }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('work' as const),
      at,
      end: fc.constantFrom('done', 'done', 'done', 'release', 'begin'),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constantFrom('take' as const, 'remove' as const), at, nth: fc.nat(20) }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('die' as const), at }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('close' as const), at }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('lose' as const), at, count: fc.integer({ min: 0, max: 3 }) }),
  },
)
type Command = typeof command extends fc.Arbitrary<infer C> ? C : never

/** What one did by a call that began and was answered at these moments. */
interface Deed {
  readonly worker: Worker
  readonly from: number
  readonly until: number
}

interface Claim extends Deed {
  /** Undefined: any, for the answer got lost. */
  readonly ids?: readonly string[]
}

/** A handle, and what its user believes to hold. */
interface Worker {
  readonly pair: RedisPair
  readonly driver: HeldDriver
  held: Job[]
}

const lost = Symbol('the answer got lost')

class Play {
  readonly place = new RedisPlace(server)
  readonly workers: Worker[] = Array.from({ length: handles }, () => this.#worker())
  readonly accepted: string[] = []
  /** Whoever put it in knows that it is in: what is cancelled before may be put in again by asking once more. */
  readonly answered = new Set<string>()
  /** id -> how often somebody was told that he had ended it. */
  readonly ends = new Map<string, number>()
  readonly claims: Claim[] = []
  /** Somebody was told that he has ended it or given it back. */
  readonly changes: (Deed & { readonly id: string })[] = []
  /** Calls that began or were answered so far. */
  #moment = 0

  #worker(): Worker {
    const driver = new HeldDriver(this.place.driver)
    return { driver, pair: this.place.open({ driver }), held: [] }
  }

  /** Steps go side by side, a few at a time; in the end faults cease, and one is left to do the rest. */
  async run(steps: readonly Command[]): Promise<void> {
    for (let i = 0; i < steps.length; i += 4) {
      await Promise.all(steps.slice(i, i + 4).map((each) => this.#step(each)))
    }
    for (const { driver, pair } of this.workers) {
      driver.loses = () => false
      await this.place.kill(pair)
    }
    const last = this.#worker()
    while ((await last.pair.queue.size()) > 0) {
      await this.#claim(last, 5)
      expect(last.held.length).toBeGreaterThan(0)
      for (const each of last.held.splice(0)) await this.#end(last, each)
    }
    // Those that come back find that it is all over.
    for (const worker of this.workers) for (const each of worker.held) await this.#end(worker, each)
  }

  async #step(each: Command): Promise<void> {
    const worker = this.workers[each.at] as Worker
    if (each.do === 'add') return this.#add(worker, each.names)
    if (each.do === 'claim') return this.#claim(worker, each.namesMax)
    if (each.do === 'work') return this.#work(worker, each.end)
    if (each.do === 'die') return this.place.kill(worker.pair)
    if (each.do === 'close') {
      this.workers[each.at] = this.#worker()
      await worker.pair.queue.close()
      return this.place.kill(worker.pair)
    }
    if (each.do === 'lose') {
      let left = each.count
      worker.driver.loses = () => left-- > 0
    } else await this.#pick(worker, each.do, `j${each.nth}`)
  }

  async #add({ pair }: Worker, names: number): Promise<void> {
    const id = `j${this.accepted.length}`
    this.accepted.push(id)
    const added = job(id, { names: Array.from({ length: names }, (_, i) => `n${i}`) })
    await insisted(() => pair.queue.add(added))
    this.answered.add(id)
  }

  async #claim(worker: Worker, namesMax: number): Promise<void> {
    const claim = { now: 0, namesMax: { ...both, scheduled: namesMax }, jobsMax: 4 }
    const from = ++this.#moment
    const jobs = await told(() => worker.pair.queue.claim(claim))
    this.#hold({ worker, from, jobs: jobs ?? [] })
  }

  /** Of a removal that got lost nobody would know whether it was that: it is asked for where no answer is lost. */
  async #pick(worker: Worker, how: 'take' | 'remove', id: string): Promise<void> {
    if (how === 'remove') {
      if (!this.answered.has(id)) return
      if ((await this.place.open().queue.remove(id, 5)) !== undefined) this.#count(id)
      return
    }
    const from = ++this.#moment
    const taken = await told(() => worker.pair.queue.take(id))
    if (taken !== undefined) this.#hold({ worker, from, jobs: taken === lost ? lost : [taken] })
  }

  #hold({ jobs, ...parts }: { worker: Worker; from: number; jobs: readonly Job[] | typeof lost }): void {
    const claim = { ...parts, until: ++this.#moment }
    if (jobs === lost) {
      this.claims.push(claim)
      return
    }
    this.claims.push({ ...claim, ids: jobs.map(({ id }) => id) })
    parts.worker.held.push(...jobs)
  }

  async #work(worker: Worker, end: string): Promise<void> {
    const first = worker.held.shift()
    if (first === undefined) return
    const { queue } = worker.pair
    const begun = await told(() => queue.begin(first, 5))
    const run = begun === lost || begun === undefined ? first : begun
    const from = ++this.#moment
    if (end === 'begin') worker.held.push(run)
    else if (end === 'done') await this.#end(worker, run)
    else if ((await told(() => queue.release(run, 0))) === true) this.#changed({ worker, id: first.id, from })
  }

  async #end(worker: Worker, { id, attempts }: Job): Promise<void> {
    const parts = { strategy: 'scheduled', attempts, endedAt: 5, actor: worker.pair.node } as const
    const from = ++this.#moment
    if ((await insisted(() => worker.pair.queue.done(record(id, parts)))) !== true) return
    this.#changed({ worker, id, from })
    this.#count(id)
  }

  #count(id: string): void {
    this.ends.set(id, (this.ends.get(id) ?? 0) + 1)
  }

  #changed(parts: { worker: Worker; id: string; from: number }): void {
    this.changes.push({ ...parts, until: ++this.#moment })
  }

  /**
   * What was changed by who did not hold it. Of calls that went side by side nobody knows which the server did first: he
   * held it if a claim of his may have come before, and no other's certainly in between.
   */
  get wrong(): string[] {
    const isHeld = ({ worker, id, from, until }: (typeof this.changes)[number]) => {
      const claims = this.claims.filter(({ ids }) => ids?.includes(id) ?? true)
      const others = claims.filter((each) => each.worker !== worker && each.ids !== undefined)
      const own = claims.filter((each) => each.worker === worker && each.from < until)
      return own.some((one) => !others.some((each) => each.from > one.until && each.until < from))
    }
    return this.changes.filter((each) => !isHeld(each)).map(({ id }) => id)
  }
}

/** Undefined from a handle that is closed. */
async function told<T>(ask: () => Promise<T>): Promise<T | typeof lost | undefined> {
  try {
    return await ask()
  } catch (error) {
    const { code } = error as { code?: string }
    if (code === 'E_REDIS_UNREACHABLE') return lost
    if (code === 'E_CACHE_CLOSED') return undefined
    throw error
  }
}

/** As the outbox does: asked again until there is an answer. */
async function insisted<T>(ask: () => Promise<T>): Promise<T | undefined> {
  for (;;) {
    const answer = await told(ask)
    if (answer !== lost) return answer
  }
}

const script = fc.array(command, { minLength: 10, maxLength: 80 })

test('many handles, with deaths and lost answers: everything ends once, by who holds it', async () => {
  await fc.assert(
    fc.asyncProperty(script, async (steps) => {
      const play = new Play()
      await play.run(steps)
      const { history, queue } = play.place.open()
      expect(play.wrong).toEqual([])
      expect(await queue.list()).toEqual([])
      for (const id of play.accepted) {
        // Of one that was to be put in by a handle that was closed, nobody knows.
        const known = await history.get(id)
        if (known === undefined) continue
        expect([id, play.ends.get(id)]).toEqual([id, 1])
        expect(['completed', 'cancelled']).toContain(known.status)
      }
      // An answer that gets lost keeps a handle from giving up what it held: then its node is gone soon.
      expect(play.place.errors.filter(({ during }) => !during.startsWith('giving back'))).toEqual([])
      await play.place.close()
    }),
    { numRuns: 150 },
  )
})

test('one drain: done exactly once, or ended as failed or cancelled', async () => {
  const places: RedisPlace[] = []
  const makeOptions = () => {
    const clock = new DiskClock(0)
    const place = new RedisPlace(server, clock)
    places.push(place)
    const { queue, history } = place.open()
    return { clock, pair: { queue: clock.watched(queue), history: clock.watched(history) } }
  }
  await fc.assert(exactlyOnce(makeOptions), { numRuns: 8 })
  for (const place of places) await place.close()
})
