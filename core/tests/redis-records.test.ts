/**
 * What is on record of the invalidations of a node, though its server does not take every record at first.
 */
import { expect, it, onTestFinished, vi } from 'vitest'
import { startRedis, until } from 'staleproof-testbed'
import { createCache } from '../src/index.ts'
import { StaleproofError } from '../src/model/errors.ts'
import { redis } from '../src/redis.ts'
import { RedisClient } from '../src/redis/client.ts'
import { putScript } from '../src/redis/history-lua.ts'

/** The first record that says `completed` is not taken. @returns ids of those that were not */
function failingOnce(): string[] {
  const failed: string[] = []
  const run = RedisClient.prototype.run
  const spy = vi.spyOn(RedisClient.prototype, 'run').mockImplementation(function (
    this: RedisClient,
    script,
    args,
  ) {
    const [, , id, status] = args
    if (script !== putScript || status !== 'completed' || failed.length > 0)
      return run.call(this, script, args)
    failed.push(String(id))
    return Promise.reject(new StaleproofError('E_REDIS_FAILED', 'not this time'))
  })
  onTestFinished(() => spy.mockRestore())
  return failed
}

it('how an invalidation ended is tried again until it is on record, also when another follows at once', async () => {
  const server = await startRedis()
  const cache = createCache({ redis: redis({ url: server.url }) })
  onTestFinished(async () => {
    await cache.close()
    await server.stop()
  })
  await cache.ready()
  const errors: unknown[] = []
  cache.on('error', ({ error }) => errors.push(error))
  const failed = failingOnce()
  const { id } = await cache.invalidate('a', { consistency: 'eventual' })
  await cache.invalidate('b', { consistency: 'eventual' })
  await until(() => failed.length > 0, 'a record that is not taken')
  const status = async () => (await cache.invalidations.get(id))?.status
  await until(async () => (await status()) === 'completed', 'the record as it ended', 5000)
  expect(failed).toEqual([id])
  expect(errors).toMatchObject([{ code: 'E_REDIS_FAILED' }])
})
