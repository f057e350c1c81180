import { describe, expect, test } from 'vitest'
import { TestClock } from '../../tests/clock.ts'
import { record } from '../../tests/conformance/history.ts'
import { gate, second, started, tick } from '../../tests/drain-world.ts'
import { MemoryQueue } from './memory-queue.ts'

describe('submitting', () => {
  test('what is submitted is pending, in the history and in the queue, and not done yet', async () => {
    const world = await started()
    const result = await world.submit('a', { reason: 'moved', actor: 'ann', names: ['x', 'y', 'x'] })
    expect(result).toMatchObject({
      id: 'a',
      status: 'pending',
      attempts: 0,
      reason: 'moved',
      names: ['x', 'y'],
    })
    expect(result).toMatchObject({ position: null, token: null, startedAt: null, endedAt: null })
    expect(await world.drain.get('a')).toEqual(result)
    expect((await world.drain.list()).records).toEqual([result])
    expect(await world.queue.size()).toBe(1)
    expect(world.done).toEqual([])
  })

  test('an immediate or lazy invalidation is never queued', async () => {
    const world = await started()
    for (const strategy of ['immediate', 'lazy'] as const) {
      await expect(world.submit('a', { strategy })).rejects.toMatchObject({ code: 'E_STRATEGY_UNKNOWN' })
    }
    expect(await world.queue.size()).toBe(0)
    expect(world.records).toEqual([])
  })

  test('a full queue refuses, and the record says so', async () => {
    const world = await started({ queue: (history) => new MemoryQueue({ history, sizeMax: 1 }) })
    await world.submit('a')
    await expect(world.submit('b')).rejects.toMatchObject({ code: 'E_INVALIDATION_QUEUE_FULL' })
    expect(await world.drain.get('b')).toMatchObject({
      status: 'failed',
      error: { code: 'E_INVALIDATION_QUEUE_FULL' },
    })
    await world.clock.advance(tick.scheduled)
    expect(world.names).toEqual([['a']])
  })
})

describe('ticking', () => {
  test('each strategy is drained at its own interval, and not before', async () => {
    const world = await started()
    await world.submit('s')
    await world.submit('b', { strategy: 'background' })
    await world.clock.advance(tick.background - 1)
    expect(world.done).toEqual([])
    await world.clock.advance(1)
    expect(world.names).toEqual([['b']])
    await world.clock.advance(tick.scheduled - tick.background)
    expect(world.names).toEqual([['b'], ['s']])
  })

  test('a cron expression sets the time of the tick', async () => {
    const start = new Date(2026, 0, 1, 2, 59, 0).getTime()
    const rules = { strategies: { scheduled: { cron: '0 3 * * *' } } }
    const world = await started({ clock: new TestClock(start), rules })
    await world.submit('a')
    await world.clock.advance(59 * second)
    expect(world.done).toEqual([])
    await world.clock.advance(second)
    expect(world.names).toEqual([['a']])
  })

  test('what is submitted during a round waits for the next tick', async () => {
    const world = await started()
    world.during = async () => {
      world.during = () => {}
      world.clock.step(1)
      await world.submit('late')
    }
    await world.submit('early')
    await world.clock.advance(tick.scheduled)
    expect(world.names).toEqual([['early']])
    await world.clock.advance(tick.scheduled)
    expect(world.names).toEqual([['early'], ['late']])
  })

  test('a tick during a round is not lost', async () => {
    const world = await started()
    const { passed, open } = gate()
    world.during = () => passed
    await world.submit('a', { strategy: 'background' })
    await world.clock.advance(tick.background)
    await world.submit('b', { strategy: 'background' })
    await world.clock.advance(tick.background)
    expect(world.names).toEqual([['a']])
    open()
    await world.clock.settle()
    expect(world.names).toEqual([['a'], ['b']])
  })

  test('a tick during a claim is not lost, though the claim finds nothing', async () => {
    const { passed, open } = gate()
    class Queue extends MemoryQueue {
      override async claim(...claim: Parameters<MemoryQueue['claim']>) {
        const jobs = await super.claim(...claim)
        await passed
        return jobs
      }
    }
    const world = await started({ queue: (history) => new Queue({ history }) })
    await world.clock.advance(tick.background)
    await world.submit('late', { strategy: 'background' })
    await world.clock.advance(tick.background)
    open()
    await world.clock.settle()
    expect(world.names).toEqual([['late']])
  })

  test('what was submitted before the wall clock was set back is due all the same', async () => {
    const world = await started()
    await world.submit('before')
    world.clock.step(-3600 * second)
    await world.submit('after')
    await world.drain.flush()
    expect(world.names).toEqual([['after', 'before']])
  })

  test('flush drains what is due without a tick', async () => {
    const world = await started()
    await world.submit('s')
    await world.submit('b', { strategy: 'background' })
    await world.drain.flush()
    expect(world.names).toEqual([['s'], ['b']])
  })

  test('the event loop has its turn between batches', async () => {
    const world = await started({ rules: { strategies: { scheduled: { batch: 1 } } } })
    for (const id of ['a', 'b', 'c']) await world.submit(id)
    await world.drain.flush()
    expect(world.done).toHaveLength(3)
    expect(world.clock.turns).toBe(4)
  })
})

