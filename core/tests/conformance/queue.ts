/**
 * What every queue has to do with its history, whatever the two are made of.
 *
 * `open` makes a handle on an empty queue. A queue that several processes share gives `share` too: another
 * handle on the same jobs, and `kill`: the process of a handle is gone. Nothing here waits or reads the time: times are
 * handed in.
 */
import { describe, expect, test } from 'vitest'
import type { Queue } from '../../src/invalidation/contract.ts'
import { record } from './history.ts'
import { both, claimIds, done, fill, job, limits, type QueueFixture, type QueueLimits } from './queue-jobs.ts'
import { crashTests, recordTests, sharingTests } from './queue-pairs.ts'

interface Opened {
  open(limits: QueueLimits): Promise<Queue>
}

export function queueSuite(name: string, pairs: QueueFixture): void {
  const fixture: Opened = { open: async (given) => (await pairs.open(given)).queue }
  describe(`queue: ${name}`, () => {
    claimTests(fixture)
    batchTests(fixture)
    orderTests(fixture)
    completionTests(fixture)
    cancelTests(fixture)
    limitTests(fixture)
    takeTests(fixture)
    recordTests(pairs)
    if (pairs.sharing !== undefined) {
      sharingTests(pairs, pairs.sharing)
      crashTests(pairs, pairs.sharing)
    }
  })
}

function claimTests({ open }: Opened): void {
  test('an empty queue gives nothing', async () => {
    expect(await claimIds(await open(limits))).toEqual([])
  })

  test('a job comes back as it was put in, with every field', async () => {
    const queue = await open(limits)
    const full = job('a', {
      names: ['photo:1', 'ä/ü\n"\u{1F600}'],
      prefix: 'thumb:',
      all: true,
      strategy: 'background',
      consistency: 'strict',
      mode: 'soft',
      reason: 'moved',
      actor: 'ann',
      priority: 4,
      requestedAt: 1_700_000_000_000,
      dueAt: 1_700_000_000_001,
      attempts: 2,
      error: { code: 'E_TIER', message: 'no answer' },
    })
    await queue.add(full)
    expect(await queue.list()).toEqual([full])
    expect(await queue.claim({ now: full.dueAt, namesMax: both, jobsMax: 10 })).toEqual([full])
  })

  test('a job is not given before it is due', async () => {
    const queue = await open(limits)
    await fill(queue, [job('later', { dueAt: 11 }), job('now', { dueAt: 10 })])
    expect(await claimIds(queue, { now: 9 })).toEqual([])
    expect(await claimIds(queue, { now: 10 })).toEqual(['now'])
    expect(await claimIds(queue, { now: 11 })).toEqual(['later'])
  })

  test('a claimed job is not given again', async () => {
    const queue = await open(limits)
    await queue.add(job('a'))
    expect(await claimIds(queue)).toEqual(['a'])
    expect(await claimIds(queue)).toEqual([])
  })

  test('claims at the same time share nothing', async () => {
    const queue = await open(limits)
    await fill(
      queue,
      Array.from({ length: 40 }, (_, i) => job(`job${i}`)),
    )
    const claims = await Promise.all(
      Array.from({ length: 10 }, () => claimIds(queue, { namesMax: { scheduled: 7 } })),
    )
    expect(claims.flat()).toHaveLength(40)
    expect(new Set(claims.flat()).size).toBe(40)
  })

  test('a job whose id is there already is left as it is, waiting or claimed', async () => {
    const queue = await open(limits)
    await fill(queue, [job('a', { reason: 'first' }), job('a', { reason: 'second' })])
    expect((await queue.list()).map((each) => each.reason)).toEqual(['first'])
    await claimIds(queue)
    await queue.add(job('a'))
    expect(await queue.size()).toBe(1)
    expect(await claimIds(queue)).toEqual([])
  })
}

