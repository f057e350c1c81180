import { describe, expect, test } from 'vitest'
import { TestClock } from '../../tests/clock.ts'
import { Alarms, type Schedule, scheduleOf, Ticker } from './schedule.ts'

const what = 'strategies.scheduled'
const start = new Date(2026, 0, 1, 12, 0, 0).getTime()
const minute = 60_000
const hour = 3_600_000

function ticks(schedule: Schedule, clock = new TestClock(start)) {
  const times: number[] = []
  const ticker = new Ticker(clock, schedule, () => times.push(clock.now() - start))
  return { clock, times, ticker }
}

describe('scheduleOf', () => {
  test('an interval counts from the time given, and has a default', () => {
    expect(scheduleOf({ interval: '2s' }, '300s', what)(1000)).toBe(3000)
    expect(scheduleOf({}, '300s', what)(1000)).toBe(301_000)
  })

  test('a cron expression gives the next time that fits, strictly later', () => {
    const nightly = scheduleOf({ cron: '0 3 * * *' }, '300s', what)
    const three = new Date(2026, 0, 2, 3, 0, 0).getTime()
    expect(nightly(start)).toBe(three)
    expect(nightly(three)).toBe(new Date(2026, 0, 3, 3, 0, 0).getTime())
    expect(scheduleOf({ cron: '*/10 * * * * *' }, '300s', what)(start + 1)).toBe(start + 10_000)
  })

  test('a cron expression without a time left says Infinity', () => {
    expect(scheduleOf({ cron: '0 0 30 2 *' }, '300s', what)(start)).toBe(Number.POSITIVE_INFINITY)
  })

  test.each(['', 'often', '61 * * * *', '* * *', '* * * * * * * * *'])('cron %j is refused', (cron) => {
    expect(() => scheduleOf({ cron }, '300s', what)).toThrow(
      expect.objectContaining({
        code: 'E_OPTIONS_INVALID',
        message: expect.stringContaining(`strategies.scheduled.cron is '${cron}', which is not`),
      }),
    )
  })

  test('an interval and a cron expression together are refused', () => {
    expect(() => scheduleOf({ interval: '1s', cron: '* * * * *' }, '300s', what)).toThrow(
      expect.objectContaining({ code: 'E_OPTIONS_INVALID' }),
    )
  })

  test('an interval of nothing is refused', () => {
    expect(() => scheduleOf({ interval: 0 }, '300s', what)).toThrow(
      expect.objectContaining({ code: 'E_DURATION_INVALID' }),
    )
  })
})

describe('Ticker', () => {
  test('ticks at each time until it is stopped', async () => {
    const { clock, times, ticker } = ticks((after) => after + minute)
    await clock.advance(2.5 * minute)
    expect(times).toEqual([minute, 2 * minute])
    expect(ticker.at).toBe(start + 3 * minute)
    ticker.stop()
    await clock.advance(hour)
    expect(times).toHaveLength(2)
    expect(clock.waiting).toBe(0)
  })

  test('waits longer than one timer does', async () => {
    const { clock, times } = ticks((after) => after + 60 * 24 * hour)
    await clock.advance(60 * 24 * hour)
    expect(times).toEqual([60 * 24 * hour])
  })

  test('makes up for missed ticks by one', async () => {
    const { clock, times } = ticks((after) => after + minute)
    clock.step(10 * minute)
    await clock.advance(2 * minute)
    expect(times).toEqual([11 * minute, 12 * minute])
  })

  test('a wall clock set back delays a tick by one interval at most', async () => {
    const { clock, times } = ticks((after) => after + minute)
    clock.step(-10 * hour)
    await clock.advance(2 * minute)
    expect(times).toHaveLength(1)
  })

  test('a wall clock set forward is noticed within the hour', async () => {
    const { clock, times } = ticks(scheduleOf({ cron: '0 3 * * *' }, '300s', what))
    clock.step(15 * hour)
    await clock.advance(hour)
    expect(times).toEqual([16 * hour])
  })

  test('ends when no time is left', () => {
    const { clock, ticker } = ticks(() => Number.POSITIVE_INFINITY)
    expect(clock.waiting).toBe(0)
    expect(ticker.at).toBe(Number.POSITIVE_INFINITY)
  })
})

describe('Alarms', () => {
  function alarms() {
    const clock = new TestClock(start)
    const log: [string, number][] = []
    return { clock, log, alarms: new Alarms(clock, (key, at) => log.push([key, at - start])) }
  }

  test('each time is told once, and can be asked for again', async () => {
    const { clock, log, alarms: set } = alarms()
    for (const key of ['a', 'a', 'b']) set.set(key, start + minute)
    set.set('a', start)
    expect(clock.waiting).toBe(3)
    await clock.advance(minute)
    expect(log).toEqual([
      ['a', 0],
      ['a', minute],
      ['b', minute],
    ])
    set.set('a', start + minute)
    await clock.advance(1)
    expect(log.at(-1)).toEqual(['a', minute])
    expect(log).toHaveLength(4)
  })

  test('the time told is not before the one asked for, though the wall clock says so', async () => {
    const { clock, log, alarms: set } = alarms()
    set.set('a', start + minute)
    clock.step(-5)
    await clock.advance(minute)
    expect(log).toEqual([['a', minute]])
  })

  test('none comes after they were stopped', async () => {
    const { clock, log, alarms: set } = alarms()
    set.set('a', start + minute)
    set.stop()
    await clock.advance(hour)
    expect(log).toEqual([])
    expect(clock.waiting).toBe(0)
  })
})
