import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startRedis, type RedisServer } from 'staleproof-testbed'
import { record } from '../../tests/conformance/history.ts'
import { both, claimIds, done, fill, job } from '../../tests/conformance/queue-jobs.ts'
import { HeldDriver, onceBefore } from '../../tests/held-driver.ts'
import { type RedisPair, RedisPlace } from '../../tests/redis-place.ts'
import {
  claimScript,
  doneScript,
  findScript,
  giveBackScript,
  lookScript,
  releaseScript,
  removeScript,
} from './queue-lua.ts'

let server: RedisServer
const places: RedisPlace[] = []
const claim = { now: 0, namesMax: both, jobsMax: 100 }

beforeAll(async () => {
  server = await startRedis()
})

afterAll(async () => {
  for (const place of places) await place.close()
  await server.stop()
})

function open(): RedisPlace {
  const place = new RedisPlace(server)
  places.push(place)
  return place
}

/** Keys of the place that hold anything of the queue. */
async function keysOfQueue({ driver, key }: RedisPlace): Promise<string[]> {
  const names = ['jobs', 'seats', 'order', 'claims', 'lane:scheduled', 'putoff:scheduled', 'early:scheduled']
  const sizes = await Promise.all(names.map((name) => driver.call('EXISTS', key.call({ driver }, name))))
  return names.filter((_, i) => sizes[i] === 1)
}

describe('a node that is not heard of', () => {
  test('loses its claims, and cannot end them when it comes back', async () => {
    const place = open()
    const [mine, theirs] = [place.open(), place.open()]
    await fill(mine.queue, [job('a'), job('b')])
    await claimIds(mine.queue)
    await mine.queue.begin(job('a'), 5)
    await place.kill(mine)
    const [a, b] = await theirs.queue.claim(claim)
    expect(a).toMatchObject({ id: 'a', attempts: 1, error: { code: 'E_INVALIDATION_CRASHED' } })
    expect(b).toEqual(job('b'))
    for (const id of ['a', 'b']) {
      expect(await done(mine.queue, id)).toBe(false)
      expect(await mine.queue.release(job(id), 0)).toBe(false)
      expect(await mine.queue.begin(job(id), 9)).toBeUndefined()
    }
    expect(await claimIds(mine.queue)).toEqual([])
    for (const id of ['a', 'b']) expect(await done(theirs.queue, id)).toBe(true)
    expect(await keysOfQueue(place)).toEqual([])
  })

  test('keeps what it had claimed if it comes back before anybody has looked', async () => {
    const place = open()
    const [mine, theirs] = [place.open(), place.open()]
    await mine.queue.add(job('a'))
    await claimIds(mine.queue)
    await place.kill(mine)
    expect(await mine.queue.begin(job('a'), 5)).toMatchObject({ attempts: 1 })
    expect(await claimIds(theirs.queue)).toEqual([])
    expect(await done(mine.queue, 'a')).toBe(true)
  })

  test('is looked for by who takes or removes one job, too', async () => {
    const place = open()
    const [mine, theirs] = [place.open(), place.open()]
    await fill(mine.queue, [job('a'), job('b')])
    await claimIds(mine.queue)
    await place.kill(mine)
    expect(await theirs.queue.take('a')).toEqual(job('a'))
    expect(await theirs.queue.remove('b', 9)).toEqual(job('b'))
  })

  test('has what it held taken back once, by several at once, though it was much', async () => {
    const place = open()
    const [mine, ...others] = [place.open(), place.open(), place.open(), place.open()]
    const jobs = Array.from({ length: 450 }, (_, i) => job(`job${i}`, { names: ['x'] }))
    await Promise.all(jobs.map((each) => mine.queue.add(each)))
    const held = await mine.queue.claim({ ...claim, jobsMax: 1000 })
    expect(held.map(({ id }) => id)).toEqual(jobs.map(({ id }) => id))
    await Promise.all(held.map((each) => mine.queue.begin(each, 5)))
    await place.kill(mine)
    const claims = await Promise.all(others.map(({ queue }) => queue.claim({ ...claim, jobsMax: 150 })))
    expect(new Set(claims.flat().map(({ id }) => id)).size).toBe(450)
    expect(new Set(claims.flat().map(({ attempts }) => attempts))).toEqual(new Set([1]))
    expect((await mine.queue.list()).map(({ id }) => id)).toEqual(jobs.map(({ id }) => id))
  })
})

