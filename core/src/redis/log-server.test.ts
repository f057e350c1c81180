import { afterAll, beforeAll, beforeEach, expect, it, onTestFinished } from 'vitest'
import { startRedis, type RedisServer } from 'staleproof-testbed'
import { TestClock } from '../../tests/clock.ts'
import { surroundings } from '../../tests/surroundings.ts'
import type { Register, Since } from '../consistency/contract.ts'
import { RedisClient } from './client.ts'
import type { Driver } from './driver.ts'
import { RedisLogServer } from './log-server.ts'

let server: RedisServer
let client: RedisClient
let log: RedisLogServer
beforeAll(async () => {
  server = await startRedis()
  client = new RedisClient({ url: server.url }, 'log', surroundings)
  log = new RedisLogServer(client, { clock: surroundings.clock, replicas: 0 })
})
afterAll(async () => {
  await client.close()
  await server.stop()
})
beforeEach(async () => {
  await client.call('DEL', '{log}:meta')
  await log.begin({ generation: 'g', dump: undefined })
  for (const id of ['a', 'b', 'c']) expect((await sync(id)).is).toBe('same')
})

const at = (applied: number): Since => ({ generation: 'g', applied, witness: '' })
const sync = (id: string) => log.sync(at(0), { id, name: `node ${id}`, isSettled: true })
const change = { kind: 'invalidate' as const, names: ['row'], prefixes: [] }
const append = () => log.append(at(0), [{ nonce: 'g:1', node: 'a', change, atMs: 0 }])

it('counts as lost if any of its keys is gone, the register too: nobody would be waited for', async () => {
  for (const part of ['meta', 'snapshot', 'log', 'nodes']) {
    await client.call('DEL', `{log}:${part}`)
    expect([part, (await append()).said.is, (await sync('a')).is]).toEqual([part, 'lost', 'lost'])
    expect(await log.nodes('g', 'a')).toBe('other')
    await log.leave('b')
    expect((await sync('a')).is, 'after somebody left').toBe('lost')
    await log.begin({ generation: 'g', dump: undefined })
    for (const id of ['a', 'b', 'c']) expect((await sync(id)).is).toBe('same')
  }
})

it.each([
  ['its newest record is gone', () => client.call('XDEL', '{log}:log', '1-0')],
  ['it has one that it does not count', () => client.call('XADD', '{log}:log', '2-0', 'x', 'g:2')],
  [
    'the server is another, or was restarted',
    () => client.call('HSET', '{log}:meta', 'epoch', 'f'.repeat(40)),
  ],
  [
    'somebody is in the register that it does not count',
    () => client.call('HSET', '{log}:nodes', 'z', '1 1 z'),
  ],
])('counts as lost if %s', async (_, befall) => {
  expect((await append()).first).toBe(1)
  await befall()
  expect([(await append()).said.is, (await sync('a')).is]).toEqual(['lost', 'lost'])
  expect(await log.nodes('g', 'a')).toBe('other')
})

it('goes on when nodes come, leave and are forgotten', async () => {
  await log.leave('a')
  await log.leave('a')
  const register = await log.nodes('g', 'b')
  await log.forget('g', register === 'other' ? [] : register.nodes)
  expect(await log.nodes('g', '')).toMatchObject({ nodes: [{ id: 'b' }] })
  expect((await append()).first).toBe(1)
})

it('wakes who waits for acknowledgements by one that says more, and by no other', async () => {
  const other = new RedisLogServer(client, { clock: surroundings.clock, replicas: 0 })
  const ack = (applied: number) => other.sync(at(applied), { id: 'b', name: 'b', isSettled: true })
  const { said } = (await log.nodes('g', 'a')) as Register
  let heard = 0
  const waits = [log.acknowledged(said), log.acknowledged(said)].map((wait) => wait.then(() => heard++))
  await append()
  await ack(0)
  await new Promise((resolve) => setTimeout(resolve, 50))
  expect(heard).toBe(0)
  await ack(1)
  await Promise.all(waits)
  // It came before that was asked for.
  const later = (await log.nodes('g', 'a')) as Register
  expect(later.nodes.find(({ id }) => id === 'b')?.acked).toBe(1)
  const began = performance.now()
  await log.acknowledged(later.said)
  expect(performance.now() - began).toBeGreaterThan(400)
})

it('wakes nobody if it cannot wait, so that it is not asked in a circle, and waits again when it is asked', async () => {
  const answers = [Promise.reject(new Error('away')), Promise.resolve(null)]
  const driver = { prefix: '{p}', onConnect: () => undefined, wait: () => answers.shift() }
  const deaf = new RedisLogServer(driver as unknown as Driver, { clock: surroundings.clock, replicas: 0 })
  const first = deaf.acknowledged(1).then(() => 'woken')
  expect(await Promise.race([first, new Promise((resolve) => setTimeout(resolve, 20, 'asleep'))])).toBe(
    'asleep',
  )
  await deaf.acknowledged(1)
})

it('looks again now and then whether the server can be relied on', async () => {
  const clock = new TestClock()
  const watchful = new RedisLogServer(client, { clock, replicas: 0 })
  const look = () => watchful.sync(at(0), { id: 'a', name: 'a', isSettled: true })
  await look()
  await client.call('CONFIG', 'SET', 'maxmemory-policy', 'allkeys-lru')
  onTestFinished(async () => void (await client.call('CONFIG', 'SET', 'maxmemory-policy', 'noeviction')))
  expect((await look()).is).toBe('same')
  await clock.advance(30_000)
  await expect(look()).rejects.toMatchObject({ code: 'E_REDIS_EVICTION' })
})
