import { expect, test } from 'vitest'
import { gate } from '../../tests/drain-world.ts'
import { Batch } from './batch.ts'

/** What is asked of an environment. Nothing ends before its gate is open, where there is one. */
function world(transaction = Promise.resolve(), flush = Promise.resolve()) {
  const told: string[] = []
  const environment = {
    transact: async <T>(work: () => T) => {
      told.push('begin')
      const result = work()
      await transaction
      told.push('commit')
      return result
    },
    flush: () => {
      told.push('flush')
      return flush
    },
  }
  const batch = new Batch({
    environment,
    before: () => told.push('before'),
    after: () => told.push('after'),
  })
  const step = (name: string, isDurable = false) =>
    batch.step(() => {
      told.push(name)
      return name
    }, isDurable)
  return { batch, step, told }
}

test('steps of one tick are one transaction, in their order, and each gets its own result', async () => {
  const { step, told } = world()
  expect(await Promise.all([step('a'), step('b'), step('c')])).toEqual(['a', 'b', 'c'])
  expect(told).toEqual(['begin', 'before', 'a', 'b', 'c', 'after', 'commit'])
})

test('what comes while one is being written goes together into the next', async () => {
  const { passed, open } = gate()
  const { step, told } = world(passed)
  const first = step('a')
  await Promise.resolve()
  const others = [step('b'), step('c')]
  open()
  await Promise.all([first, ...others])
  expect(told.filter((each) => each.length === 1 || each === 'begin')).toEqual([
    'begin',
    'a',
    'begin',
    'b',
    'c',
  ])
})

test('durable steps share a flush, and wait for it; others do not', async () => {
  const { passed, open } = gate()
  const { step, told } = world(undefined, passed)
  const settled: string[] = []
  const steps = [step('a', true), step('b'), step('c', true)].map((each) =>
    each.then((name) => settled.push(name)),
  )
  await steps[1]
  expect(settled).toEqual(['b'])
  expect(told.filter((each) => each === 'flush')).toHaveLength(1)
  open()
  await Promise.all(steps)
  expect(settled).toEqual(['b', 'a', 'c'])
})

test('a transaction does not wait for a flush', async () => {
  const { step } = world(undefined, new Promise(() => undefined))
  void step('a', true)
  expect(await step('b')).toBe('b')
  expect(await step('c')).toBe('c')
})

test('a step that throws fails all of its transaction, and none after it', async () => {
  const { batch, step } = world()
  const failing = batch.step(() => {
    throw new Error('no room')
  })
  const results = await Promise.allSettled([step('a'), failing, step('b', true)])
  expect(results.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected'])
  expect(await step('c')).toBe('c')
})

test('a flush that fails fails those who wait for it', async () => {
  const { step } = world(undefined, Promise.reject(new Error('the disk')))
  const results = await Promise.allSettled([step('a', true), step('b')])
  expect(results.map(({ status }) => status)).toEqual(['rejected', 'fulfilled'])
})

test('a transaction holds so few steps that others have their turn', async () => {
  const { step, told } = world()
  await Promise.all(Array.from({ length: 600 }, () => step('a')))
  expect(told.filter((each) => each === 'begin')).toHaveLength(3)
})
