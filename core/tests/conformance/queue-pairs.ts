/**
 * What a queue and its history have to do together, and several handles on them.
 */
import { expect, test } from 'vitest'
import { record } from './history.ts'
import { both, claimIds, done, fill, job, limits, type QueueFixture, type Sharing } from './queue-jobs.ts'

/** Status by status, with the rest of the record that follows from the job. */
export function recordTests({ open }: QueueFixture): void {
  const names = { names: ['x', 'y'], reason: 'why', actor: 'who', strategy: 'scheduled' } as const

  test('each step is in the record: pending, running, as it ended', async () => {
    const { queue, history } = await open(limits)
    await queue.add(job('a', names))
    expect(await history.get('a')).toMatchObject({
      ...names,
      status: 'pending',
      attempts: 0,
      startedAt: null,
    })
    await claimIds(queue)
    expect(await history.get('a')).toMatchObject({ status: 'pending' })
    await queue.begin(job('a', names), 5)
    expect(await history.get('a')).toMatchObject({ ...names, status: 'running', attempts: 1, startedAt: 5 })
    const error = { code: 'E_TIER', message: 'no answer' }
    await queue.release(job('a', { ...names, attempts: 1, error }), 0)
    expect(await history.get('a')).toMatchObject({ status: 'pending', attempts: 1, startedAt: null, error })
    await claimIds(queue)
    const ended = record('a', { ...names, endedAt: 1_700_000_000_000, attempts: 2, reached: 7 })
    await queue.done(ended)
    expect(await history.get('a')).toEqual(ended)
  })

  test('what is taken out before its turn is cancelled', async () => {
    const { queue, history } = await open(limits)
    await queue.add(job('a', names))
    await queue.remove('a', 1_700_000_000_000)
    expect(await history.get('a')).toMatchObject({
      ...names,
      status: 'cancelled',
      endedAt: 1_700_000_000_000,
    })
  })

  test('a step that is not taken leaves the record as it is', async () => {
    const { queue, history } = await open({ ...limits, sizeMax: 1 })
    await queue.add(job('a'))
    await queue.begin(job('a'), 5)
    await done(queue, 'a')
    await queue.release(job('a', { attempts: 5 }), 0)
    await queue.add(job('a', { attempts: 5 }))
    await expect(queue.add(job('b'))).rejects.toMatchObject({ code: 'E_INVALIDATION_QUEUE_FULL' })
    expect(await history.get('a')).toMatchObject({ status: 'pending', attempts: 0 })
    expect(await history.get('b')).toBeUndefined()
    await claimIds(queue)
    await queue.remove('a', 9)
    expect(await history.get('a')).toMatchObject({ status: 'pending' })
  })

  test('what failed or was cancelled may come again, what is completed may not', async () => {
    const { queue, history } = await open(limits)
    for (const status of ['failed', 'cancelled', 'completed'] as const) {
      await history.put(record(status, { status }))
      expect(await queue.add(job(status))).toBe(status !== 'completed')
    }
    expect(await queue.size()).toBe(2)
    expect(await history.get('failed')).toMatchObject({ status: 'pending' })
    expect(await history.get('completed')).toMatchObject({ status: 'completed' })
  })
}

