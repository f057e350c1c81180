import { describe, expect, test } from 'vitest'
import { TestClock } from '../../tests/clock.ts'
import { second, started, tick } from '../../tests/drain-world.ts'
import type { InvalidationResult, Status } from '../model/invalidation.ts'
import { MemoryHistory } from './memory-history.ts'
import { MemoryQueue } from './memory-queue.ts'

describe('failing', () => {
  test.each([
    ['strict', 4],
    ['eventual', 2],
    ['relaxed', 1],
  ] as const)('a %s invalidation is given up after %d runs, and shown', async (consistency, runs) => {
    const world = await started()
    world.fails = () => true
    await world.submit('a', { consistency })
    await world.clock.advance(tick.scheduled + 60 * second)
    expect(world.failed).toHaveLength(runs)
    expect(await world.drain.get('a')).toMatchObject({
      status: 'failed',
      attempts: runs,
      error: { code: 'E_TIER', message: 'the tier did not answer' },
    })
    expect(await world.queue.size()).toBe(0)
    expect(world.errors).toHaveLength(runs)
  })

  test('the wait doubles from run to run, half of it by chance', async () => {
    const world = await started()
    world.fails = () => true
    await world.submit('a', { consistency: 'strict' })
    await world.clock.advance(tick.scheduled + 60 * second)
    const at = world.failed.map((run) => run.at - tick.scheduled)
    expect(at).toEqual([0, 750, 750 + 1500, 750 + 1500 + 3000])
  })

  test('while it waits to be tried again it is pending, and says why', async () => {
    const world = await started()
    world.fails = () => true
    await world.submit('a')
    await world.drain.flush()
    expect(await world.drain.get('a')).toMatchObject({
      status: 'pending',
      attempts: 1,
      error: { code: 'E_TIER' },
    })
    world.fails = () => false
    await world.clock.advance(second)
    expect(await world.drain.get('a')).toMatchObject({ status: 'completed', attempts: 2, error: null })
    expect(world.statuses('a')).toEqual(['pending', 'running', 'pending', 'running', 'completed'])
  })

  test('retries and delays can be set', async () => {
    const world = await started({ rules: { consistency: { relaxed: { retries: 1, retryDelay: '10s' } } } })
    world.fails = () => true
    await world.submit('a', { consistency: 'relaxed' })
    await world.clock.advance(tick.scheduled + 60 * second)
    expect(world.failed.map((run) => run.at - tick.scheduled)).toEqual([0, 7500])
  })

  test('a listener that throws disturbs nothing, and is told of', async () => {
    const world = await started()
    world.onRecord = () => {
      throw new Error('listener')
    }
    await world.submit('a')
    await world.drain.flush()
    expect(world.names).toEqual([['a']])
    expect(world.errors).toHaveLength(3)
    expect(await world.drain.get('a')).toMatchObject({ status: 'completed' })
  })
})

describe('when the queue or the history fails', () => {
  test('a submission that the history does not take is refused', async () => {
    const history = new FlakyHistory({ clock: new TestClock(0) })
    const world = await started({ history })
    history.isDown = true
    await expect(world.submit('a')).rejects.toThrow('down')
    expect(await world.queue.size()).toBe(0)
  })

  test('what was done is not done again for want of a record, and is recorded when that is possible', async () => {
    const history = new FlakyHistory({ clock: new TestClock(0) })
    const world = await started({ history })
    await world.submit('a')
    history.isDown = true
    await world.drain.flush()
    await world.clock.advance(10 * second)
    expect(world.names).toEqual([['a']])
    history.isDown = false
    expect(await world.drain.get('a')).toMatchObject({ status: 'pending' })
    await world.clock.advance(second)
    expect(await world.drain.get('a')).toMatchObject({ status: 'completed' })
    expect(await world.queue.size()).toBe(0)
    expect(world.names).toEqual([['a']])
    expect(world.errors.map(({ during }) => during)).toContain('recording an invalidation')
  })

  test('what ended but cannot leave the queue is not shown as ended, and leaves it when it can', async () => {
    class Queue extends MemoryQueue {
      isDown = true
      override done(...args: Parameters<MemoryQueue['done']>) {
        return this.isDown ? Promise.reject(new Error('down')) : super.done(...args)
      }
    }
    let queue: Queue | undefined
    const world = await started({
      queue: (history) => {
        queue = new Queue({ history })
        return queue
      },
    })
    await world.submit('a', { consistency: 'relaxed' })
    await world.drain.flush()
    expect(await world.drain.get('a')).toMatchObject({ status: 'running' })
    await expect(world.drain.retry('a')).rejects.toMatchObject({ code: 'E_INVALIDATION_STATUS' })
    if (queue !== undefined) queue.isDown = false
    await world.clock.advance(second)
    expect(await world.drain.get('a')).toMatchObject({ status: 'completed' })
    expect(await world.queue.size()).toBe(0)
    expect(world.names).toEqual([['a']])
  })

  test('a queue that cannot be asked is asked again at the next tick', async () => {
    class Queue extends MemoryQueue {
      isDown = true
      override claim(...claim: Parameters<MemoryQueue['claim']>) {
        return this.isDown ? Promise.reject(new Error('down')) : super.claim(...claim)
      }
    }
    let queue: Queue | undefined
    const world = await started({
      queue: (history) => {
        queue = new Queue({ history })
        return queue
      },
    })
    await world.submit('a')
    await world.clock.advance(tick.scheduled)
    expect(world.errors).not.toEqual([])
    if (queue !== undefined) queue.isDown = false
    await world.clock.advance(tick.scheduled)
    expect(world.names).toEqual([['a']])
  })
})

/** A history that takes and tells nothing while it is down. */
class FlakyHistory extends MemoryHistory {
  isDown = false

  override write(record: InvalidationResult): void {
    this.#up()
    super.write(record)
  }

  override statusOf(id: string): Status | undefined {
    this.#up()
    return super.statusOf(id)
  }

  #up(): void {
    if (this.isDown) throw new Error('down')
  }
}
