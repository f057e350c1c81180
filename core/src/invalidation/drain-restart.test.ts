import { describe, expect, test } from 'vitest'
import { gate, second, started, tick } from '../../tests/drain-world.ts'

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
})