describe('two handles of one process', () => {
  test('hold each its own, and what one gives up by closing the other gets', async () => {
    const place = open()
    const mine = place.open()
    const theirs = place.open({ node: mine.node })
    await fill(mine.queue, [job('a'), job('b')])
    expect(await claimIds(mine.queue, { jobsMax: 1 })).toEqual(['a'])
    expect(await claimIds(theirs.queue, { jobsMax: 1 })).toEqual(['b'])
    expect(await done(theirs.queue, 'a')).toBe(false)
    expect(await theirs.queue.begin(job('a'), 5)).toBeUndefined()
    await mine.queue.close()
    expect(await claimIds(theirs.queue)).toEqual(['a'])
    expect(await done(theirs.queue, 'b')).toBe(true)
  })
})

describe('between a look and the step that follows', () => {
  async function three(): Promise<{
    place: RedisPlace
    driver: HeldDriver
    pairs: [RedisPair, RedisPair, RedisPair]
  }> {
    const place = open()
    const driver = new HeldDriver(place.driver)
    const pairs: [RedisPair, RedisPair, RedisPair] = [place.open(), place.open({ driver }), place.open()]
    await fill(pairs[0].queue, [job('a'), job('b')])
    return { place, driver, pairs }
  }

  test('a node that comes back keeps what it had claimed', async () => {
    const { place, driver, pairs } = await three()
    const [mine, theirs] = pairs
    await claimIds(mine.queue, { jobsMax: 1 })
    await place.kill(mine)
    driver.before = onceBefore(giveBackScript, () => mine.queue.nextDue())
    expect(await claimIds(theirs.queue)).toEqual(['b'])
    expect(await done(mine.queue, 'a')).toBe(true)
  })

  test('another may take over, begin and die: its run is counted', async () => {
    const { place, driver, pairs } = await three()
    const [mine, theirs, third] = pairs
    const claimAndDie = async ({ queue, node }: RedisPair) => {
      const [first] = await queue.claim({ ...claim, jobsMax: 1 })
      await queue.begin(first ?? job('?'), 5)
      await place.kill({ node })
    }
    await claimAndDie(mine)
    driver.before = onceBefore(giveBackScript, () => claimAndDie(third))
    expect(await theirs.queue.claim(claim)).toMatchObject([{ id: 'a', attempts: 2 }, { id: 'b' }])
  })

  test('another may be faster: each gets what the other has not', async () => {
    const { driver, pairs } = await three()
    const [mine, theirs] = pairs
    driver.before = onceBefore(claimScript, () => claimIds(mine.queue, { jobsMax: 1 }))
    expect(await claimIds(theirs.queue)).toEqual(['b'])
    expect(await done(mine.queue, 'a')).toBe(true)
  })

  test('what was to be removed may be claimed: then it is not removed', async () => {
    const { driver, pairs } = await three()
    const [mine, theirs] = pairs
    driver.before = onceBefore(removeScript, () => claimIds(mine.queue))
    expect(await theirs.queue.remove('a', 9)).toBeUndefined()
    expect(await mine.history.get('a')).toMatchObject({ status: 'pending' })
    expect(await done(mine.queue, 'a')).toBe(true)
  })

  test('its handle may close: what arrives late is given up too', async () => {
    const { driver, pairs } = await three()
    const [mine, theirs] = pairs
    let closing: Promise<void> | undefined
    driver.before = onceBefore(claimScript, async () => {
      await mine.queue.size()
      closing = theirs.queue.close()
      // Time enough for it to give up before the claim is sent, if it did not wait.
      for (let i = 0; i < 5; i++) await mine.queue.size()
    })
    await expect(theirs.queue.claim(claim)).rejects.toMatchObject({ code: 'E_CACHE_CLOSED' })
    await closing
    expect(await claimIds(mine.queue)).toEqual(['a', 'b'])
  })
})