describe('batches', () => {
  test('scheduled goes in batches of 100 names, background of 1000', async () => {
    const world = await started()
    for (let i = 0; i < 1100; i++) {
      await world.submit(`s${i}`)
      await world.submit(`b${i}`, { strategy: 'background' })
    }
    await world.drain.flush()
    const sizes = (letter: string) =>
      world.names.filter(([first]) => first?.startsWith(letter)).map((names) => names.length)
    expect(sizes('s')).toEqual(Array.from({ length: 11 }, () => 100))
    expect(sizes('b')).toEqual([1000, 100])
  })

  test('several calls for one name are done once, and each has its own record', async () => {
    const world = await started()
    await world.submit('1', { names: ['x'], reason: 'one' })
    await world.clock.advance(second)
    await world.submit('2', { names: ['x', 'y'], reason: 'two' })
    await world.drain.flush()
    expect(world.names).toEqual([['x', 'y']])
    const done = { status: 'completed', reached: 7, position: { n: 1 }, attempts: 1, startedAt: second }
    expect(await world.drain.get('1')).toMatchObject({ ...done, names: ['x'], reason: 'one', requestedAt: 0 })
    expect(await world.drain.get('2')).toMatchObject({ ...done, names: ['x', 'y'], requestedAt: second })
    expect(world.statuses('1')).toEqual(['pending', 'running', 'completed'])
  })

  test('what asks for different things is not done together', async () => {
    const world = await started()
    const different = [
      {},
      { consistency: 'strict' },
      { mode: 'soft' },
      { all: true },
      { prefix: 'a' },
      { prefix: 'b' },
    ] as const
    for (const [i, parts] of different.entries()) await world.submit(`r${i}`, { names: ['x'], ...parts })
    await world.drain.flush()
    expect(world.done).toHaveLength(different.length)
    for (const [i, parts] of different.entries()) {
      expect(world.done[i]?.request).toMatchObject({ id: `r${i}`, names: ['x'], ...parts })
    }
  })

  test('the request of a batch says why and who where all agree', async () => {
    const world = await started()
    await world.submit('1', { reason: 'import', actor: 'ann' })
    await world.submit('2', { reason: 'import', actor: 'bob' })
    await world.drain.flush()
    expect(world.done[0]?.request).toMatchObject({
      id: '1',
      names: ['1', '2'],
      reason: 'import',
      actor: null,
    })
  })

  test('the better priority goes first across strategies', async () => {
    const rules = { strategies: { scheduled: { priority: 5 }, background: { priority: 1 } } }
    const world = await started({ rules })
    await world.submit('s')
    await world.submit('b', { strategy: 'background' })
    await world.drain.flush()
    expect(world.names).toEqual([['b'], ['s']])
  })
})

