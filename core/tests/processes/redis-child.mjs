/**
 * A node of a cluster that is killed. Argument: JSON of url, prefix, and when:
 *
 *   ready     it has joined: the others wait for it until its lease is over
 *   appended  the log has said that its invalidation is in force, and nothing else was done yet
 *   waiting   its strict invalidation is in the log, and waits for another node
 */
import { setTimeout as after } from 'node:timers/promises'
import { createCache } from '../../dist/index.js'
import { RedisLogServer } from '../../dist/redis/log-server.js'
import { redis } from '../../dist/redis.js'

const { url, prefix, when } = JSON.parse(process.argv[2])
const die = () => process.kill(process.pid, 'SIGKILL')
let inLog = () => {}
const isInLog = new Promise((resolve) => (inLog = resolve))

const append = RedisLogServer.prototype.append
RedisLogServer.prototype.append = async function (...args) {
  const appended = await append.apply(this, args)
  if (appended.first === undefined) return appended
  if (when === 'appended') die()
  inLog()
  return appended
}

const cache = createCache({ redis: redis({ url, prefix }) })
await cache.ready()
if (when === 'ready') die()
const consistency = when === 'waiting' ? 'strict' : 'eventual'
const invalidating = cache.invalidate('row', { consistency, reason: 'killed' })
await Promise.race([invalidating, isInLog.then(() => after(500))])
die()
