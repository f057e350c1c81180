/**
 * What is in force is on record: a process that is killed when the log has taken its invalidation, running what was built.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, statSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { beforeAll, expect, onTestFinished, test } from 'vitest'
import { startRedis } from 'staleproof-testbed'
import { createCache } from '../../src/index.ts'
import { redis } from '../../src/redis.ts'
import { RedisClient } from '../../src/redis/client.ts'
import { listOf, textOf } from '../../src/redis/driver.ts'
import { surroundings } from '../surroundings.ts'

const program = fileURLToPath(new URL('redis-child.mjs', import.meta.url))
const built = fileURLToPath(new URL('../../dist/redis/history.js', import.meta.url))
const source = fileURLToPath(new URL('../../src/redis/history.ts', import.meta.url))

beforeAll(() => {
  const isBuilt = existsSync(built) && statSync(built).mtimeMs >= statSync(source).mtimeMs
  if (!isBuilt) throw new Error("these tests run what was built; first: 'npm run build'")
})

async function killed(parts: { url: string; prefix: string; when: string }): Promise<void> {
  const child = spawn(process.execPath, [program, JSON.stringify(parts)])
  const [, signal] = (await once(child, 'exit')) as [number | null, string | null]
  expect(signal).toBe('SIGKILL')
}

async function place() {
  const server = await startRedis()
  onTestFinished(() => server.stop())
  return { url: server.url, prefix: 'killed' }
}

async function open(parts: { url: string; prefix: string }) {
  const cache = createCache({ redis: redis(parts) })
  onTestFinished(() => cache.close())
  await cache.ready()
  return cache
}

/** As if nothing had been heard of any node for long. */
async function forgetAll({ url, prefix }: { url: string; prefix: string }): Promise<void> {
  const driver = new RedisClient({ url }, prefix, surroundings)
  const key = `${driver.prefix}:seen`
  const nodes = listOf(await driver.call('ZRANGE', key, 0, -1)).map(textOf)
  for (const node of nodes) await driver.call('ZADD', key, 1, node)
  await driver.close()
}

test('an invalidation whose process was killed as soon as it was in the log is on record', async () => {
  const at = await place()
  await killed({ ...at, when: 'appended' })
  const cache = await open(at)
  expect(cache.token(), 'what is in the log').toMatch(/\b1$/)
  const { records } = await cache.invalidations.list({ name: 'row' })
  expect(records).toMatchObject([{ status: 'running', reason: 'killed' }])
})

test('whoever finds it knows that it is in force', async () => {
  const at = await place()
  await killed({ ...at, when: 'appended' })
  await forgetAll(at)
  const cache = await open(at)
  const { records } = await cache.invalidations.list({ name: 'row' })
  expect(records).toMatchObject([
    { status: 'completed', position: { n: 1 }, token: cache.token(), error: null, tiers: {} },
  ])
})

test('one whose process was killed while it waited for another node is on record as in force', async () => {
  const at = await place()
  await killed({ ...at, when: 'ready' })
  await killed({ ...at, when: 'waiting' })
  await forgetAll(at)
  const cache = await open(at)
  const { records } = await cache.invalidations.list({ name: 'row' })
  const token = cache.token()
  expect(token, 'what is in the log').toMatch(/\b1$/)
  expect(records).toMatchObject([{ status: 'completed', position: { n: 1 }, token, error: null, tiers: {} }])
})
