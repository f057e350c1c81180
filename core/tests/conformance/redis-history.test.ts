import { afterAll, beforeAll } from 'vitest'
import { startRedis, type RedisServer } from 'staleproof-testbed'
import { RedisPlace } from '../redis-place.ts'
import { historySuite } from './history.ts'

let server: RedisServer
const places: RedisPlace[] = []

beforeAll(async () => {
  server = await startRedis()
})

afterAll(async () => {
  for (const place of places) await place.close()
  await server.stop()
})

historySuite('redis', async ({ clock, keepForMs, keepCount }) => {
  const place = new RedisPlace(server, clock)
  places.push(place)
  return place.open({ keepFor: keepForMs, keepCount }).history
})