describe('an answer that gets lost', () => {
  test.each([
    ['claim', claimScript],
    ['take', findScript],
  ] as const)('of a %s: the jobs are found again, by this handle or another', async (how, lost) => {
    const place = open()
    const driver = new HeldDriver(place.driver)
    const mine = place.open({ driver })
    await fill(mine.queue, [job('a'), job('b')])
    expect(await claimIds(mine.queue, { jobsMax: 1 })).toEqual(['a'])
    driver.loses = (script) => script === lost
    const asked = how === 'claim' ? mine.queue.claim(claim) : mine.queue.take('b')
    await expect(asked).rejects.toMatchObject({ code: 'E_REDIS_UNREACHABLE' })
    driver.loses = () => false
    expect(await claimIds(mine.queue)).toEqual(['b'])
    for (const id of ['a', 'b']) expect(await done(mine.queue, id)).toBe(true)
  })

  test('of a look for more: what is claimed by then is handed out', async () => {
    const place = open()
    const driver = new HeldDriver(place.driver)
    const mine = place.open({ driver })
    await fill(mine.queue, [job('a'), job('b')])
    let looks = 0
    driver.loses = (script) => script === lookScript && ++looks === 2
    expect(await claimIds(mine.queue)).toEqual(['a', 'b'])
    expect(looks).toBe(2)
    for (const id of ['a', 'b']) expect(await done(mine.queue, id)).toBe(true)
  })

  test('of an end: who asks again is told that it was this one', async () => {
    const place = open()
    const driver = new HeldDriver(place.driver)
    const mine = place.open({ driver })
    await mine.queue.add(job('a'))
    await claimIds(mine.queue)
    driver.loses = (script) => script === doneScript
    const ended = record('a', { strategy: 'scheduled', endedAt: 5 })
    await expect(mine.queue.done(ended)).rejects.toMatchObject({ code: 'E_REDIS_UNREACHABLE' })
    driver.loses = () => false
    expect(await mine.queue.done(ended)).toBe(true)
    expect(await mine.queue.done(ended)).toBe(false)
  })
})

