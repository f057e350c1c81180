/**
 * A log on a real Redis, as the conformance cases open it: the same place is the same prefix.
 */
import { randomUUID } from 'node:crypto'
import type { BackingParts } from '../src/backing/contract.ts'
import { Member } from '../src/consistency/member.ts'
import { RedisClient } from '../src/redis/client.ts'
import { RedisLogServer } from '../src/redis/log-server.ts'

export async function openRedisLog(url: string, parts: BackingParts, place: string) {
  const driver = new RedisClient({ url }, place)
  const server = new RedisLogServer(driver, { clock: parts.clock, replicas: 0 })
  const log = new Member({ ...parts, server, id: randomUUID(), nodeName: 'a test', leaseMs: 3000 })
  await log.regain()
  const close = async () => {
    await log.close()
    await server.close()
    await driver.close()
  }
  return { log, driver, close }
}
