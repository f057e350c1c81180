/**
 * How soon a node has a lease again when its server can be reached again (docs/redis.md says the bounds).
 */
import { setTimeout as after } from 'node:timers/promises'
import { expect, it, onTestFinished } from 'vitest'
import { startRedis, until } from 'staleproof-testbed'
import { createCache } from '../src/index.ts'
import { redis } from '../src/redis.ts'

/** What this machine may need beside: it has other things to do. */
const slackMs = 500

async function leased() {
  const server = await startRedis()
  const cache = createCache({ redis: redis({ url: server.url, lease: '600ms' }) })
  onTestFinished(async () => {
    process.kill(server.pid, 'SIGCONT')
    await cache.close()
    await server.stop()
  })
  await cache.ready()
  const isFenced = () => cache.stats().redis?.fenced === true
  const msUntilLeased = async () => {
    const began = performance.now()
    await until(() => !isFenced(), 'a lease')
    return performance.now() - began
  }
  return { server, isFenced, msUntilLeased }
}

it('within 0.7 s of the start of a server that was down for so long that all waits had grown', async () => {
  const { server, isFenced, msUntilLeased } = await leased()
  await server.end('SIGKILL')
  await after(3500)
  expect(isFenced()).toBe(true)
  await server.start()
  expect(await msUntilLeased()).toBeLessThan(700 + slackMs)
})

it('within 3.5 s of the end of a silence', async () => {
  const { server, isFenced, msUntilLeased } = await leased()
  process.kill(server.pid, 'SIGSTOP')
  await after(3500)
  expect(isFenced()).toBe(true)
  process.kill(server.pid, 'SIGCONT')
  expect(await msUntilLeased()).toBeLessThan(3500 + slackMs)
})