export function sharingTests({ open }: QueueFixture, { share }: Sharing): void {
  test('what one handle claimed, no other can claim, begin, finish, release or take out', async () => {
    const pair = await open(limits)
    const { queue: theirs } = await share(pair)
    const mine = pair.queue
    await mine.add(job('a'))
    expect(await claimIds(mine)).toEqual(['a'])
    expect(await claimIds(theirs)).toEqual([])
    expect(await theirs.begin(job('a'), 5)).toBeUndefined()
    expect(await done(theirs, 'a')).toBe(false)
    expect(await theirs.release(job('a'), 0)).toBe(false)
    expect(await theirs.remove('a', 9)).toBeUndefined()
    expect(await theirs.take('a')).toBeUndefined()
    expect(await pair.history.get('a')).toMatchObject({ status: 'pending' })
    expect(await done(mine, 'a')).toBe(true)
    expect(await theirs.size()).toBe(0)
  })

  test('what a handle had claimed when it closed, another gets', async () => {
    const mine = await open(limits)
    const theirs = await share(mine)
    await mine.queue.add(job('a', { attempts: 1 }))
    await claimIds(mine.queue)
    await mine.queue.close()
    const claim = { now: 0, namesMax: both, jobsMax: 10 }
    expect(await theirs.queue.claim(claim)).toEqual([job('a', { attempts: 1 })])
  })

  test('a run that had begun when its handle closed is counted, and no crash', async () => {
    const mine = await open(limits)
    const theirs = await share(mine)
    await mine.queue.add(job('a'))
    await claimIds(mine.queue)
    await mine.queue.begin(job('a'), 5)
    await mine.queue.close()
    const claim = { now: 0, namesMax: both, jobsMax: 10 }
    expect(await theirs.queue.claim(claim)).toEqual([job('a', { attempts: 1 })])
    expect(await theirs.history.get('a')).toMatchObject({ status: 'pending', attempts: 1, error: null })
  })

  test('handles see one order, one size and one bound', async () => {
    const mine = await open({ ...limits, sizeMax: 3 })
    const { queue: theirs } = await share(mine)
    await theirs.add(job('b', { priority: 3 }))
    await mine.queue.add(job('a', { priority: 1 }))
    await theirs.add(job('c', { priority: 3 }))
    await expect(theirs.add(job('d'))).rejects.toMatchObject({ code: 'E_INVALIDATION_QUEUE_FULL' })
    expect(await mine.queue.add(job('b'))).toBe(false)
    expect((await mine.queue.list()).map(({ id }) => id)).toEqual(['b', 'a', 'c'])
    expect(await claimIds(theirs)).toEqual(['a', 'b', 'c'])
  })

  test('two handles that claim at the same time share nothing', async () => {
    const mine = await open(limits)
    const theirs = await share(mine)
    await fill(
      mine.queue,
      Array.from({ length: 40 }, (_, i) => job(`job${i}`)),
    )
    const claims = await Promise.all(
      Array.from({ length: 10 }, (_, i) => claimIds((i % 2 === 0 ? mine : theirs).queue, { jobsMax: 4 })),
    )
    expect(claims.flat()).toHaveLength(40)
    expect(new Set(claims.flat()).size).toBe(40)
  })
}

export function crashTests({ open }: QueueFixture, { share, kill }: Sharing): void {
  const claim = { now: 0, namesMax: both, jobsMax: 10 }

  test('what a process had claimed when it ended waits again, in its place', async () => {
    const mine = await open(limits)
    const theirs = await share(mine)
    await fill(mine.queue, [job('a'), job('b')])
    expect(await claimIds(mine.queue, { jobsMax: 1 })).toEqual(['a'])
    await kill(mine)
    expect(await theirs.queue.claim(claim)).toEqual([job('a'), job('b')])
    expect(await theirs.queue.size()).toBe(2)
  })

  test('a run that the end of its process cut off is counted, and the record says why it waits', async () => {
    const mine = await open(limits)
    const theirs = await share(mine)
    await fill(mine.queue, [job('a'), job('b')])
    await claimIds(mine.queue)
    await mine.queue.begin(job('a'), 5)
    expect(await theirs.history.get('a')).toMatchObject({ status: 'running' })
    await kill(mine)
    const [a, b] = await theirs.queue.claim(claim)
    expect(a).toMatchObject({ id: 'a', attempts: 1, error: { code: 'E_INVALIDATION_CRASHED' } })
    expect(b).toEqual(job('b'))
    expect(await theirs.history.get('a')).toMatchObject({
      status: 'pending',
      attempts: 1,
      error: { code: 'E_INVALIDATION_CRASHED' },
    })
  })

  test('who was taken for dead, and was not, changes nothing of what another took over', async () => {
    const mine = await open(limits)
    const theirs = await share(mine)
    await mine.queue.add(job('a'))
    await claimIds(mine.queue)
    await kill(mine)
    await claimIds(theirs.queue)
    await theirs.queue.begin(job('a'), 5)
    expect(await mine.queue.begin(job('a'), 9)).toBeUndefined()
    expect(await mine.queue.release(job('a', { attempts: 9 }), 0)).toBe(false)
    expect(await done(mine.queue, 'a')).toBe(false)
    expect(await theirs.history.get('a')).toMatchObject({ status: 'running', startedAt: 5 })
    expect(await done(theirs.queue, 'a')).toBe(true)
  })
}
