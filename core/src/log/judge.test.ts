import { describe, expect, it } from 'vitest'
import type { WideReach } from './backlog.ts'
import type { LogRecord } from './contract.ts'
import { Judge } from './judge.ts'

function soft(n: number, names: readonly string[], [atMs, untilMs]: readonly [number, number]): LogRecord {
  return { kind: 'soft', n, names, atMs, untilMs }
}

function record(judge: Judge, entry: LogRecord): void {
  judge.record(entry, { names: entry.names, prefixes: [] })
}

const made = (stamp: number, ...dependencies: string[]) => ({
  key: 'k',
  stamp,
  keyStamp: stamp,
  dependencies,
})

describe('the judge', () => {
  it('ends what was made before an invalidation of anything it is made from', () => {
    const judge = new Judge(2 ** 16, (name) => [name])
    record(judge, { kind: 'invalidate', n: 3, names: ['a'], atMs: 0 })
    expect(judge.verdict(made(2, 'a'))).toEqual({ name: 'a', n: 3, untilMs: 0 })
    expect(judge.verdict(made(3, 'a'))).toBeUndefined()
    expect(judge.verdict(made(2, 'b'))).toBeUndefined()
  })

  it('lets an entry be newer than a change of its own key than of its inputs', () => {
    const judge = new Judge(2 ** 16, (name) => [name])
    record(judge, { kind: 'change', n: 3, names: ['k'], atMs: 0 })
    expect(judge.verdict({ ...made(2), keyStamp: 3 })).toBeUndefined()
    expect(judge.verdict({ ...made(2), keyStamp: 2 })).toMatchObject({ name: 'k', n: 3 })
  })

  it('bounds what a soft record speaks of by the one that ends soonest', () => {
    const judge = new Judge(2 ** 16, (name) => [name])
    record(judge, soft(1, ['a'], [0, 30]))
    record(judge, soft(2, ['b'], [0, 5]))
    expect(judge.verdict(made(0, 'a', 'b'))).toMatchObject({ name: 'b', untilMs: 5 })
    record(judge, { kind: 'invalidate', n: 3, names: ['a'], atMs: 0 })
    expect(judge.verdict(made(0, 'a', 'b'))).toMatchObject({ name: 'a', untilMs: 0 })
  })

  it('bounds a soft record by the time for which it was meant, if it comes from a clock that is ahead', () => {
    const judge = new Judge(2 ** 16, (name) => [name], {
      now: () => 1000,
      heard: () => 0,
      monotonic: () => 0,
    })
    record(judge, soft(1, ['a'], [60_000, 65_000]))
    expect(judge.verdict(made(0, 'a'))).toMatchObject({ untilMs: 6000 })
    record(judge, soft(2, ['b'], [-60_000, -55_000]))
    expect(judge.verdict(made(0, 'b'))).toMatchObject({ untilMs: 0 })
  })

  it('gives an earlier soft record no time by a later one', () => {
    let now = 0
    const judge = new Judge(2 ** 16, (name) => [name], {
      now: () => now,
      heard: () => 0,
      monotonic: () => now,
    })
    record(judge, soft(1, ['a'], [0, 5]))
    now = 3
    record(judge, soft(2, ['a'], [3, 8]))
    expect(judge.verdict(made(0, 'a'))).toMatchObject({ untilMs: 5 })
    now = 10
    record(judge, soft(3, ['a'], [10, 15]))
    expect(judge.verdict(made(0, 'a'))).toMatchObject({ untilMs: 0 })
    expect(judge.verdict(made(2, 'a'))).toMatchObject({ untilMs: 15 })
  })

  it('ends a grace by whichever clock says first that its time is over, and no clock brings it back', () => {
    let [wall, monotonic] = [1000, 0]
    const judge = new Judge(2 ** 16, (name) => [name], {
      now: () => wall,
      heard: () => 0,
      monotonic: () => monotonic,
    })
    record(judge, soft(1, ['a'], [1000, 6000]))
    const until = () => judge.verdict(made(0, 'a'))?.untilMs
    expect(until()).toBe(6000)
    monotonic += 2000
    wall -= 3_600_000
    expect(until(), 'the clock was set back').toBe(wall + 3000)
    monotonic += 3000
    expect(until()).toBe(0)
    record(judge, soft(2, ['b'], [wall, wall + 5000]))
    wall += 5000
    expect(judge.verdict(made(0, 'b')), 'the machine slept').toMatchObject({ untilMs: 0 })
  })

  it('gives no time to what came late, nor to what a dump knows of', () => {
    const judge = new Judge(2 ** 16, (name) => [name])
    record(judge, { ...soft(1, ['a'], [0, 5000]), leftMs: 1000 })
    expect(judge.verdict(made(0, 'a'))).toMatchObject({ untilMs: 1000 })
    record(judge, { ...soft(2, ['b'], [0, 5000]), leftMs: -1 })
    expect(judge.verdict(made(0, 'b'))).toMatchObject({ n: 2, untilMs: 0 })
    const later = new Judge(2 ** 16, (name) => [name])
    later.load(judge.dump())
    expect(later.verdict(made(0, 'a'))).toMatchObject({ n: 1, untilMs: 0 })
  })

  it('grants nothing by a soft record that it has forgotten', () => {
    const judge = new Judge(512 * 16, (name) => [name])
    record(judge, soft(1, ['a'], [0, 1_000_000]))
    for (let n = 2; n < 100; n++) record(judge, soft(n, [`x${n}`], [0, 1_000_000]))
    expect(judge.verdict(made(0, 'a'))).toMatchObject({ untilMs: 0 })
  })
})

