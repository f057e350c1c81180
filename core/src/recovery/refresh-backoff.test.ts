import { expect, it } from 'vitest'
import { TestClock } from '../../tests/clock.ts'
import { RefreshBackoff } from './refresh-backoff.ts'

it('a refresh that failed waits; the wait doubles to a minute, and half of it may be taken off', async () => {
  for (const [random, waits] of [
    [0, [1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000]],
    [1, [500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]],
  ] as const) {
    const clock = new TestClock()
    const backoff = new RefreshBackoff({ clock, random: () => random })
    for (const wait of waits) {
      backoff.failed('a')
      await clock.advance(wait - 1)
      expect([backoff.holdsBack('a'), backoff.holdsBack('b')]).toEqual([true, false])
      await clock.advance(1)
      expect(backoff.holdsBack('a')).toBe(false)
    }
    backoff.succeeded('a')
    backoff.failed('a')
    await clock.advance(1000)
    expect(backoff.holdsBack('a')).toBe(false)
  }
})

it('past 10,000 keys that whose failure is the oldest is forgotten', () => {
  const backoff = new RefreshBackoff({ clock: new TestClock(), random: () => 0 })
  for (let i = 0; i < 10_000; i++) backoff.failed(`key ${i}`)
  backoff.failed('key 0')
  backoff.failed('one more')
  const held = ['key 0', 'key 1', 'key 2', 'one more'].map((key) => backoff.holdsBack(key))
  expect(held).toEqual([true, false, true, true])
})
