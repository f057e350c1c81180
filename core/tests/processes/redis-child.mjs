/**
 * A node of a cluster that is killed when the log has said that its invalidation is in force, and before it does anything
 * else. Argument: JSON of url and prefix.
 */
import { createCache } from '../../dist/index.js'
import { RedisLogServer } from '../../dist/redis/log-server.js'
import { redis } from '../../dist/redis.js'

const append = RedisLogServer.prototype.append
RedisLogServer.prototype.append = async function (...args) {
  const appended = await append.apply(this, args)
  if (appended.first !== undefined) process.kill(process.pid, 'SIGKILL')
  return appended
}

const cache = createCache({ redis: redis(JSON.parse(process.argv[2])) })
await cache.ready()
await cache.invalidate('row', { consistency: 'eventual', reason: 'killed' })
