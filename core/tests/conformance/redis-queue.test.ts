import { afterAll, beforeAll } from 'vitest'
import { startRedis, type RedisServer } from 'staleproof-testbed'
import { type RedisPair, RedisPlace } from '../redis-place.ts'
import { queueSuite } from './queue.ts'
import type { Pair, QueueLimits } from './queue-jobs.ts'

let server: RedisServer
const places = new Map<Pair, { readonly place: RedisPlace; readonly limits: QueueLimits }>()

beforeAll(async () => {
  server = await startRedis()
})

afterAll(async () => {
  for (const place of new Set([...places.values()].map((each) => each.place))) await place.close()
  await server.stop()
})

function handle(place: RedisPlace, limits: QueueLimits): RedisPair {
  const { sizeMax, agingMs: aging } = limits
  const pair = place.open({ sizeMax, aging })
  places.set(pair, { place, limits })
  return pair
}

function placeOf(pair: Pair) {
  const found = places.get(pair)
  if (found === undefined) throw new Error('it was not opened here')
  return found
}

queueSuite('redis', {
  open: async (limits) => handle(new RedisPlace(server), limits),
  sharing: {
    share: async (first) => {
      const { place, limits } = placeOf(first)
      return handle(place, limits)
    },
    kill: (pair) => placeOf(pair).place.kill(pair as RedisPair),
  },
})
