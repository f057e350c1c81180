import { expect, test } from 'vitest'
import { backoffMs } from '../model/backoff.ts'
import { drainRules, retryGrowth } from './drain-options.ts'

test('the defaults are those of the seed', () => {
  const { strategies, retries } = drainRules({})
  expect(strategies.scheduled).toMatchObject({ priority: 2, namesMax: 100 })
  expect(strategies.background).toMatchObject({ priority: 4, namesMax: 1000 })
  expect(strategies.scheduled.schedule(0)).toBe(300_000)
  expect(strategies.background.schedule(0)).toBe(60_000)
  expect(Object.values(retries).map((each) => each.retries)).toEqual([3, 1, 0])
  expect(retries.strict.delayMs).toBe(1000)
})

test('each rule can be set alone', () => {
  const { strategies, retries } = drainRules({
    strategies: { background: { batch: 7, interval: '5s' }, scheduled: { priority: 0, interval: undefined } },
    consistency: { relaxed: { retries: 2 }, strict: { retryDelay: 0 } },
  })
  expect(strategies.background).toMatchObject({ priority: 4, namesMax: 7 })
  expect(strategies.background.schedule(0)).toBe(5000)
  expect(strategies.scheduled).toMatchObject({ priority: 0, namesMax: 100 })
  expect(retries).toMatchObject({
    relaxed: { retries: 2, delayMs: 1000 },
    strict: { retries: 3, delayMs: 0 },
  })
})

test.each([
  [{ strategies: { scheduled: { batch: 0 } } }, 'strategies.scheduled.batch is 0'],
  [{ strategies: { background: { priority: -1 } } }, 'strategies.background.priority is -1'],
  [{ strategies: { background: { interval: 0 } } }, 'strategies.background.interval is 0'],
  [{ consistency: { strict: { retries: 1.5 } } }, 'consistency.strict.retries is 1.5'],
  [{ consistency: { strict: { retryDelay: -1 } } }, 'consistency.strict.retryDelay is -1'],
])('%j is refused', (options, message) => {
  expect(() => drainRules(options)).toThrow(message)
})

test('the wait doubles, ends at a minute or at the delay if that is longer, and is at least half of itself', () => {
  const runs = [1, 2, 3, 10]
  const growth = retryGrowth({ delayMs: 1000 })
  expect(runs.map((run) => backoffMs(growth, run, () => 0))).toEqual([1000, 2000, 4000, 60_000])
  expect(runs.map((run) => backoffMs(growth, run, () => 0.999_999_999))).toEqual([501, 1001, 2001, 30_001])
  expect(backoffMs(retryGrowth({ delayMs: 300_000 }), 5, () => 0)).toBe(300_000)
  expect(backoffMs(retryGrowth({ delayMs: 0 }), 3, () => 0.5)).toBe(0)
})
