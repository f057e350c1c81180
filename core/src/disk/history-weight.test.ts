import { describe, expect, test } from 'vitest'
import { record } from '../../tests/conformance/history.ts'
import { DiskClock, DiskPlace } from '../../tests/disk-pair.ts'
import type { InvalidationResult } from '../model/invalidation.ts'

const long = 'x'.repeat(8000)
const cascade = Array.from({ length: 250 }, (_, depth) => ({
  name: `${depth}${long}`,
  depth,
  because: depth === 0 ? null : `${depth - 1}${long}`,
}))

async function kept(given: InvalidationResult): Promise<InvalidationResult | undefined> {
  const { history } = new DiskPlace().open()
  await history.put(given)
  return history.get(given.id)
}

describe('what a record may weigh', () => {
  test('of a heavy cascade the first names are kept, and it says that there were more', async () => {
    const found = await kept(record('a', { cascade, reached: 250 }))
    expect(found).toMatchObject({ truncated: true, reached: 250 })
    expect(found?.cascade.length).toBeGreaterThan(2)
    expect(found?.cascade).toEqual(cascade.slice(0, found?.cascade.length))
    expect(JSON.stringify(found).length).toBeLessThan(100_000)
  })

  test('a cascade of usual names is kept whole', async () => {
    const usual = cascade.map(({ depth }) => ({
      name: `file:/photos/${depth}.jpg`,
      depth,
      because: depth === 0 ? null : `file:/photos/${depth - 1}.jpg`,
    }))
    expect((await kept(record('a', { cascade: usual })))?.cascade).toEqual(usual)
  })

  test('what a tier says is cut, what was asked for is not', async () => {
    const tier = {
      status: 'failed',
      purged: 0,
      verified: false,
      held: Array(100).fill(long),
      error: long,
    } as const
    const names = Array.from({ length: 300 }, (_, i) => `${i}${long}`)
    const found = await kept(
      record('a', { names, tiers: { memory: tier }, error: { code: 'E_X', message: long } }),
    )
    expect(found?.names).toEqual(names)
    expect(found?.tiers['memory']?.held).toEqual([long])
    expect(JSON.stringify({ ...found, names: [] }).length).toBeLessThan(30_000)
  })
})

describe('a history of many', () => {
  test('is read in slices, so that others have their turn', async () => {
    const clock = new DiskClock(1000)
    const { history } = new DiskPlace(clock).open()
    await Promise.all(Array.from({ length: 1000 }, (_, i) => history.put(record(`r${i}`))))
    const before = clock.turns
    expect((await history.list({ actor: 'nobody' })).records).toEqual([])
    expect(clock.turns - before).toBe(5)
    expect((await history.list({ limit: 10 })).records).toHaveLength(10)
    expect(clock.turns - before).toBe(5)
  })

  test('leaves nothing behind when its time is over', async () => {
    const clock = new DiskClock(1000)
    const place = new DiskPlace(clock)
    const { history } = place.open({ keepFor: 100 })
    const many = Array.from({ length: 1200 }, (_, i) =>
      record(`r${i}`, { requestedAt: 1000 + i, names: [`n${i}`, 'x'], status: 'running' }),
    )
    await Promise.all(many.map((each) => history.put(each)))
    await Promise.all(many.map((each) => history.put({ ...each, status: 'completed', endedAt: 1000 })))
    await clock.advance(101)
    expect((await history.list({})).records).toEqual([])
    for (let i = 0; i < 3; i++) await history.put(record('last', { endedAt: 2000 }))
    const counts = ['history', 'historyKeys'].map((name) => place.environment.table(name, 'bytes').getCount())
    // Of the last one: its row; its id, its name, and the number of its place.
    expect(counts).toEqual([1, 3])
    expect(place.environment.table('historyEnded', 'numbers').getCount()).toBe(1)
  })
})