function batchTests({ open }: Opened): void {
  test('a batch is of the strategies asked for only', async () => {
    const queue = await open(limits)
    await fill(queue, [job('s'), job('b', { strategy: 'background' })])
    expect(await claimIds(queue, { namesMax: { background: 10 } })).toEqual(['b'])
    expect(await claimIds(queue, { namesMax: {} })).toEqual([])
    expect(await claimIds(queue, { namesMax: { scheduled: 10 } })).toEqual(['s'])
  })

  test('a batch is of one strategy: that of the job that goes first', async () => {
    const queue = await open(limits)
    await fill(queue, [
      job('b1', { strategy: 'background', priority: 4 }),
      job('s1', { priority: 2 }),
      job('s2', { priority: 9 }),
    ])
    expect(await claimIds(queue)).toEqual(['s1', 's2'])
    expect(await claimIds(queue)).toEqual(['b1'])
  })

  test('a batch ends before the first job that does not fit', async () => {
    const queue = await open(limits)
    await fill(queue, [job('a', { names: ['1', '2'] }), job('b', { names: ['3', '4'] }), job('c')])
    expect(await claimIds(queue, { namesMax: { scheduled: 3 } })).toEqual(['a'])
    expect(await claimIds(queue, { namesMax: { scheduled: 3 } })).toEqual(['b', 'c'])
  })

  test('a job larger than a batch is a batch of its own', async () => {
    const queue = await open(limits)
    await fill(queue, [job('big', { names: ['1', '2', '3'] }), job('small')])
    expect(await claimIds(queue, { namesMax: { scheduled: 2 } })).toEqual(['big'])
    expect(await claimIds(queue, { namesMax: { scheduled: 2 } })).toEqual(['small'])
  })

  test('a name counts once in a batch, however many jobs have it', async () => {
    const queue = await open(limits)
    await fill(queue, [job('a', { names: ['x'] }), job('b', { names: ['x'] }), job('c', { names: ['y'] })])
    expect(await claimIds(queue, { namesMax: { scheduled: 1 } })).toEqual(['a', 'b'])
  })

  test('a prefix counts as one name, and so does everything', async () => {
    const queue = await open(limits)
    await fill(queue, [
      job('p', { names: [], prefix: 'x' }),
      job('n', { names: ['x'] }),
      job('e', { names: [], all: true }),
      job('o'),
    ])
    expect(await claimIds(queue, { namesMax: { scheduled: 3 } })).toEqual(['p', 'n', 'e'])
  })

  test('a batch holds no more jobs than asked for', async () => {
    const queue = await open(limits)
    await fill(
      queue,
      ['a', 'b', 'c'].map((id) => job(id, { names: ['x'] })),
    )
    expect(await claimIds(queue, { jobsMax: 2 })).toEqual(['a', 'b'])
  })
}

function orderTests({ open }: Opened): void {
  test('lower priority numbers go first, then first come first served', async () => {
    const queue = await open(limits)
    await fill(queue, [
      job('c', { priority: 3 }),
      job('a1', { priority: 1 }),
      job('b', { priority: 2 }),
      job('a2', { priority: 1 }),
    ])
    expect(await claimIds(queue)).toEqual(['a1', 'a2', 'b', 'c'])
  })

  test('waiting raises priority by one for each aging interval', async () => {
    const queue = await open({ ...limits, agingMs: 1000 })
    await fill(queue, [
      job('waited', { priority: 4, requestedAt: 0 }),
      job('early', { priority: 2, requestedAt: 1999, dueAt: 1999 }),
      job('late', { priority: 2, requestedAt: 2001, dueAt: 2001 }),
    ])
    expect(await claimIds(queue, { now: 2001 })).toEqual(['early', 'waited', 'late'])
  })

  test('no job starves behind others that keep coming with a better priority', async () => {
    const queue = await open({ ...limits, agingMs: 1000 })
    await queue.add(job('patient', { priority: 9, strategy: 'background' }))
    let passedBy = 0
    for (let now = 0; now <= 20_000; now += 100) {
      await queue.add(job(`urgent${now}`, { priority: 1, requestedAt: now, dueAt: now }))
      const ids = await claimIds(queue, { now, namesMax: { scheduled: 1, background: 1 } })
      if (ids.includes('patient')) break
      passedBy++
    }
    expect(passedBy).toBe(80)
  })

  test('what is released keeps its place among others of its priority', async () => {
    const queue = await open(limits)
    const first = job('first')
    await queue.add(first)
    await claimIds(queue)
    await queue.add(job('second'))
    await queue.release(first, 0)
    expect(await claimIds(queue)).toEqual(['first', 'second'])
  })
}

