import { describe, expect, test, vi } from 'vitest'
import { record } from '../../tests/conformance/history.ts'
import { Machine } from '../../tests/disk-machine.ts'
import { second, tick } from '../../tests/drain-world.ts'

const hang = () => new Promise<void>(() => undefined)

describe('after a restart', () => {
  test('what was left is done, retries too', async () => {
    const machine = new Machine()
    const before = await machine.start()
    before.fails = () => true
    await before.submit('tried')
    await before.drain.flush()
    await before.submit('fresh')
    await before.close()
    const after = await machine.start()
    await machine.clock.advance(second)
    expect(after.statuses('tried')).toEqual(['running', 'completed'])
    await machine.clock.advance(tick.scheduled)
    expect(await after.drain.get('fresh')).toMatchObject({ status: 'completed', attempts: 1 })
    expect(await after.queue.size()).toBe(0)
  })

  test('a run that a crash cut off is repeated, and was counted', async () => {
    const machine = new Machine()
    const before = await machine.start()
    before.during = hang
    await before.submit('a', { consistency: 'strict' })
    await before.submit('b', { consistency: 'strict' })
    await machine.clock.advance(tick.scheduled)
    expect(await before.drain.get('a')).toMatchObject({ status: 'running', attempts: 1 })
    await before.crash()
    const after = await machine.start()
    expect(await after.drain.get('b')).toMatchObject({
      status: 'pending',
      attempts: 1,
      error: { code: 'E_INVALIDATION_CRASHED' },
    })
    await machine.clock.advance(tick.scheduled)
    // Each by itself: either may have been the reason.
    expect(after.names).toEqual([['a'], ['b']])
    expect(await after.drain.get('b')).toMatchObject({ status: 'completed', attempts: 2, error: null })
  })

  test.each([
    ['relaxed', 3],
    ['eventual', 4],
    ['strict', 6],
  ] as const)(
    'a %s job whose runs all crash is given up after %d, and others are not',
    async (consistency, runs) => {
      const machine = new Machine()
      let crashes = 0
      for (let isCrashed = true; isCrashed; ) {
        isCrashed = false
        const process = await machine.start()
        process.during = ({ names }) => {
          if (!names.includes('poison')) return undefined
          isCrashed = true
          return hang()
        }
        if (crashes === 0) {
          for (const id of ['before', 'poison', 'after']) await process.submit(id, { consistency })
          await process.submit('other', { consistency, mode: 'soft' })
        }
        const flushed = process.drain.flush()
        await machine.clock.settle()
        if (!isCrashed) await flushed
        else crashes++
        await process.crash()
      }
      const last = await machine.start()
      expect(crashes).toBe(runs)
      expect(await last.drain.get('poison')).toMatchObject({
        status: 'failed',
        attempts: runs,
        error: { code: 'E_INVALIDATION_CRASHED', message: expect.stringContaining(`${runs} runs`) },
      })
      for (const id of ['before', 'after', 'other']) {
        expect(await last.drain.get(id)).toMatchObject({ status: 'completed' })
      }
      expect(await last.queue.size()).toBe(0)
      expect(await last.drain.retry('poison')).toMatchObject({ status: 'pending', attempts: 0, error: null })
    },
  )
})

describe('what was carried out without the queue', () => {
  test.each(['immediate', 'lazy'] as const)(
    '%s: ends as cut off when its process is gone',
    async (strategy) => {
      const machine = new Machine()
      const before = await machine.start()
      await before.history.put(record('running', { status: 'running', strategy, error: null }))
      await before.history.put(record('pending', { status: 'pending', strategy }))
      await before.history.put(record('ended', { status: 'failed', strategy, endedAt: 0 }))
      const other = await machine.start()
      expect(other.records).toEqual([])
      await before.crash()
      const after = await machine.start()
      for (const id of ['running', 'pending']) {
        const cutOff = { status: 'failed', endedAt: 0, error: { code: 'E_INVALIDATION_CUT_OFF' } }
        expect(await after.drain.get(id)).toMatchObject(cutOff)
        expect(after.statuses(id)).toEqual(['failed'])
      }
      expect(after.statuses('ended')).toEqual([])
      expect(await after.drain.retry('running')).toMatchObject({ status: 'completed', attempts: 2 })
      expect(after.names).toEqual([['running']])
    },
  )

  test('is noticed by who lives on, at its next tick', async () => {
    const machine = new Machine()
    const [before, other] = [await machine.start(), await machine.start()]
    await before.history.put(record('a', { status: 'running' }))
    await machine.clock.advance(tick.background)
    expect(await other.drain.get('a')).toMatchObject({ status: 'running' })
    await before.crash()
    await machine.clock.advance(tick.background)
    expect(await other.drain.get('a')).toMatchObject({ error: { code: 'E_INVALIDATION_CUT_OFF' } })
  })

  test('is ended once, however many look at the same time', async () => {
    const machine = new Machine()
    const before = await machine.start()
    for (let i = 0; i < 450; i++) void before.history.put(record(`r${i}`, { status: 'running' }))
    await machine.clock.settle()
    await before.crash()
    const others = await Promise.all([machine.start(), machine.start(), machine.start()])
    const told = others.flatMap((each) => each.records.map(({ id }) => id))
    expect(told).toHaveLength(450)
    expect(new Set(told).size).toBe(450)
  })

  test('retried by several at once, it is carried out once', async () => {
    const machine = new Machine()
    const [mine, theirs] = [await machine.start(), await machine.start()]
    await mine.history.put(record('a', { status: 'failed' }))
    const results = await Promise.allSettled([mine.drain.retry('a'), theirs.drain.retry('a')])
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected'])
    expect([...mine.names, ...theirs.names]).toEqual([['a']])
  })

  test('a retry that a crash cut off is shown as such, and can be retried', async () => {
    const machine = new Machine()
    const before = await machine.start()
    await before.history.put(record('a', { status: 'failed' }))
    before.during = hang
    void before.drain.retry('a')
    await machine.clock.settle()
    const other = await machine.start()
    await expect(other.drain.retry('a')).rejects.toMatchObject({
      code: 'E_INVALIDATION_STATUS',
      details: { status: 'running' },
    })
    await before.crash()
    const after = await machine.start()
    expect(await after.drain.retry('a')).toMatchObject({ status: 'completed', attempts: 3 })
  })
})

