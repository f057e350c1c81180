/**
 * Rounds: contenders run in turns, a short block each, in a new order every round.
 *
 * Whatever disturbs the machine for longer than a round then disturbs all of them. The event loop turns between
 * blocks, so that timers (a coarse clock, for one) run as they would in a program.
 */
import { performance } from 'node:perf_hooks'

export interface Contender {
  /** So many operations, one after another. Each contender has a loop of its own: V8 optimises it for that one. */
  run(operations: number): Promise<void> | void
  close?(): Promise<unknown> | void
}

/** A contender that can be timed, here or in a process of its own. */
export interface Timed {
  readonly name: string
  /** @returns ms of the processor that so many operations took */
  block(operations: number): Promise<number>
}

export interface RoundsOptions {
  readonly rounds: number
  /** How long a block lasts, about. */
  readonly blockMs: number
  /** So many in each block in place of that, for what lasts long: two blocks warm it up. */
  readonly operations?: number | undefined
}

/** @returns name -> ns per operation, round by round */
export async function interleave(
  contenders: readonly Timed[],
  { rounds, blockMs, operations: fixed }: RoundsOptions,
): Promise<Map<string, number[]>> {
  const operations = new Map<Timed, number>()
  for (const contender of contenders) {
    const count = fixed === undefined ? calibrate(contender, blockMs) : warm(contender, fixed)
    operations.set(contender, await count)
  }
  const results = new Map(contenders.map(({ name }) => [name, [] as number[]]))
  for (let round = 0; round < rounds; round++) {
    for (const contender of rotated(contenders, round)) {
      const count = operations.get(contender) as number
      results.get(contender.name)?.push(((await contender.block(count)) * 1e6) / count)
    }
  }
  return results
}

async function warm(contender: Timed, count: number): Promise<number> {
  for (let block = 0; block < 2; block++) await contender.block(count)
  return count
}

/** Runs it until it is warm. @returns how many operations make a block */
async function calibrate(contender: Timed, blockMs: number): Promise<number> {
  let count = 100
  for (let warm = 0; warm < 12; ) {
    const ms = await contender.block(count)
    if (ms >= blockMs / 2) warm++
    count = Math.max(10, Math.round(count * Math.min(10, blockMs / Math.max(ms, 0.001))))
  }
  return count
}

/** ms of the processor, not of the wall: on a busy machine other programs' turns are not counted. */
export async function processorTimeOf(work: () => Promise<unknown> | void): Promise<number> {
  await turn()
  const before = process.cpuUsage()
  await work()
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1000
}

export async function timeOf(work: () => Promise<unknown> | void): Promise<number> {
  await turn()
  const start = performance.now()
  await work()
  return performance.now() - start
}

export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

/** Begins elsewhere each round, and every other round runs backwards, so that neighbours change. */
function rotated<T>(items: readonly T[], round: number): T[] {
  const at = (round * 7) % items.length
  const turned = [...items.slice(at), ...items.slice(0, at)]
  return round % 2 === 0 ? turned : turned.reverse()
}
