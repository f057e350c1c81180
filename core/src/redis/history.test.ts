import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startRedis, type RedisServer } from 'staleproof-testbed'
import { record } from '../../tests/conformance/history.ts'
import { HeldDriver, onceBefore } from '../../tests/held-driver.ts'
import { type RedisPair, RedisPlace } from '../../tests/redis-place.ts'
import type { InvalidationResult } from '../model/invalidation.ts'
import { tokenOf } from '../model/position.ts'
import { endScript } from './history-lua.ts'
import { RedisLogServer } from './log-server.ts'
import { placeIn, placeText, timeText } from './places.ts'

let server: RedisServer
const places: RedisPlace[] = []

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

const cutOff = (each: InvalidationResult): InvalidationResult => ({ ...each, status: 'failed', endedAt: 0 })

test('places as text sort as places do, and tell what they are', () => {
  const times = [-1e12, -1.5, -1, 0, 0.5, 1, 2, 9, 10, 1_700_000_000_000, 1e15]
  const all = times.flatMap((requestedAt) => [1, 2, 10, 999_999].map((seq) => ({ requestedAt, seq })))
  const texts = all.map(placeText)
  expect(texts.toSorted()).toEqual(texts)
  expect(texts.map(placeIn)).toEqual(all)
  expect(timeText(1)).toHaveLength(16)
})

describe('what a node has under way when it is gone', () => {
  test('is ended by whoever looks, and only that', async () => {
    const place = open()
    const [mine, theirs] = [place.open(), place.open()]
    const running = { status: 'running' } as const
    await mine.history.put(record('mine', running))
    await mine.history.put(record('lazy', { ...running, strategy: 'lazy' }))
    await mine.history.put(record('queued', { ...running, strategy: 'background' }))
    await mine.history.put(record('was over', running))
    await mine.history.put(record('was over'))
    await theirs.history.put(record('theirs', running))
    expect(await theirs.history.endCutOff(cutOff)).toEqual([])
    await place.kill(mine)
    const ended = await theirs.history.endCutOff(cutOff)
    expect(ended.map(({ id }) => id).toSorted()).toEqual(['lazy', 'mine'])
    expect(await theirs.history.get('mine')).toMatchObject({ status: 'failed' })
    expect(await theirs.history.get('was over')).toMatchObject({ status: 'completed' })
    const { records } = await theirs.history.list({ status: 'running' })
    expect(records.map(({ id }) => id)).toEqual(['theirs', 'queued'])
    expect(await theirs.history.endCutOff(cutOff)).toEqual([])
  })

  test('is ended once, though many look at once, and there is much', async () => {
    const place = open()
    const [mine, ...others] = [place.open(), place.open(), place.open(), place.open()]
    const ids = Array.from({ length: 450 }, (_, i) => `r${i}`)
    await Promise.all(ids.map((id) => mine.history.put(record(id, { status: 'running' }))))
    await place.kill(mine)
    const ended = await Promise.all(others.map(({ history }) => history.endCutOff(cutOff)))
    expect(
      ended
        .flat()
        .map(({ id }) => id)
        .toSorted(),
    ).toEqual(ids.toSorted())
  })

  test('is left to it if it comes back in between', async () => {
    const place = open()
    const driver = new HeldDriver(place.driver)
    const [mine, theirs] = [place.open(), place.open({ driver })]
    await mine.history.put(record('a', { status: 'running' }))
    await place.kill(mine)
    driver.before = onceBefore(endScript, () => mine.history.put(record('b', { status: 'running' })))
    expect(await theirs.history.endCutOff(cutOff)).toEqual([])
    expect(await theirs.history.get('a')).toMatchObject({ status: 'running' })
  })

  test('that cannot be read ends too: it is not met again, and goes with its time', async () => {
    const place = open()
    const [mine, theirs] = [place.open(), place.open({ keepFor: 100 })]
    await mine.history.put(record('a', { status: 'running' }))
    await place.damage('records', 'immediate')
    await place.kill(mine)
    expect(await theirs.history.endCutOff(cutOff)).toEqual([])
    expect(await place.driver.call('EXISTS', place.key('underway'))).toBe(0)
    expect(place.errors).toMatchObject([{ error: { code: 'E_DISK_DAMAGED' } }])
    place.clock.step(101)
    await theirs.history.put(record('b', { status: 'pending' }))
    expect(await place.driver.call('HLEN', place.key('records'))).toBe(1)
  })
})

