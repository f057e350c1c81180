import { expect, test } from 'vitest'
import { backoffMs } from './backoff.ts'

const growth = { firstMs: 1000, maxMs: 60_000 }

test('the wait doubles to its bound, and at least half of it is left', () => {
  const failures = [1, 2, 3, 6, 7, 10, 5000]
  const fullMs = [1000, 2000, 4000, 32_000, 60_000, 60_000, 60_000]
  expect(failures.map((n) => backoffMs(growth, n, () => 0))).toEqual(fullMs)
  expect(failures.map((n) => backoffMs(growth, n, () => 0.999_999_999))).toEqual(
    fullMs.map((ms) => ms / 2 + 1),
  )
  expect(backoffMs(growth, 1, () => 0.5)).toBe(750)
})

test('no wait stays none, however many failures', () => {
  const waits = [1, 3, 5000].map((n) => backoffMs({ firstMs: 0, maxMs: 60_000 }, n, () => 0.5))
  expect(waits).toEqual([0, 0, 0])
})