describe('a job that is not what was written', () => {
  const looks: [string, (place: ReturnType<RedisPlace['open']>) => Promise<unknown>][] = [
    ['claimed', ({ queue }) => queue.claim(claim)],
    ['listed', ({ queue }) => queue.list()],
    ['taken', ({ queue }) => queue.take('b')],
    ['cancelled', ({ queue }) => queue.remove('b', 1)],
  ]
  const damaged = { status: 'failed', error: { code: 'E_DISK_DAMAGED' } }

  test.each(looks)(
    'is put aside when it is %s, and shown as failed; the others are done',
    async (_, look) => {
      const place = open()
      const pair = place.open()
      await fill(
        pair.queue,
        ['a', 'b', 'c'].map((id) => job(id, { names: [`name of ${id}`] })),
      )
      expect(await place.damage('jobs', 'name of b')).toBe(1)
      await look(pair)
      expect(await pair.history.get('b')).toMatchObject({ ...damaged, names: ['name of b'] })
      expect(place.errors).toMatchObject([{ error: { code: 'E_DISK_DAMAGED', details: { id: 'b' } } }])
      await pair.queue.claim(claim)
      for (const id of ['a', 'c']) expect(await done(pair.queue, id)).toBe(true)
      expect(await pair.queue.claim(claim)).toEqual([])
      expect(await keysOfQueue(place)).toEqual([])
      expect(await place.driver.call('HLEN', place.key('damaged'))).toBe(1)
      expect(place.errors).toHaveLength(1)
    },
  )

  test('is put aside, but its bytes are not kept, when many are', async () => {
    const place = open()
    const pair = place.open()
    const many = Array.from({ length: 1000 }, (_, i) => [`before:${i}`, 'x']).flat()
    await place.driver.call('HSET', place.key('damaged'), ...many)
    await pair.queue.add(job('a', { names: ['name of a'] }))
    expect(await place.damage('jobs', 'name of a')).toBe(1)
    expect(await pair.queue.claim(claim)).toEqual([])
    expect(await pair.history.get('a')).toMatchObject(damaged)
    expect(await place.driver.call('HLEN', place.key('damaged'))).toBe(1000)
  })

  test('is shown though its record is lost too, and can be asked for again', async () => {
    const place = open()
    const pair = place.open()
    await pair.queue.add(job('a', { names: ['name of a'] }))
    for (const hash of ['jobs', 'records']) expect(await place.damage(hash, 'name of a')).toBe(1)
    expect(await pair.queue.claim(claim)).toEqual([])
    expect(await pair.history.get('a')).toMatchObject({ ...damaged, names: [] })
    expect(await pair.queue.add(job('a'))).toBe(true)
    expect(await claimIds(pair.queue)).toEqual(['a'])
  })

  test('that a dead node had claimed, or that was put off, is put aside too', async () => {
    const place = open()
    const [mine, theirs] = [place.open(), place.open()]
    await fill(
      mine.queue,
      ['a', 'b', 'c'].map((id) => job(id, { names: ['name'] })),
    )
    await claimIds(mine.queue)
    await mine.queue.begin(job('a'), 5)
    await mine.queue.release(job('c', { names: ['name'] }), 0)
    expect(await place.damage('jobs', 'name')).toBe(3)
    await place.kill(mine)
    expect(await theirs.queue.claim(claim)).toEqual([])
    for (const id of ['a', 'b', 'c']) expect(await theirs.history.get(id)).toMatchObject(damaged)
    expect(await keysOfQueue(place)).toEqual([])
  })

  test.each(['waits', 'is claimed', 'is put off'])(
    'nor is one whose seat says nothing while it %s lost, or met for ever',
    async (how) => {
      const place = open()
      const [mine, theirs] = [place.open(), place.open()]
      await mine.queue.add(job('a'))
      if (how !== 'waits') await claimIds(mine.queue)
      if (how === 'is put off') await mine.queue.release(job('a'), 0)
      await place.driver.call('HSET', place.key('seats'), 'a', '?')
      await place.kill(mine)
      await theirs.queue.add(job('b', { strategy: 'background' }))
      await theirs.queue.claim(claim)
      await theirs.queue.claim(claim)
      expect(await done(theirs.queue, 'b')).toBe(true)
      expect(await theirs.history.get('a')).toMatchObject(damaged)
      expect(await keysOfQueue(place)).toEqual([])
    },
  )
})

test('many jobs that are put off or early return in their order, slice by slice', async () => {
  const place = open()
  const { queue } = place.open()
  const jobs = Array.from({ length: 650 }, (_, i) => job(`job${i}`, { names: ['x'], dueAt: 10 }))
  await Promise.all(jobs.map((each) => queue.add(each)))
  await queue.add(job('now', { priority: 9, names: ['x'] }))
  const all = { ...claim, jobsMax: 1000 }
  expect((await queue.claim(all)).map(({ id }) => id)).toEqual(['now'])
  const held = await queue.claim({ ...all, now: 10 })
  expect(held).toEqual(jobs)
  for (const each of held) expect(await queue.release(each, 20)).toBe(true)
  expect(await queue.claim({ ...all, now: 19 })).toEqual([])
  expect((await queue.claim({ ...all, now: 20 })).map(({ id }) => id)).toEqual(jobs.map(({ id }) => id))
})

test('what is not due yet is in no way of the others, and is not given with them', async () => {
  const { queue } = open().open()
  await fill(queue, [job('a'), job('later', { dueAt: 100 }), job('b'), job('too', { dueAt: 100 })])
  expect(await claimIds(queue)).toEqual(['a', 'b'])
  expect(await queue.nextDue()).toEqual({})
  expect(await claimIds(queue, { now: 100 })).toEqual(['later', 'too'])
})

