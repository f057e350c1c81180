/**
 * Writers and readers, interleaved at random, against what is promised of a write at the source:
 *
 *   a read that begins after the write gives what was written, or something newer: while the intent is open nothing is
 *   served that was made from its names, and when it has ended, or its time ran out, nothing from before;
 *   so does one that begins after `mutate` has ended, though the write came too late.
 *
 * Every step of a loader and of a writer waits at a gate that the program opens when it likes.
 */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createCache, type BuiltInPolicy, type Cache } from '../../src/index.ts'
import { disk } from '../../src/disk.ts'
import { TestClock } from '../clock.ts'
import { directory } from '../directories.ts'
import { gate } from '../opened.ts'

type Any = Cache<BuiltInPolicy>

const sources = ['row:0', 'row:1']
const withinMs = 1000
/** Nodes wait a little longer than that, by chance. */
const endedMs = withinMs * 1.1

type Move =
  | { readonly do: 'read'; readonly at: number; readonly source: number; readonly via: number }
  | { readonly do: 'write'; readonly at: number; readonly source: number; readonly dies: boolean }
  | { readonly do: 'go'; readonly gate: number }
  | { readonly do: 'pass'; readonly ms: number }

/** Mostly one, so that they meet. */
const source = fc.constantFrom(0, 0, 0, 0, 1)

const move: fc.Arbitrary<Move> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('read' as const),
      at: fc.nat(1),
      source,
      via: fc.nat(2),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('write' as const),
      at: fc.nat(1),
      source,
      dies: fc.boolean(),
    }),
  },
  { weight: 6, arbitrary: fc.record({ do: fc.constant('go' as const), gate: fc.nat(3) }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('pass' as const), ms: fc.constantFrom(1, 300, 700, 1200, 1200) }),
  },
)

class World {
  readonly #caches: readonly Any[]
  readonly #clock: TestClock
  readonly #versions: [number, number] = [0, 0]
  /** What a read that begins now has to give at least, by source. */
  readonly #floors = [0, 0]
  readonly #gates: (() => void)[] = []
  readonly #running = new Set<Promise<void>>()
  readonly wrong: string[] = []

  constructor(caches: readonly Any[], clock: TestClock) {
    this.#caches = caches
    this.#clock = clock
  }

  async play(moves: readonly Move[]): Promise<void> {
    for (const each of moves) {
      await this.#do(each)
      await this.#clock.settle()
    }
    await this.#finish()
    await this.#clock.advance(2 * endedMs)
    // What a cache appended to end the intents of the dead is in the log before its own link is: none is declared yet.
    for (const [at, cache] of this.#caches.entries()) await cache.link(`x:${at}`, { dependsOn: 'y' })
    for (const at of this.#caches.keys()) await this.#end(at)
  }

  /** With all at rest, twice: what was loaded is kept, and is what the source says. */
  async #end(at: number): Promise<void> {
    for (const round of [1, 2]) {
      for (const [source, via] of [0, 1].flatMap((s) => [0, 1, 2].map((v) => [s, v] as const))) {
        this.#run(this.#read({ do: 'read', at, source, via }))
        await this.#finish()
        if (this.#caches[at]?.peek(keyOf(source, via)) !== this.#versions[source])
          this.wrong.push(`in the end ${keyOf(source, via)} is not what the source says, round ${round}`)
      }
    }
  }

  async #finish(): Promise<void> {
    while (this.#running.size > 0) {
      for (const open of this.#gates.splice(0)) open()
      await this.#clock.advance(5)
    }
  }

  async #do(each: Move): Promise<void> {
    if (each.do === 'go') this.#gates.splice(each.gate % (this.#gates.length || 1), 1)[0]?.()
    else if (each.do === 'pass') await this.#clock.advance(each.ms)
    else if (each.do === 'read') this.#run(this.#read(each))
    else this.#run(this.#write(each))
  }

  #run(work: Promise<void>): void {
    const running = work.finally(() => this.#running.delete(running))
    this.#running.add(running)
  }

  #gate(): Promise<void> {
    return new Promise((resolve) => this.#gates.push(resolve))
  }

  async #read({ at, source, via }: Move & { do: 'read' }): Promise<void> {
    const floor = this.#floors[source] as number
    const dependsOn = via === 1 ? `link:${source}` : (sources[source] as string)
    const load = async (): Promise<number> => {
      await this.#gate()
      const version = this.#versions[source] as number
      await this.#gate()
      return version
    }
    const cache = this.#caches[at % this.#caches.length] as Any
    const value =
      via === 2
        ? await cache.getOrSet(keyOf(source, 2), () => cache.getOrSet(keyOf(source, 0), load, { dependsOn }))
        : await cache.getOrSet(keyOf(source, via), load, { dependsOn })
    if (value < floor) this.wrong.push(`${keyOf(source, via)} gave ${value}, and ${floor} was promised`)
  }

  async #write({ at, source, dies }: Move & { do: 'write' }): Promise<void> {
    const untilMs = this.#clock.monotonic() + withinMs
    const isInTime = () => this.#clock.monotonic() < untilMs
    const death = gate()
    let written = 0
    const fn = async (): Promise<void> => {
      await this.#gate()
      // Who dies does not write after that.
      if (!dies || isInTime()) written = ++this.#versions[source as 0]
      if (isInTime()) this.#promise(source, written)
      if (!dies) return this.#gate()
      death.open()
      await new Promise(() => undefined)
    }
    const cache = this.#caches[at % this.#caches.length] as Any
    const mutated = cache.mutate(sources[source] as string, fn, { within: withinMs })
    const told = mutated.catch((error: unknown) => {
      if ((error as { code?: string }).code !== 'E_MUTATE_LATE') this.wrong.push(String(error))
    })
    await Promise.race([told, death.passed])
    if (!dies) this.#promise(source, written)
  }

  #promise(source: number, version: number): void {
    this.#floors[source] = Math.max(this.#floors[source] as number, version)
  }
}

function keyOf(source: number, via: number): string {
  return `page:${source}:${via}`
}

async function played(caches: readonly Any[], clock: TestClock, moves: readonly Move[]): Promise<string[]> {
  for (const source of [0, 1]) {
    await (caches[0] as Any).link(`link:${source}`, { dependsOn: sources[source] as string })
  }
  const world = new World(caches, clock)
  await world.play(moves)
  for (const cache of caches) await cache.close()
  return world.wrong
}

const moves = fc.array(move, { minLength: 10, maxLength: 60, size: 'max' })

describe('no reader is given what is older than promised', () => {
  it('by a cache in one process', async () => {
    await fc.assert(
      fc.asyncProperty(moves, async (program) => {
        const clock = new TestClock()
        expect(await played([createCache({ clock })], clock, program)).toEqual([])
      }),
      { numRuns: 400 },
    )
  }, 60_000)

  it('by two caches on one directory', async () => {
    await fc.assert(
      fc.asyncProperty(moves, async (program) => {
        const [clock, path] = [new TestClock(), directory()]
        const open = () => createCache({ clock, disk: disk({ path }) })
        expect(await played([open(), open()], clock, program)).toEqual([])
      }),
      { numRuns: 20 },
    )
  }, 120_000)
})
