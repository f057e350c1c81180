import { describe, expect, test } from 'vitest'
import { record } from '../../tests/conformance/history.ts'
import { gate, second, started, tick, World } from '../../tests/drain-world.ts'
import { MemoryQueue } from './memory-queue.ts'

describe('closing and starting', () => {
  test('closing waits for the batch under way and leaves the rest in the queue', async () => {
    const world = await started({ rules: { strategies: { scheduled: { batch: 1 } } } })
    const { passed, open } = gate()
    world.during = () => passed
    await world.submit('a')
    await world.submit('b')
    await world.clock.advance(tick.scheduled)
    let isClosed = false
    const closing = world.drain.close().then(() => {
      isClosed = true
    })
    await world.clock.settle()
    expect(isClosed).toBe(false)
    open()
    await closing
    expect(world.names).toEqual([['a']])
    expect((await world.queue.list()).map((job) => job.id)).toEqual(['b'])
    expect(world.clock.waiting).toBe(0)
    await expect(world.submit('c')).rejects.toMatchObject({ code: 'E_CACHE_CLOSED' })
    await expect(world.drain.flush()).rejects.toMatchObject({ code: 'E_CACHE_CLOSED' })
  })

  test('what was left is done after a restart, retries too', async () => {
    const world = await started()
    world.fails = () => true
    await world.submit('tried')
    await world.drain.flush()
    await world.submit('fresh')
    await world.drain.close()
    world.fails = () => false
    expect(world.clock.waiting).toBe(0)
    await world.open().start()
    await world.clock.advance(second)
    expect(world.statuses('tried').at(-1)).toBe('completed')
  })

  test('a run that a crash cuts off is repeated', async () => {
    const before = await started()
    before.during = () => new Promise(() => {})
    await before.submit('a')
    await before.submit('b')
    await before.clock.advance(tick.scheduled)
    expect(await before.drain.get('a')).toMatchObject({ status: 'running', attempts: 1 })
    const queue = new MemoryQueue()
    for (const job of await before.queue.list()) await queue.add(job)
    const after = await started({ clock: before.clock, history: before.history, queue })
    await after.clock.advance(tick.scheduled)
    expect(after.names).toEqual([['a', 'b']])
    expect(await after.drain.get('b')).toMatchObject({ status: 'completed', attempts: 1 })
  })

  test('a job without a record gets one, and an open record without a job gets a job', async () => {
    const world = new World()
    await world.submit('lost')
    const [job] = await world.queue.list()
    await world.queue.remove('lost')
    if (job !== undefined) await world.queue.add({ ...job, id: 'unrecorded' })
    await world.history.put(record('cut off', { status: 'running', strategy: 'background' }))
    await world.drain.start()
    expect(await world.drain.get('unrecorded')).toMatchObject({ status: 'pending' })
    await world.drain.flush()
    for (const id of ['lost', 'unrecorded', 'cut off']) {
      expect(await world.drain.get(id)).toMatchObject({ status: 'completed' })
    }
  })

  test('a job that a crash left behind when its record had ended is not done again', async () => {
    const world = await started()
    await world.submit('a')
    await world.history.put(record('a', { status: 'completed', strategy: 'scheduled' }))
    await world.drain.flush()
    expect(world.done).toEqual([])
    expect(await world.queue.size()).toBe(0)
  })
})
