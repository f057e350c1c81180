/**
 * The peers, each set up for memory only as its own documentation recommends, with room for everything.
 *
 * BentoCache and cacheable copy every value by default; both are measured as they come and with that turned off,
 * since Staleproof hands values out as they are.
 */
import { createCache as createDedupe } from 'async-cache-dedupe'
import { BentoCache, bentostore } from 'bentocache'
import { memoryDriver } from 'bentocache/drivers/memory'
import { Cacheable, createKeyv } from 'cacheable'
import { GroupLoader, Loader } from 'layered-loader'
import { LRUCache } from 'lru-cache'
import type { Contender } from './rounds.ts'
import { keyAt, load, type User } from './world.ts'

const ttlMs = 3_600_000

/** What is loaded, for peers that are told once; `referencesOf` names what an entry is made from. */
interface Truth<V> {
  readonly source: (key: string) => Promise<V>
  readonly referencesOf?: (key: string) => string[]
}

const users: Truth<User> = { source: load }

export function openBento(size: number, serialize: boolean) {
  const driver = memoryDriver({ maxItems: size, ...(serialize ? {} : { serialize: false as const }) })
  return new BentoCache({ default: 'memory', stores: { memory: bentostore().useL1Layer(driver) } })
}

export function openCacheable(useClone: boolean, tags: boolean): Cacheable {
  return new Cacheable({ primary: createKeyv({ useClone }), ttl: ttlMs, tags })
}

export function openDedupe<V>(size: number, { source, referencesOf }: Truth<V>) {
  const invalidation = referencesOf !== undefined
  const cache = createDedupe({
    ttl: ttlMs / 1000,
    storage: { type: 'memory', options: { size, invalidation } },
  })
  const options = referencesOf === undefined ? {} : { references: (key: string) => referencesOf(key) }
  return cache.define('user', options, source)
}

export function openLayered<V>(size: number, { source }: Truth<V>): Loader<V> {
  return new Loader<V>({
    inMemoryCache: { cacheType: 'lru-object', ttlInMsecs: ttlMs, maxItems: size },
    dataSourceGetOneFn: source,
  })
}

export function openLayeredGroups<V>(size: number, { source }: Truth<V>): GroupLoader<V> {
  const getManyFromGroup = (keys: string[]) => Promise.all(keys.map(source))
  return new GroupLoader<V>({
    // Of its two kinds the one that does not take room for `maxItemsPerGroup` in advance.
    inMemoryCache: { cacheType: 'lru-object', ttlInMsecs: ttlMs, maxGroups: 10_000, maxItemsPerGroup: size },
    dataSources: [{ name: 'truth', getFromGroup: source, getManyFromGroup }],
  })
}

export function openLru<V extends {}>(size: number, { source }: Truth<V>): LRUCache<string, V> {
  return new LRUCache<string, V>({ max: size, ttl: ttlMs, fetchMethod: (key) => source(key) })
}

/** A memory hit of every peer. */
export const hitsOfPeers: Readonly<Record<string, (size: number) => Contender>> = {
  'lru-cache.fetch': lruHits,
  'layered-loader': layeredHits,
  'async-cache-dedupe': dedupeHits,
  'cacheable, clones off': () => cacheableHits(false),
  cacheable: () => cacheableHits(true),
  'bentocache, serialize off': (size) => bentoHits(openBento(size, false)),
  bentocache: (size) => bentoHits(openBento(size, true)),
}

function lruHits(size: number): Contender {
  const cache = openLru(size, users)
  return {
    async run(n) {
      for (let i = 0; i < n; i++) await cache.fetch(keyAt(i))
    },
  }
}

function layeredHits(size: number): Contender {
  const loader = openLayered(size, users)
  return {
    async run(n) {
      for (let i = 0; i < n; i++) await loader.get(keyAt(i))
    },
    close: () => loader.close(),
  }
}

function dedupeHits(size: number): Contender {
  const cache = openDedupe(size, users)
  return {
    async run(n) {
      for (let i = 0; i < n; i++) await cache.user(keyAt(i))
    },
  }
}

function cacheableHits(useClone: boolean): Contender {
  const cache = openCacheable(useClone, false)
  return {
    async run(n) {
      for (let i = 0; i < n; i++) {
        const key = keyAt(i)
        await cache.getOrSet(key, () => load(key))
      }
    },
    close: () => cache.disconnect(),
  }
}

function bentoHits(bento: ReturnType<typeof openBento>): Contender {
  return {
    async run(n) {
      for (let i = 0; i < n; i++) {
        const key = keyAt(i)
        await bento.getOrSet({ key, factory: () => load(key), ttl: ttlMs })
      }
    },
    close: () => bento.disconnectAll(),
  }
}