describe('cancelling and retrying', () => {
  test('what waits can be cancelled, and is not done', async () => {
    const world = await started()
    await world.submit('a')
    expect(await world.drain.cancel('a')).toMatchObject({ id: 'a', status: 'cancelled', endedAt: 0 })
    await world.clock.advance(tick.scheduled)
    expect(world.done).toEqual([])
    expect(await world.drain.get('a')).toMatchObject({ status: 'cancelled' })
  })

  test('what runs, or has ended, cannot be cancelled', async () => {
    const world = await started()
    const { passed, open } = gate()
    world.during = () => passed
    await world.submit('a')
    await world.clock.advance(tick.scheduled)
    await expect(world.drain.cancel('a')).rejects.toMatchObject({
      code: 'E_INVALIDATION_STATUS',
      message: expect.stringContaining(
        "'a' is running and cannot be cancelled; only one that is pending can",
      ),
    })
    open()
    await world.clock.settle()
    await expect(world.drain.cancel('a')).rejects.toMatchObject({ details: { id: 'a', status: 'completed' } })
  })

  test('what was cancelled or has failed can be retried, with all its runs before it', async () => {
    const world = await started()
    world.fails = () => true
    await world.submit('failed')
    await world.clock.advance(tick.scheduled + 60 * second)
    await world.submit('cancelled')
    await world.drain.cancel('cancelled')
    for (const id of ['failed', 'cancelled']) {
      expect(await world.drain.retry(id)).toMatchObject({ id, status: 'pending', attempts: 0, error: null })
    }
    await world.drain.flush()
    world.fails = () => false
    await world.clock.advance(60 * second)
    expect(await world.drain.get('failed')).toMatchObject({ status: 'completed', attempts: 2 })
    expect(await world.drain.get('cancelled')).toMatchObject({ status: 'completed', attempts: 2 })
  })

  test('what cannot be read any more cannot be retried: it would be done with nothing', async () => {
    const world = await started()
    await world.submit('a')
    await world.history.put({ ...(await world.drain.cancel('a')), names: [], status: 'failed' })
    await expect(world.drain.retry('a')).rejects.toMatchObject({ code: 'E_TARGET_EMPTY' })
  })

  test('what is pending or completed cannot be retried', async () => {
    const world = await started()
    await world.submit('a')
    const refused = { code: 'E_INVALIDATION_STATUS', message: expect.stringContaining('failed or cancelled') }
    await expect(world.drain.retry('a')).rejects.toMatchObject(refused)
    await world.drain.flush()
    await expect(world.drain.retry('a')).rejects.toMatchObject(refused)
  })

  test('asked twice at once, it is queued once', async () => {
    const world = await started()
    await world.submit('a')
    await world.drain.cancel('a')
    await Promise.all([world.drain.retry('a'), world.drain.retry('a')])
    await world.drain.flush()
    expect(world.names).toEqual([['a']])
  })

  test('an immediate one that failed is carried out at once, once, and not queued', async () => {
    const world = await started()
    const failed = record('a', { status: 'failed', attempts: 1, error: { code: 'E_X', message: 'x' } })
    await world.history.put(failed)
    const results = await Promise.all([world.drain.retry('a'), world.drain.retry('a')])
    expect(results[0]).toMatchObject({ id: 'a', status: 'completed', attempts: 2, error: null })
    expect(world.names).toEqual([['a']])
    expect(await world.queue.size()).toBe(0)
    expect(world.statuses('a')).toEqual(['running', 'completed'])
  })

  test('what the history does not know can be neither', async () => {
    const world = await started()
    await expect(world.drain.cancel('?')).rejects.toMatchObject({ code: 'E_INVALIDATION_UNKNOWN' })
    await expect(world.drain.retry('?')).rejects.toMatchObject({ code: 'E_INVALIDATION_UNKNOWN' })
  })
})

describe('running now', () => {
  test('what waits is carried out at once, out of turn, and nothing else is', async () => {
    const world = await started()
    await world.submit('a')
    await world.submit('b')
    expect(await world.drain.runNow('b')).toMatchObject({ id: 'b', status: 'completed', attempts: 1 })
    expect(world.names).toEqual([['b']])
    expect(world.statuses('b')).toEqual(['pending', 'running', 'completed'])
    await world.drain.flush()
    expect(world.names).toEqual([['b'], ['a']])
  })

  test('what fails is tried again as often as it may be, and the answer is how it ended', async () => {
    const world = await started()
    world.fails = () => true
    await world.submit('a', { consistency: 'eventual' })
    let record: unknown
    void world.drain.runNow('a').then((ended) => {
      record = ended
    })
    await world.clock.advance(749)
    expect(world.failed).toHaveLength(1)
    expect(record).toBeUndefined()
    await world.clock.advance(1)
    expect(record).toMatchObject({ status: 'failed', attempts: 2, error: { code: 'E_TIER' } })
    expect(await world.queue.size()).toBe(0)
  })

  test('what was put off does not wait any longer', async () => {
    const world = await started()
    world.fails = () => true
    await world.submit('a')
    await world.drain.flush()
    world.fails = () => false
    expect(await world.drain.runNow('a')).toMatchObject({ status: 'completed', attempts: 2 })
  })

  test('what does not wait cannot be', async () => {
    const world = await started()
    await world.submit('a')
    const running = world.drain.runNow('a')
    const refused = { code: 'E_INVALIDATION_STATUS', message: expect.stringContaining('run now') }
    await expect(world.drain.runNow('a')).rejects.toMatchObject(refused)
    await running
    await expect(world.drain.runNow('a')).rejects.toMatchObject({
      ...refused,
      details: { status: 'completed' },
    })
    await expect(world.drain.runNow('?')).rejects.toMatchObject({ code: 'E_INVALIDATION_UNKNOWN' })
  })

  test('closing does not wait for its retries: it stays in the queue', async () => {
    const world = await started()
    world.fails = () => true
    await world.submit('a', { consistency: 'strict' })
    const { passed, open } = gate()
    world.during = () => passed
    const run = world.drain.runNow('a')
    await world.clock.settle()
    const closing = world.drain.close()
    open()
    await closing
    expect(await run).toMatchObject({ status: 'pending', attempts: 1, error: { code: 'E_TIER' } })
    expect(await world.queue.size()).toBe(1)
  })

  test('closing ends the wait for its retry', async () => {
    const world = await started()
    world.fails = () => true
    await world.submit('a', { consistency: 'strict' })
    const run = world.drain.runNow('a')
    await world.clock.advance(10)
    await world.drain.close()
    expect(await run).toMatchObject({ status: 'pending', attempts: 1, error: { code: 'E_TIER' } })
    expect([await world.queue.size(), world.clock.waiting]).toEqual([1, 0])
  })
})