function completionTests({ open }: Opened): void {
  test('what is done is gone', async () => {
    const queue = await open(limits)
    await queue.add(job('a'))
    await claimIds(queue)
    expect(await queue.size()).toBe(1)
    expect(await done(queue, 'a')).toBe(true)
    expect(await queue.size()).toBe(0)
    expect(await queue.list()).toEqual([])
  })

  test('what is released comes back when due, as it was given', async () => {
    const queue = await open(limits)
    const given = job('a')
    await queue.add(given)
    await claimIds(queue)
    const tried = { ...given, attempts: 1, error: { code: 'E_X', message: 'x' } }
    expect(await queue.release(tried, 500)).toBe(true)
    expect(await queue.size()).toBe(1)
    expect(await claimIds(queue, { now: 499 })).toEqual([])
    expect(await queue.claim({ now: 500, namesMax: both, jobsMax: 10 })).toEqual([{ ...tried, dueAt: 500 }])
  })

  test('only what is claimed can be done or released, and only once', async () => {
    const queue = await open(limits)
    await queue.add(job('a'))
    expect(await done(queue, 'a')).toBe(false)
    expect(await queue.release(job('a'), 0)).toBe(false)
    expect(await done(queue, 'unknown')).toBe(false)
    expect(await claimIds(queue)).toEqual(['a'])
    expect(await done(queue, 'a')).toBe(true)
    expect(await done(queue, 'a')).toBe(false)
    expect(await queue.release(job('a'), 0)).toBe(false)
    expect(await claimIds(queue)).toEqual([])
  })

  test('an id that is done, and was not completed, may come again', async () => {
    const queue = await open(limits)
    await queue.add(job('a'))
    await claimIds(queue)
    await queue.done(record('a', { status: 'failed' }))
    await queue.add(job('a'))
    expect(await claimIds(queue)).toEqual(['a'])
  })
}

function cancelTests({ open }: Opened): void {
  test('a waiting job can be taken out, due or not', async () => {
    const queue = await open(limits)
    await fill(queue, [job('due'), job('later', { dueAt: 10 }), job('other')])
    await claimIds(queue, { namesMax: { scheduled: 1 }, jobsMax: 1 })
    expect(await queue.remove('other', 9)).toEqual(job('other'))
    expect(await queue.remove('later', 9)).toEqual(job('later', { dueAt: 10 }))
    expect(await claimIds(queue, { now: 100 })).toEqual([])
    expect(await queue.size()).toBe(1)
  })

  test('a job that is claimed, done or unknown cannot be taken out', async () => {
    const queue = await open(limits)
    await queue.add(job('a'))
    await claimIds(queue)
    expect(await queue.remove('a', 9)).toBeUndefined()
    await done(queue, 'a')
    expect(await queue.remove('a', 9)).toBeUndefined()
    expect(await queue.remove('unknown', 9)).toBeUndefined()
  })

  test('a released job can be taken out', async () => {
    const queue = await open(limits)
    await queue.add(job('a'))
    await claimIds(queue)
    await queue.release(job('a'), 100)
    expect(await queue.remove('a', 9)).toEqual(job('a', { dueAt: 100 }))
    expect(await claimIds(queue, { now: 100 })).toEqual([])
  })
}

