import { describe, expect, it } from 'vitest'
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
    const judge = new Judge(2 ** 16)
    record(judge, { kind: 'invalidate', n: 3, names: ['a'], atMs: 0 })
    expect(judge.verdict(made(2, 'a'))).toEqual({ name: 'a', n: 3, untilMs: 0 })
    expect(judge.verdict(made(3, 'a'))).toBeUndefined()
    expect(judge.verdict(made(2, 'b'))).toBeUndefined()
  })

  it('lets an entry be newer than a change of its own key than of its inputs', () => {
    const judge = new Judge(2 ** 16)
    record(judge, { kind: 'change', n: 3, names: ['k'], atMs: 0 })
    expect(judge.verdict({ ...made(2), keyStamp: 3 })).toBeUndefined()
    expect(judge.verdict({ ...made(2), keyStamp: 2 })).toMatchObject({ name: 'k', n: 3 })
  })

  it('bounds what a soft record speaks of by the one that ends soonest', () => {
    const judge = new Judge(2 ** 16)
    record(judge, soft(1, ['a'], [0, 30]))
    record(judge, soft(2, ['b'], [0, 5]))
    expect(judge.verdict(made(0, 'a', 'b'))).toMatchObject({ name: 'b', untilMs: 5 })
    record(judge, { kind: 'invalidate', n: 3, names: ['a'], atMs: 0 })
    expect(judge.verdict(made(0, 'a', 'b'))).toMatchObject({ name: 'a', untilMs: 0 })
  })

  it('gives an earlier soft record no time by a later one', () => {
    const judge = new Judge(2 ** 16)
    record(judge, soft(1, ['a'], [0, 5]))
    record(judge, soft(2, ['a'], [3, 8]))
    expect(judge.verdict(made(0, 'a'))).toMatchObject({ untilMs: 5 })
    record(judge, soft(3, ['a'], [10, 15]))
    expect(judge.verdict(made(0, 'a'))).toMatchObject({ untilMs: 0 })
    expect(judge.verdict(made(2, 'a'))).toMatchObject({ untilMs: 15 })
  })

  it('grants nothing by a soft record that it has forgotten', () => {
    const judge = new Judge(512 * 16)
    record(judge, soft(1, ['a'], [0, 1_000_000]))
    for (let n = 2; n < 100; n++) record(judge, soft(n, [`x${n}`], [0, 1_000_000]))
    expect(judge.verdict(made(0, 'a'))).toMatchObject({ untilMs: 0 })
  })
})