describe('what is put within a record of the log', () => {
  const appending = async (place: RedisPlace, { history, node }: RedisPair) => {
    const server = new RedisLogServer(place.driver, { clock: place.clock, replicas: 0, history })
    await server.begin({ generation: 'g', dump: undefined })
    await server.sync({ generation: 'g', applied: 0, witness: '' }, { id: node, name: node, isSettled: true })
    return (applied: number, ...ids: string[]) => {
      const changes = ids.map((id, i) => {
        const change = { kind: 'invalidate', names: [id], by: id } as const
        return { nonce: `g:${applied + i}`, node, change, atMs: 0 }
      })
      return server.append({ generation: 'g', applied, witness: '' }, changes)
    }
  }

  test('is there if the record is, with its position, and goes with its own only', async () => {
    const place = open()
    const [mine, theirs] = [place.open(), place.open()]
    const append = await appending(place, mine)
    mine.history.putWithin(record('a', { status: 'running' }))
    mine.history.putWithin(record('b', { status: 'running' }))
    expect(await mine.history.get('a'), 'nothing was appended').toBeUndefined()
    expect((await append(0, 'other', 'a')).first).toBe(1)
    expect(await mine.history.get('a')).toMatchObject({ status: 'running', position: null })
    expect(await mine.history.get('b')).toBeUndefined()
    await append(2, 'b')
    await append(3, 'b')
    await place.kill(mine)
    const ended = await theirs.history.endCutOff((each) => ({ ...each, status: 'completed' }))
    const position = (n: number) => ({
      position: { generation: 'g', n },
      token: tokenOf({ generation: 'g', n }),
    })
    expect(ended.toSorted((x, y) => (x.id < y.id ? -1 : 1))).toMatchObject([
      { id: 'a', ...position(2) },
      { id: 'b', ...position(3) },
    ])
    expect(await mine.history.get('b')).toMatchObject({ status: 'completed', ...position(3) })
  })

  test('is not there if the record was refused, and replaces nothing that has ended', async () => {
    const place = open()
    const mine = place.open()
    const append = await appending(place, mine)
    mine.history.putWithin(record('a', { status: 'running' }))
    expect((await append(7, 'a')).said.is).toBe('other')
    expect(await mine.history.get('a')).toBeUndefined()
    await mine.history.put(record('a'))
    mine.history.putWithin(record('a', { status: 'running', attempts: 9 }))
    await append(0, 'a')
    expect(await mine.history.get('a')).toMatchObject({ status: 'completed', attempts: 1 })
  })

  test('keeps nothing out of the log: how it ended is put in any case', async () => {
    const place = open()
    const mine = place.open()
    const append = await appending(place, mine)
    await place.driver.call('SET', place.key('heads'), 'not a hash')
    mine.history.putWithin(record('a', { status: 'running' }))
    expect((await append(0, 'a')).first).toBe(1)
  })
})

describe('what is on the server', () => {
  const all = ['records', 'heads', 'places', 'ended', 'underway'] as const

  test('is dropped from everywhere when it goes', async () => {
    const place = open()
    const { history } = place.open({ keepCount: 3, keepFor: 100 })
    for (let i = 0; i < 20; i++) {
      await history.put(record(`r${i}`, { status: 'running', requestedAt: i }))
      await history.put(record(`r${i}`, { requestedAt: i }))
    }
    const count = { records: 'HLEN', heads: 'HLEN', places: 'ZCARD', ended: 'ZCARD', underway: 'ZCARD' }
    const counts = () => Promise.all(all.map((name) => place.driver.call(count[name], place.key(name))))
    expect(await counts()).toEqual([3, 3, 3, 3, 0])
    place.clock.step(101)
    await history.put(record('last', { status: 'pending', strategy: 'background' }))
    expect(await counts()).toEqual([1, 1, 1, 0, 0])
  })

  test('is told page by page, however large it is', async () => {
    const place = open()
    const { history } = place.open()
    const reason = 'x'.repeat(400_000)
    for (let i = 0; i < 7; i++) await history.put(record(`r${i}`, { requestedAt: i, reason }))
    const { records } = await history.list({ status: 'completed' })
    expect(records.map(({ id }) => id)).toEqual(['r6', 'r5', 'r4', 'r3', 'r2', 'r1', 'r0'])
  })

  test('is left out, and told of once, if it is not what was written; the others are there', async () => {
    const place = open()
    const { history } = place.open()
    for (const id of ['a', 'b', 'c']) await history.put(record(id, { names: [`name of ${id}`] }))
    expect(await place.damage('records', 'name of b')).toBe(1)
    for (let i = 0; i < 2; i++) {
      expect((await history.list({})).records.map(({ id }) => id)).toEqual(['c', 'a'])
      expect((await history.list({ limit: 1 })).next).not.toBeNull()
      expect(await history.get('b')).toBeUndefined()
    }
    expect(place.errors).toMatchObject([{ error: { code: 'E_DISK_DAMAGED' } }])
    await history.put(record('b', { attempts: 2 }))
    expect(await history.get('b')).toMatchObject({ attempts: 2 })
  })
})