function limitTests({ open }: Opened): void {
  test('a full queue refuses, and says so; what is claimed counts', async () => {
    const queue = await open({ ...limits, sizeMax: 2 })
    await fill(queue, [job('a'), job('b')])
    await claimIds(queue)
    await expect(queue.add(job('c'))).rejects.toMatchObject({ code: 'E_INVALIDATION_QUEUE_FULL' })
    await queue.add(job('a'))
    await queue.release(job('a'), 0)
    expect(await queue.size()).toBe(2)
    await done(queue, 'b')
    await queue.add(job('c'))
    expect(await claimIds(queue)).toEqual(['a', 'c'])
  })

  test('of jobs that come at once, no more are accepted than there is room for', async () => {
    const queue = await open({ ...limits, sizeMax: 3 })
    const added = await Promise.allSettled(['a', 'b', 'c', 'd', 'e'].map((id) => queue.add(job(id))))
    expect(added.map(({ status }) => status === 'fulfilled')).toEqual([true, true, true, false, false])
    expect((await queue.list()).map(({ id }) => id)).toEqual(['a', 'b', 'c'])
  })

  test('a closed queue answers nothing, and may be closed again', async () => {
    const queue = await open(limits)
    await queue.add(job('a'))
    await queue.close()
    await queue.close()
    const asked = [queue.add(job('b')), claimIds(queue), done(queue, 'a'), queue.remove('a', 9), queue.list()]
    const more = [queue.take('a'), queue.begin(job('a'), 0), queue.nextDue(), queue.size()]
    for (const answer of [...asked, ...more, queue.release(job('a'), 0)]) {
      await expect(answer).rejects.toMatchObject({ code: 'E_CACHE_CLOSED' })
    }
  })
}

function takeTests({ open }: Opened): void {
  test('a waiting job can be taken out of turn, due or not, and nobody else gets it', async () => {
    const queue = await open(limits)
    await fill(queue, [job('a'), job('b', { dueAt: 100 }), job('c', { priority: 9 })])
    expect(await queue.take('b')).toEqual(job('b', { dueAt: 100 }))
    expect(await queue.take('c')).toEqual(job('c', { priority: 9 }))
    expect(await claimIds(queue, { now: 100 })).toEqual(['a'])
    expect(await queue.take('a')).toBeUndefined()
    expect(await queue.take('unknown')).toBeUndefined()
    expect(await done(queue, 'c')).toBe(true)
    expect(await queue.size()).toBe(2)
  })

  test('a run that begins is counted, of a claimed job only', async () => {
    const queue = await open(limits)
    await fill(queue, [job('a'), job('b')])
    expect(await queue.begin(job('a'), 5)).toBeUndefined()
    const [first] = await queue.claim({ now: 0, namesMax: both, jobsMax: 1 })
    const begun = await queue.begin(first ?? job('?'), 5)
    expect(begun).toEqual(job('a', { attempts: 1 }))
    await queue.release(begun ?? job('?'), 0)
    expect(await queue.claim({ now: 0, namesMax: both, jobsMax: 1 })).toEqual([job('a', { attempts: 1 })])
  })

  test('what was put off is known by its time, for each strategy', async () => {
    const queue = await open(limits)
    const background = { strategy: 'background' } as const
    await fill(queue, [job('a'), job('b'), job('c', background), job('early', { dueAt: 65 })])
    expect(await queue.nextDue()).toEqual({})
    for (const strategy of ['scheduled', 'background']) await claimIds(queue, { namesMax: { [strategy]: 9 } })
    await queue.release(job('a'), 70)
    await queue.release(job('b'), 60)
    await queue.release(job('c', background), 80)
    expect(await queue.nextDue()).toEqual({ scheduled: 60, background: 80 })
    await claimIds(queue, { now: 60 })
    expect(await queue.nextDue()).toEqual({ scheduled: 70, background: 80 })
  })

  test('how many there are is known without waiting', async () => {
    const queue = await open(limits)
    await fill(queue, [job('a'), job('b')])
    expect(queue.waiting).toBe(2)
    await claimIds(queue, { jobsMax: 1 })
    expect(queue.waiting).toBe(2)
    await done(queue, 'a')
    expect(queue.waiting).toBe(1)
  })
}