test('a server that is killed and started again has lost nothing that it accepted', async () => {
  const durable = await startRedis({ appendonly: 'yes', appendfsync: 'always' })
  const place = new RedisPlace(durable)
  const mine = place.open()
  const ids = Array.from({ length: 60 }, (_, i) => `job${i}`)
  const accepted: string[] = []
  const adding = ids.map(async (id) => {
    if (await mine.queue.add(job(id)).catch(() => false)) accepted.push(id)
  })
  await Promise.all(adding.slice(0, 20))
  await claimIds(mine.queue, { jobsMax: 5 })
  await mine.queue.begin(job('job0'), 5)
  await durable.end('SIGKILL')
  await Promise.all(adding)
  const connected = new Promise<void>((resolve) => place.driver.onConnect(resolve))
  await durable.start()
  await connected
  const theirs = place.open()
  await place.kill(mine)
  const held = (await theirs.queue.claim(claim)).map(({ id }) => id)
  expect(accepted.length).toBeGreaterThanOrEqual(20)
  expect(held).toEqual(expect.arrayContaining(accepted))
  for (const id of accepted) expect(await theirs.history.get(id)).toMatchObject({ status: 'pending' })
  await place.close()
  await durable.stop()
})

test('a queue whose server does not answer says so', async () => {
  const gone = await startRedis()
  const place = new RedisPlace(gone)
  const { queue, history } = place.open()
  await queue.add(job('a'))
  await gone.stop()
  for (const asked of [queue.add(job('b')), queue.claim(claim), queue.size(), history.get('a')]) {
    await expect(asked).rejects.toMatchObject({ code: 'E_REDIS_UNREACHABLE' })
  }
  await queue.close()
  expect(place.errors).toMatchObject([{ during: 'giving back claimed invalidations' }])
  await place.close()
})

test('a server whose memory is full takes in nothing new, and what it holds is carried out', async () => {
  const small = await startRedis()
  const place = new RedisPlace(small)
  const { queue, history } = place.open()
  await fill(queue, [job('a'), job('b')])
  await place.driver.call('CONFIG', 'SET', 'maxmemory', 1)
  await expect(queue.add(job('c'))).rejects.toMatchObject({ code: 'E_REDIS_FULL' })
  const [a, b] = await queue.claim(claim)
  expect(await queue.begin(a ?? job('?'), 5)).toMatchObject({ attempts: 1 })
  expect(await done(queue, 'a')).toBe(true)
  expect(await queue.release(b ?? job('?'), 0)).toBe(true)
  expect(await history.get('a')).toMatchObject({ status: 'completed' })
  expect(await history.get('c')).toBeUndefined()
  await place.close()
  await small.stop()
})

test('what may have been put off already is not claimed here before that is known', async () => {
  const place = open()
  const driver = new HeldDriver(place.driver)
  const { queue } = place.open({ driver })
  await queue.add(job('a'))
  await claimIds(queue)
  driver.loses = (script) => script === releaseScript
  await expect(queue.release(job('a'), 0)).rejects.toMatchObject({ code: 'E_REDIS_UNREACHABLE' })
  expect([await claimIds(queue), await queue.take('a')]).toEqual([[], undefined])
  driver.loses = () => false
  // It was put off the first time.
  expect(await queue.release(job('a'), 0)).toBe(false)
  expect(await claimIds(queue)).toEqual(['a'])
  expect(await done(queue, 'a')).toBe(true)
})

test.each(['lives', 'is gone'])(
  'a claim whose seat says nothing is put aside once, if its node %s',
  async (how) => {
    const place = open()
    const driver = new HeldDriver(place.driver)
    const mine = place.open({ driver })
    await mine.queue.add(job('a'))
    await claimIds(mine.queue)
    await place.driver.call('HSET', place.key('seats'), 'a', '?')
    if (how === 'is gone') await place.kill(mine)
    const { queue } = how === 'is gone' ? place.open({ driver }) : mine
    // It knows no more that it holds the job.
    if (how === 'lives') expect(await done(queue, 'a')).toBe(false)
    driver.asked.length = 0
    expect([await claimIds(queue), await claimIds(queue)]).toEqual([[], []])
    expect(driver.asked.length).toBeLessThan(40)
    expect(await keysOfQueue(place)).toEqual([])
  },
)
