/**
 * Replicas that are waited for: what was acknowledged stands in one that is promoted, and what does not is not
 * acknowledged.
 */
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'
import { startRedis, until, type RedisServer } from 'staleproof-testbed'
import { createCache, type Cache } from '../src/index.ts'
import { redis } from '../src/redis.ts'

let primary: RedisServer
let replica: RedisServer
let cache: Cache

beforeAll(async () => {
  primary = await startRedis()
  replica = await startRedis({ replicaof: `127.0.0.1 ${primary.port}` })
  cache = createCache({ redis: redis({ url: primary.url, replicas: 1, lease: 600 }) })
  // It follows by then.
  const isWaited = () =>
    cache.invalidate('before').then(
      () => cache.stats().redis?.worth.is === 'waited',
      () => false,
    )
  await until(isWaited, 'a replica that follows')
})
afterEach(async () => {
  process.kill(replica.pid, 'SIGCONT')
  const isWell = () => cache.stats().redis?.waiting === 0 && cache.stats().redis?.error === null
  await until(isWell, 'nothing is owed')
})
afterAll(async () => {
  await cache.close()
  await Promise.all([primary.stop(), replica.stop()])
})

const kinds = ['immediate', 'lazy', 'background'] as const

it.each(kinds)('what is %s is acknowledged when the replica has it, and not before', async (strategy) => {
  await cache.invalidate('row', { strategy })
  process.kill(replica.pid, 'SIGSTOP')
  const code = strategy === 'background' ? 'E_REDIS_REPLICAS' : 'E_LOG_PENDING'
  const message = expect.stringContaining('only 0 of 1 replicas') as string
  await expect(cache.invalidate('row', { strategy })).rejects.toMatchObject({ code, message })
})

it('what could not be acknowledged is in force here, and is written again until the replica has it', async () => {
  await cache.set('key', 1, { dependsOn: 'row' })
  process.kill(replica.pid, 'SIGSTOP')
  await expect(cache.invalidate('row')).rejects.toMatchObject({ code: 'E_LOG_PENDING' })
  expect(cache.peek('key')).toBeUndefined()
  expect(cache.stats().redis?.waiting).toBe(1)
})

it('what a link that was owed makes necessary is declared when it is paid', async () => {
  const other = createCache({ redis: redis({ url: primary.url, replicas: 1, lease: 600 }) })
  await until(() => (other.stats().redis?.others ?? 0) > 0, 'a second node')
  await other.getOrSet('B', () => 1, { dependsOn: 'C' })
  process.kill(replica.pid, 'SIGSTOP')
  await expect(cache.link('A', { dependsOn: 'B' })).rejects.toMatchObject({ code: 'E_LOG_PENDING' })
  process.kill(replica.pid, 'SIGCONT')
  await until(() => cache.stats().graph.declared === 2, 'what B is made from')
  await cache.getOrSet('A', () => 'old')
  await other.invalidate('C')
  expect(await cache.get('A')).toBeUndefined()
  await other.close()
})

it('many that wait for a replica at once are told together, and keep nothing else waiting', async () => {
  process.kill(replica.pid, 'SIGSTOP')
  const from = performance.now()
  const code = ({ code }: { code: string }) => code
  const all = Array.from({ length: 20 }, (_, i) =>
    cache.invalidate(`row${i}`, { strategy: 'background' }).then(() => 'accepted', code),
  )
  expect(new Set(await Promise.all(all))).toEqual(new Set(['E_REDIS_REPLICAS']))
  // One after the other they would take a second each.
  expect(performance.now() - from).toBeLessThan(5000)
})
