import { expect, test } from 'vitest'
import { TestClock } from '../../tests/clock.ts'
import { Outbox, type Step } from './outbox.ts'

/** An outbox, and steps that note their name and fail while it is in `failing`. */
function setUp(waitingMax?: number) {
  const clock = new TestClock()
  const log: string[] = []
  const failing = new Set<string>()
  const outbox = new Outbox({ clock, onError: (error) => log.push(String(error)), waitingMax })
  const step = (name: string): Step => {
    return async () => {
      if (failing.has(name)) throw new Error(name)
      log.push(name)
    }
  }
  return { clock, log, failing, outbox, step }
}

test('steps are taken in order', async () => {
  const { clock, log, outbox, step } = setUp()
  await outbox.take(step('put'), step('done'))
  expect(log).toEqual(['put', 'done'])
  expect(clock.waiting).toBe(0)
})

test('a step that fails is told, and tried with those after it until it succeeds; those before are not', async () => {
  const { clock, log, failing, outbox, step } = setUp()
  failing.add('done')
  await outbox.take(step('put'), step('done'), step('last'))
  expect(log).toEqual(['put', 'Error: done'])
  await clock.advance(1000)
  expect(log).toEqual(['put', 'Error: done', 'Error: done'])
  failing.clear()
  await clock.advance(1000)
  expect(log).toEqual(['put', 'Error: done', 'Error: done', 'done', 'last'])
  expect(clock.waiting).toBe(0)
})

test('a round ends after ten failures, and the next one begins with what was not tried', async () => {
  const { clock, log, failing, outbox, step } = setUp()
  const names = Array.from({ length: 25 }, (_, i) => `${i}`)
  for (const name of names) failing.add(name)
  await Promise.all(names.map((name) => outbox.take(step(name))))
  const told = async () => {
    log.length = 0
    await clock.advance(1000)
    return log.map((line) => Number(line.replace('Error: ', '')))
  }
  const from = (first: number, count: number) => Array.from({ length: count }, (_, i) => (first + i) % 25)
  expect(await told()).toEqual(from(0, 10))
  expect(await told()).toEqual(from(10, 10))
  expect(await told()).toEqual(from(20, 10))
  failing.clear()
  expect(await told()).toEqual(from(5, 25))
  expect(clock.waiting).toBe(0)
})

test('a round that takes long is not joined by another', async () => {
  const { clock, log, failing, outbox, step } = setUp()
  failing.add('b')
  await outbox.take(async () => {
    log.push('slow')
    if (log.length > 1) await new Promise<void>((resolve) => clock.schedule(5000, resolve))
    throw new Error('it took long')
  })
  await clock.advance(1000)
  await outbox.take(step('b'))
  log.length = 0
  await clock.advance(4900)
  expect(log).toEqual([])
  await clock.advance(1100)
  expect(log).toEqual(['Error: it took long', 'Error: b', 'slow'])
})

test('closing tries once more, and leaves no timer', async () => {
  const { clock, log, failing, outbox, step } = setUp()
  failing.add('a').add('b')
  await outbox.take(step('a'))
  await outbox.take(step('b'))
  failing.delete('b')
  await outbox.close()
  expect(log).toEqual(['Error: a', 'Error: b', 'Error: a', 'b'])
  expect(clock.waiting).toBe(0)
})

test('closing waits for the attempt under way', async () => {
  const { clock, log, outbox, step } = setUp()
  let attempts = 0
  await outbox.take(async () => {
    if (++attempts === 1) throw new Error('first')
    await new Promise<void>((resolve) => clock.schedule(10, resolve))
  }, step('after'))
  await clock.advance(1000)
  let isClosed = false
  const closing = outbox.close().then(() => {
    isClosed = true
  })
  await clock.advance(9)
  expect(isClosed).toBe(false)
  await clock.advance(1)
  await closing
  expect(log).toEqual(['Error: first', 'after'])
})

test('of more than may wait the oldest are given up, and each round tells once how many', async () => {
  const { clock, log, failing, outbox, step } = setUp(2)
  const fail = async (...names: string[]) => {
    for (const name of names) failing.add(name)
    for (const name of names) await outbox.take(step(name))
  }
  const told = () => log.splice(0).filter((line) => line.includes('given up'))
  await fail('a', 'b', 'c', 'd', 'e')
  expect(told()).toEqual([])
  await clock.advance(1000)
  expect(told()).toMatchObject([expect.stringContaining('given up: 3')])
  await clock.advance(1000)
  expect(told()).toEqual([])
  await fail('f', 'g')
  await clock.advance(1000)
  expect(told()).toMatchObject([expect.stringContaining('given up: 2')])
  failing.clear()
  await clock.advance(1000)
  expect(log.toSorted()).toEqual(['f', 'g'])
})

test('closing tells of those that were given up since the last round', async () => {
  const { log, failing, outbox, step } = setUp(1)
  failing.add('a').add('b')
  await outbox.take(step('a'))
  await outbox.take(step('b'))
  failing.clear()
  log.length = 0
  await outbox.close()
  expect(log).toEqual(['b', expect.stringContaining('given up: 1')])
})
