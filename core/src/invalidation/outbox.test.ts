import { expect, test } from 'vitest'
import { TestClock } from '../../tests/clock.ts'
import { Outbox, type Step } from './outbox.ts'

/** An outbox, and steps that note their name, as an error while it is in `failing`. */
function setUp(waitingMax?: number) {
  const clock = new TestClock()
  const log: string[] = []
  const told: string[] = []
  const failing = new Set<string>()
  const outbox = new Outbox({ clock, onError: (error) => told.push(String(error)), waitingMax })
  const step = (name: string): Step => {
    return async () => {
      const error = new Error(name)
      log.push(failing.has(name) ? String(error) : name)
      if (failing.has(name)) throw error
    }
  }
  return { clock, log, told, failing, outbox, step }
}

test('steps are taken in order', async () => {
  const { clock, log, outbox, step } = setUp()
  await outbox.take(step('put'), step('done'))
  expect(log).toEqual(['put', 'done'])
  expect(clock.waiting).toBe(0)
})

test('a step that fails is told, and tried with those after it until it succeeds; those before are not', async () => {
  const { clock, log, told, failing, outbox, step } = setUp()
  failing.add('done')
  await outbox.take(step('put'), step('done'), step('last'))
  expect(log).toEqual(['put', 'Error: done'])
  await clock.advance(1000)
  expect(log).toEqual(['put', 'Error: done', 'Error: done'])
  failing.clear()
  await clock.advance(1000)
  expect(log).toEqual(['put', 'Error: done', 'Error: done', 'done', 'last'])
  expect(told).toEqual(['Error: done', 'Error: done'])
  expect(clock.waiting).toBe(0)
})

test('of those that fail in a round the first is told', async () => {
  const { clock, told, failing, outbox, step } = setUp()
  failing.add('a').add('b')
  await Promise.all([outbox.take(step('a')), outbox.take(step('b'))])
  expect(told).toEqual(['Error: a'])
  await clock.advance(1000)
  expect(told).toEqual(['Error: a', 'Error: a'])
})

test('a round ends after ten failures, and the next one begins with what was not tried', async () => {
  const { clock, log, failing, outbox, step } = setUp()
  const names = Array.from({ length: 25 }, (_, i) => `${i}`)
  for (const name of names) failing.add(name)
  await Promise.all(names.map((name) => outbox.take(step(name))))
  const tried = async () => {
    log.length = 0
    await clock.advance(1000)
    return log.map((line) => Number(line.replace('Error: ', '')))
  }
  const from = (first: number, count: number) => Array.from({ length: count }, (_, i) => (first + i) % 25)
  expect(await tried()).toEqual(from(0, 10))
  expect(await tried()).toEqual(from(10, 10))
  expect(await tried()).toEqual(from(20, 10))
  failing.clear()
  expect(await tried()).toEqual(from(5, 25))
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
  expect(log).toEqual(['Error: b', 'slow'])
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
  const { clock, log, told, outbox, step } = setUp()
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
  expect([told, log]).toEqual([['Error: first'], ['after']])
})

test('of more than may wait the oldest are given up, and each round tells once how many', async () => {
  const { clock, log, told, failing, outbox, step } = setUp(2)
  const fail = async (...names: string[]) => {
    for (const name of names) failing.add(name)
    for (const name of names) await outbox.take(step(name))
  }
  const givenUp = () => told.splice(0).filter((line) => line.includes('given up'))
  await fail('a', 'b', 'c', 'd', 'e')
  expect(givenUp()).toEqual([])
  await clock.advance(1000)
  expect(givenUp()).toMatchObject([expect.stringContaining('given up: 3')])
  await clock.advance(1000)
  expect(givenUp()).toEqual([])
  await fail('f', 'g')
  await clock.advance(1000)
  expect(givenUp()).toMatchObject([expect.stringContaining('given up: 2')])
  failing.clear()
  log.length = 0
  await clock.advance(1000)
  expect(log.toSorted()).toEqual(['f', 'g'])
})

test('closing tells of those that were given up since the last round', async () => {
  const { log, told, failing, outbox, step } = setUp(1)
  failing.add('a').add('b')
  await outbox.take(step('a'))
  await outbox.take(step('b'))
  failing.clear()
  log.length = 0
  await outbox.close()
  expect([log, told.at(-1)]).toEqual([['b'], expect.stringContaining('given up: 1')])
})
