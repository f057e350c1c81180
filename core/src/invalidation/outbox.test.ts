import { expect, test } from 'vitest'
import { TestClock } from '../../tests/clock.ts'
import { Outbox, type Step } from './outbox.ts'

/** An outbox, and steps that note their name and fail while it is in `failing`. */
function setUp() {
  const clock = new TestClock()
  const log: string[] = []
  const failing = new Set<string>()
  const outbox = new Outbox({ clock, onError: (error) => log.push(String(error)) })
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