test('what is in the queue after all, though its caller was told of a failure, is not shown as failed', async () => {
  const machine = new Machine()
  const process = await machine.start()
  vi.spyOn(machine.place.environment, 'flush').mockRejectedValueOnce(new Error('the disk'))
  await expect(process.submit('a')).rejects.toThrow('the disk')
  expect(await process.drain.get('a')).toMatchObject({ status: 'pending' })
  await process.drain.flush()
  expect(process.names).toEqual([['a']])
  expect(await process.drain.get('a')).toMatchObject({ status: 'completed' })
})

describe('several processes', () => {
  test('what one put in, another does at its own tick', async () => {
    const machine = new Machine()
    const [mine, theirs] = [await machine.start(), await machine.start()]
    await mine.submit('a', { strategy: 'background' })
    await mine.drain.close()
    await machine.clock.advance(tick.background)
    expect(theirs.names).toEqual([['a']])
    expect(await mine.history.get('a')).toMatchObject({ status: 'completed' })
  })

  test('what was put off by one that died is tried again in time', async () => {
    const machine = new Machine()
    const [mine, theirs] = [await machine.start(), await machine.start()]
    mine.fails = () => true
    await mine.submit('a', { strategy: 'background' })
    await mine.drain.flush()
    await theirs.drain.flush()
    await mine.crash()
    await machine.clock.advance(second)
    expect(theirs.names).toEqual([['a']])
  })

  test('any can cancel, retry and run now what another put in', async () => {
    const machine = new Machine()
    const [mine, theirs] = [await machine.start(), await machine.start()]
    for (const id of ['a', 'b', 'c']) await mine.submit(id)
    expect(await theirs.drain.cancel('a')).toMatchObject({ status: 'cancelled' })
    await expect(mine.drain.cancel('a')).rejects.toMatchObject({ code: 'E_INVALIDATION_STATUS' })
    expect(await mine.drain.retry('a')).toMatchObject({ status: 'pending' })
    expect(await theirs.drain.runNow('b')).toMatchObject({ status: 'completed', attempts: 1 })
    await expect(mine.drain.runNow('b')).rejects.toMatchObject({ code: 'E_INVALIDATION_STATUS' })
    await mine.drain.flush()
    expect([mine.names, theirs.names]).toEqual([[['c', 'a']], [['b']]])
  })

  test('retried by several at once, it is queued once; when it is completed, no more', async () => {
    const machine = new Machine()
    const [mine, theirs] = [await machine.start(), await machine.start()]
    await mine.submit('a')
    await mine.drain.cancel('a')
    await Promise.all([mine.drain.retry('a'), theirs.drain.retry('a'), theirs.drain.retry('a')])
    expect(await mine.queue.size()).toBe(1)
    await Promise.all([mine.drain.flush(), theirs.drain.flush()])
    expect([...mine.names, ...theirs.names]).toEqual([['a']])
    await expect(theirs.drain.retry('a')).rejects.toMatchObject({ code: 'E_INVALIDATION_STATUS' })
  })

  test('one that starts leaves alone what another is about', async () => {
    const machine = new Machine()
    const mine = await machine.start()
    mine.during = hang
    await mine.submit('running', { strategy: 'background' })
    await machine.clock.advance(tick.background)
    await mine.submit('waiting')
    const theirs = await machine.start()
    await theirs.drain.flush()
    expect(theirs.names).toEqual([['waiting']])
    expect(await theirs.drain.get('running')).toMatchObject({ status: 'running', attempts: 1 })
    expect(theirs.statuses('running')).toEqual([])
  })
})