/** `x` has very many dependents: `a`, `b` and others; `b` is above `c`; `y` is apart, and so is what is above `d`. */
const above: Record<string, readonly string[] | undefined> = {
  a: ['a', 'x'],
  b: ['b', 'x'],
  c: ['c', 'b', 'x'],
  unclear: undefined,
}
const wideJudge = () => new Judge(2 ** 16, (name) => (name in above ? above[name] : [name]))

/** What the first name, or a prefix, reaches. */
function reach(...names: string[]): WideReach {
  return reachOf({ names: names.slice(0, 1), prefixes: [] }, names)
}

function reachOf(targets: WideReach['targets'], names: readonly string[]): WideReach {
  return {
    targets,
    names,
    prefixes: targets.prefixes,
    *[Symbol.iterator]() {
      for (const name of names) yield* [undefined, name]
    },
  }
}

function writeAll(judge: Judge): void {
  for (const _ of judge.writing());
}

describe('a wide record', () => {
  const all = () => reach('x', 'a', 'b', 'c')
  const hard = (n: number): LogRecord => ({ kind: 'invalidate', n, names: ['x'], atMs: 0 })

  it('ends what it may have reached at once, and what it has reached from then on', () => {
    const judge = wideJudge()
    judge.recordWide(hard(3), all())
    const verdicts = () =>
      ['x', 'a', 'c', 'y', 'unclear'].map((name) => [
        judge.verdict(made(2, name))?.n,
        judge.verdict(made(3, name))?.n,
        judge.lastOf(name),
      ])
    const none = [undefined, undefined, 0]
    const ended = [3, undefined, 3]
    expect(verdicts()).toEqual([ended, ended, ended, none, ended])
    for (const _ of judge.writing()) expect(verdicts().slice(0, 4)).toEqual([ended, ended, ended, none])
    expect([verdicts(), judge.backlog.size]).toEqual([[ended, ended, ended, none, none], 0])
  })

  it('reaches what begins with its prefix', () => {
    const judge = wideJudge()
    judge.recordWide({ ...hard(3), names: [] }, reachOf({ names: [], prefixes: ['b'] }, []))
    const verdicts = () => ['b', 'c', 'a'].map((name) => judge.verdict(made(2, name))?.n)
    expect(verdicts()).toEqual([3, 3, undefined])
    writeAll(judge)
    expect(verdicts()).toEqual([3, undefined, undefined])
  })

  it('takes the place of one that waits and has the same targets', () => {
    const judge = wideJudge()
    for (const n of [3, 4, 5]) judge.recordWide(hard(n), all())
    let steps = 0
    for (const _ of judge.writing()) steps++
    expect(steps).toBe(2 * 9)
    expect(judge.verdict(made(4, 'c'))).toMatchObject({ n: 5 })
  })

  it('bounds if it is soft, and gives none before it time', () => {
    const judge = wideJudge()
    judge.recordWide(hard(1), reach('y'))
    judge.recordWide(soft(2, ['x'], [0, 5]), all())
    expect(judge.verdict(made(1, 'c'))).toMatchObject({ n: 2, untilMs: 5 })
    judge.recordWide(soft(3, ['x'], [1, 30]), all())
    expect(judge.verdict(made(1, 'c'))).toMatchObject({ n: 3, untilMs: 5 })
    writeAll(judge)
    expect(judge.verdict(made(1, 'c'))).toMatchObject({ n: 3, untilMs: 5 })
    expect(judge.verdict(made(3, 'c'))).toBeUndefined()
  })

  it('gains no time by a later one that is written before it', () => {
    const judge = wideJudge()
    judge.recordWide(soft(2, ['x'], [0, 5]), all())
    record(judge, soft(3, ['c'], [1, 30]))
    expect(judge.verdict(made(1, 'c'))).toMatchObject({ untilMs: 5 })
    writeAll(judge)
    expect(judge.verdict(made(1, 'c'))).toMatchObject({ untilMs: 5 })
  })

  it('does not make a soft one hard, nor a hard one soft', () => {
    const judge = wideJudge()
    judge.recordWide(soft(2, ['x'], [0, 5]), all())
    judge.recordWide(hard(3), all())
    expect(judge.verdict(made(1, 'c'))).toMatchObject({ n: 3, untilMs: 0 })
    expect(judge.verdict(made(2, 'c'))).toMatchObject({ n: 3, untilMs: 0 })
    judge.recordWide(soft(4, ['x'], [0, 9]), all())
    expect(judge.verdict(made(3, 'c'))).toMatchObject({ n: 4, untilMs: 9 })
    writeAll(judge)
    expect(judge.verdict(made(1, 'c'))).toMatchObject({ n: 3, untilMs: 0 })
    expect(judge.verdict(made(3, 'c'))).toMatchObject({ n: 4, untilMs: 5 })
  })
})
