/**
 * The peers, each as its own documentation sets it up for several processes on one Redis, and ours with its defaults.
 *
 *   BentoCache          memory, Redis below, a bus on Redis
 *   cacheable           memory, Redis below (@keyv/redis), CacheableSync over Redis
 *   layered-loader      memory, Redis below, a pair that notifies
 *   async-cache-dedupe  Redis only: it has no memory that would have to be told
 */
import KeyvRedis from '@keyv/redis'
import { RedisMessageProvider } from '@qified/redis'
import { createCache as createDedupe } from 'async-cache-dedupe'
import { BentoCache, bentostore } from 'bentocache'
import { memoryDriver } from 'bentocache/drivers/memory'
import { redisBusDriver, redisDriver } from 'bentocache/drivers/redis'
import { Cacheable } from 'cacheable'
import { Redis } from 'ioredis-5'
import { createNotificationPair, Loader, RedisCache } from 'layered-loader'
import { createCache } from 'staleproof'
import { redis } from 'staleproof/redis'

export interface Peer {
  get(key: string): Promise<number | undefined>
  /** Resolves when it says that it is done. @throws what it fails with */
  invalidate(key: string): Promise<unknown>
}

export type Source = (key: string) => Promise<number>
type Open = (port: number, source: Source) => Promise<Peer>

const ttlMs = 3_600_000

export const peers: Readonly<Record<string, Open>> = {
  async staleproof(port, source) {
    const cache = createCache({ redis: redis({ url: `redis://127.0.0.1:${port}` }) })
    await cache.ready()
    return {
      get: (key) => cache.getOrSet(key, () => source(key)),
      invalidate: (key) => cache.invalidate(key),
    }
  },

  async bentocache(port, source) {
    const connection = { host: '127.0.0.1', port }
    const store = bentostore()
      .useL1Layer(memoryDriver({ maxSize: '10mb' }))
      .useL2Layer(redisDriver({ connection }))
      .useBus(redisBusDriver({ connection }))
    const cache = new BentoCache({ default: 'cache', stores: { cache: store } })
    return {
      get: (key) => cache.getOrSet({ key, ttl: ttlMs, factory: () => source(key) }),
      invalidate: (key) => cache.delete({ key }),
    }
  },

  async cacheable(port, source) {
    const uri = `redis://127.0.0.1:${port}`
    const provider = new RedisMessageProvider({ uri })
    const cache = new Cacheable({ secondary: new KeyvRedis(uri), ttl: ttlMs, sync: { qified: provider } })
    cache.on('error', () => undefined)
    return { get: (key) => cache.getOrSet(key, () => source(key)), invalidate: (key) => cache.delete(key) }
  },

  async 'layered-loader'(port, source) {
    const client = () => new Redis({ host: '127.0.0.1', port }).on('error', () => undefined)
    const pair = createNotificationPair<number>({
      channel: 'notifications',
      consumerRedis: client(),
      publisherRedis: client(),
    })
    const loader = new Loader<number>({
      inMemoryCache: { ttlInMsecs: ttlMs },
      asyncCache: new RedisCache<number>(client(), { ttlInMsecs: ttlMs, json: true }),
      notificationConsumer: pair.consumer,
      notificationPublisher: pair.publisher,
      dataSourceGetOneFn: source,
    })
    await loader.init()
    return {
      get: async (key) => (await loader.get(key)) ?? undefined,
      invalidate: (key) => loader.invalidateCacheFor(key),
    }
  },

  async 'async-cache-dedupe'(port, source) {
    const client = new Redis({ host: '127.0.0.1', port }).on('error', () => undefined)
    const cache = createDedupe({
      ttl: ttlMs / 1000,
      storage: { type: 'redis', options: { client, invalidation: true } },
    })
    const user = cache.define('user', {}, source)
    return { get: (key) => user.user(key), invalidate: (key) => cache.clear('user', key) }
  },
}
