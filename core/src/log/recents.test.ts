import { describe, expect, it } from 'vitest'
import { Judge } from './judge.ts'
import { Recents } from './recents.ts'

const record = (n: number, atMs: number, ...names: string[]) =>
  ({ kind: 'invalidate', n, atMs, names }) as const

describe('when a record came', () => {
  it('is known of the newest, and bounded by the latest of those that were forgotten', () => {
    let now = 100
    const recents = new Recents({ now: () => now, heard: () => now + 1, monotonic: () => 0 })
    expect(recents.latest(1)).toEqual({ atMs: 100, heardMs: 101 })
    for (let n = 1; n <= 10_003; n++) {
      now = 1000 + n
      // The clock of the second node is ahead.
      recents.add(record(n, n === 2 ? 5000 : now))
    }
    expect(recents.get(3)).toBeUndefined()
    expect(recents.latest(3)).toEqual({ atMs: 5000, heardMs: 1004 })
    expect(recents.latest(4)).toMatchObject({ atMs: 1004, heardMs: 1005 })
    expect(recents.newestMs).toBe(11_003)
  })

  it('is just now, or as a dump says, of what was before', () => {
    const recents = new Recents({ now: () => 100, heard: () => 7, monotonic: () => 0 })
    recents.add(record(1, 50))
    recents.forget()
    expect(recents.latest(1)).toEqual({ atMs: 100, heardMs: 7 })
    recents.forget(60)
    expect(recents.latest(1)).toEqual({ atMs: 60, heardMs: 7 })
  })

  it('goes on in a dump, and bounds what the ledger has no room for', () => {
    const times = { now: () => 100, heard: () => 0, monotonic: () => 0 }
    const judge = new Judge(2 ** 16, (name) => [name], times)
    judge.record(record(1, 40, 'a'), { names: ['a'], prefixes: [] })
    expect([judge.lastWhen('a').atMs, judge.lastWhen('never').atMs]).toEqual([40, 100])
    const other = new Judge(2 ** 16, (name) => [name], { ...times, now: () => 9000 })
    other.load(judge.dump())
    expect([other.lastWhen('a').atMs, other.lastWhen('never').atMs]).toEqual([100, 100])
    const small = new Judge(512 * 16, (name) => [name], { ...times, now: () => 0 })
    for (let n = 1; n <= 2000; n++)
      small.record(record(n, n, `name:${n}`), { names: [`name:${n}`], prefixes: [] })
    expect(small.ledger.low).toBeGreaterThan(0)
    expect(small.lastWhen('name:1').atMs).toBe(small.ledger.low)
  })
})
