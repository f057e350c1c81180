/**
 * What is in force is on record: a process that is killed right after the log took its invalidation, running what was built.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, statSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { beforeAll, expect, onTestFinished, test } from 'vitest'
import { createCache } from '../../src/index.ts'
import { redis } from '../../src/redis.ts'
import { startRedis } from '../redis-server.ts'

const program = fileURLToPath(new URL('redis-child.mjs', import.meta.url))
const built = fileURLToPath(new URL('../../dist/redis/history.js', import.meta.url))
const source = fileURLToPath(new URL('../../src/redis/history.ts', import.meta.url))

beforeAll(() => {
  const isBuilt = existsSync(built) && statSync(built).mtimeMs >= statSync(source).mtimeMs
  if (!isBuilt) throw new Error("these tests run what was built; first: 'npm run build'")
})

test('an invalidation whose process was killed as soon as it was in the log is on record', async () => {
  const server = await startRedis()
  onTestFinished(() => server.stop())
  const { url } = server
  const child = spawn(process.execPath, [program, JSON.stringify({ url, prefix: 'killed' })])
  const [, signal] = (await once(child, 'exit')) as [number | null, string | null]
  expect(signal).toBe('SIGKILL')
  const cache = createCache({ redis: redis({ url, prefix: 'killed' }) })
  onTestFinished(() => cache.close())
  await cache.ready()
  expect(cache.token(), 'what is in the log').toMatch(/\b1$/)
  const { records } = await cache.invalidations.list({ name: 'row' })
  expect(records).toMatchObject([{ status: 'running', reason: 'killed' }])
})
