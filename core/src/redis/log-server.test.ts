import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { startRedis, surroundings, type RedisServer } from '../../tests/redis-server.ts'
import type { Since } from '../consistency/contract.ts'
import { RedisClient } from './client.ts'
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

it('goes on when nodes come, leave and are forgotten', async () => {
  await log.leave('a')
  await log.leave('a')
  const nodes = await log.nodes('g', 'b')
  await log.forget('g', nodes === 'other' ? [] : nodes)
  expect(await log.nodes('g', '')).toMatchObject([{ id: 'b' }])
  expect((await append()).first).toBe(1)
})
