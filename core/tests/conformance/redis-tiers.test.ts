import { afterAll, beforeAll } from 'vitest'
import { systemRandom } from '../../src/model/clock.ts'
import { RedisClient } from '../../src/redis/client.ts'
import { RedisTier } from '../../src/redis/tier.ts'
import { sharedTierCases } from '../../src/testing.ts'
import { RedisLog } from '../redis-log.ts'
import { startRedis, type RedisServer } from '../redis-server.ts'
import { suite } from './cases.ts'

let server: RedisServer
beforeAll(async () => {
  server = await startRedis()
})
afterAll(() => server.stop())

suite(
  'the shared tier redis',
  sharedTierCases(async (parts, place) => {
    const driver = new RedisClient({ url: server.url }, place)
    const log = await RedisLog.open({ ...parts, driver })
    const shared = new RedisTier({
      ...parts,
      ...{ driver, log, random: systemRandom, entryBytesMax: 1_000_000 },
    })
    const close = async () => {
      await log.close()
      await driver.close()
    }
    return { log, shared, close }
  }),
  // Text within a value is written as UTF-8.
  ['gives text with half a surrogate pair in it as it was put, or not at all'],
)
