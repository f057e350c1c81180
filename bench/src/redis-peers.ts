/**
 * The peers with Redis as their only tier, each as its own documentation sets it up, so that a read is a hit there.
 */
import KeyvRedis from '@keyv/redis'
import { createCache } from 'async-cache-dedupe'
import { BentoCache, bentostore } from 'bentocache'
import { redisDriver } from 'bentocache/drivers/redis'
import { Cacheable } from 'cacheable'
import { Redis } from 'ioredis-5'
import { Keyv } from 'keyv'
import { Loader, RedisCache } from 'layered-loader'

export interface Peer {
  /** Loads a key that is not there. */
  load(key: string): Promise<unknown>
  get(key: string): Promise<unknown>
  close(): Promise<unknown> | void
}

type Source = (key: string) => Promise<unknown>

const ttlMs = 3_600_000

/** Name -> how it is opened. */
export const redisPeers: Readonly<Record<string, (port: number, source: Source) => Peer>> = {
  bentocache(port, source) {
    const store = bentostore().useL2Layer(redisDriver({ connection: { host: '127.0.0.1', port } }))
    const cache = new BentoCache({ default: 'cache', stores: { cache: store } })
    return {
      load: (key) => cache.getOrSet({ key, ttl: ttlMs, factory: () => source(key) }),
      get: (key) => cache.get({ key }),
      close: () => cache.disconnectAll(),
    }
  },

  cacheable(port, source) {
    const primary = new Keyv({ store: new KeyvRedis(`redis://127.0.0.1:${port}`) })
    const cache = new Cacheable({ primary, ttl: ttlMs })
    return {
      load: (key) => cache.getOrSet(key, () => source(key)),
      get: (key) => cache.get(key),
      close: () => cache.disconnect(),
    }
  },

  'layered-loader'(port, source) {
    const client = new Redis({ host: '127.0.0.1', port })
    const asyncCache = new RedisCache<unknown>(client, { ttlInMsecs: ttlMs, json: true })
    const loader = new Loader<unknown>({ inMemoryCache: false, asyncCache, dataSourceGetOneFn: source })
    const get = (key: string) => loader.get(key)
    return { load: get, get, close: () => client.disconnect() }
  },

  'async-cache-dedupe'(port, source) {
    const client = new Redis({ host: '127.0.0.1', port })
    const cache = createCache({ ttl: ttlMs / 1000, storage: { type: 'redis', options: { client } } })
    const photos = cache.define('photo', {}, source)
    const get = (key: string) => photos.photo(key)
    return { load: get, get, close: () => client.disconnect() }
  },
}
