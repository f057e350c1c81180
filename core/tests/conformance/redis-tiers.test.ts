import { afterAll, beforeAll } from 'vitest'
import { startRedis, type RedisServer } from 'staleproof-testbed'
import { RedisTier } from '../../src/redis/tier.ts'
import { sharedTierCases } from '../../src/testing.ts'
import { openRedisLog } from '../redis-member.ts'
import { suite } from './cases.ts'

let server: RedisServer
beforeAll(async () => {
  server = await startRedis()
})
afterAll(() => server.stop())

suite(
  'the shared tier redis',
  sharedTierCases(async (parts, place) => {
    const { log, driver, close } = await openRedisLog(server.url, parts, place)
    const shared = new RedisTier({ ...parts, driver, log, entryBytesMax: 1_000_000 })
    return { log, shared, close }
  }),
  // Text within a value is written as UTF-8.
  ['gives text with half a surrogate pair in it as it was put, or not at all'],
)
