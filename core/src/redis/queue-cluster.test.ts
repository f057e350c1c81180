import { expect, test } from 'vitest'
import { startRedis } from 'staleproof-testbed'
import { record } from '../../tests/conformance/history.ts'
import { both, job } from '../../tests/conformance/queue-jobs.ts'
import { RedisPlace } from '../../tests/redis-place.ts'
import { surroundings } from '../../tests/surroundings.ts'
import { RedisClient } from './client.ts'

test('in a cluster every script finds its keys in one slot', async () => {
  const server = await startRedis({ 'cluster-enabled': 'yes', 'cluster-announce-ip': '127.0.0.1' })
  const place = new RedisPlace(server)
  await place.driver.call('CLUSTER', 'ADDSLOTSRANGE', 0, 16_383)
  while (!String(await place.driver.call('CLUSTER', 'INFO')).includes('cluster_state:ok'));
  const driver = new RedisClient({ cluster: [server.url] }, 'name', surroundings)
  const [mine, theirs] = [place.open({ driver }), place.open({ driver })]
  const claim = { now: 0, namesMax: both, jobsMax: 9 }
  for (const id of ['a', 'b']) await mine.queue.add(job(id))
  expect(await mine.queue.claim({ ...claim, jobsMax: 1 })).toHaveLength(1)
  await mine.queue.begin(job('a'), 5)
  await mine.history.put(record('now', { status: 'running' }))
  await driver.call('ZADD', `${driver.prefix}:seen`, 1, mine.node)
  expect(await theirs.history.endCutOff((each) => ({ ...each, status: 'failed' }))).toHaveLength(1)
  expect(await theirs.queue.claim(claim)).toHaveLength(2)
  expect(await theirs.queue.take('a')).toBeUndefined()
  expect(await theirs.queue.done(record('a'))).toBe(true)
  expect(await theirs.queue.release(job('b'), 7)).toBe(true)
  expect(await theirs.queue.nextDue()).toEqual({ scheduled: 7 })
  expect(await theirs.queue.list()).toHaveLength(1)
  await driver.call('HSET', `${driver.prefix}:jobs`, 'b', 'damaged')
  expect(await theirs.queue.remove('b', 1)).toBeUndefined()
  expect(await theirs.queue.size()).toBe(0)
  expect((await theirs.history.list({})).records).toHaveLength(3)
  await theirs.queue.close()
  await driver.close()
  await place.close()
  await server.stop()
})
