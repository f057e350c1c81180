import { describe, expect, it } from 'vitest'
import { createCache } from '../../src/index.ts'
import { redis, redisConnection } from '../../src/redis.ts'
import { opened } from '../opened.ts'

const refused = (code: string, text?: RegExp) =>
  expect.objectContaining({ code, ...(text === undefined ? {} : { message: expect.stringMatching(text) }) })

/** JavaScript callers are not held by types. */
const wild = (value: unknown) => value as never

describe('bad input is told and changes nothing', () => {
  it.each([
    ['an empty key', '', /empty/],
    ['a key with half a surrogate pair', 'a\ud83db', /surrogate/],
    ['a key of 10 kB', 'x'.repeat(10_000), /10000 bytes/],
    ['a key that is no text', 7, /number/],
  ])('%s', async (_, key, text) => {
    const { cache } = opened()
    for (const call of [
      () => cache.get(wild(key)),
      () => cache.getOrSet(wild(key), () => 1),
      () => cache.set(wild(key), 1),
      () => cache.delete(wild(key)),
      () => cache.invalidate([wild(key)]),
      () => cache.explain(wild(key)),
      () => cache.link('a', { dependsOn: [wild(key)] }),
      () => cache.set('a', 1, { tags: [wild(key)] }),
    ]) {
      await expect(call()).rejects.toEqual(refused('E_NAME_INVALID', text))
    }
    expect(cache.stats()).toMatchObject({ log: { n: 0 }, memory: { entries: 0 } })
  })

  it.each([
    ['an unknown policy', { policy: 'mdia' }, 'E_POLICY_UNKNOWN', /use one of default, media/],
    ['a TTL below zero', { ttl: -1 }, 'E_DURATION_INVALID', /ttl is -1/],
    ['a TTL of zero', { ttl: 0 }, 'E_DURATION_INVALID', /longer than zero/],
    ['a TTL that is no time', { ttl: 'soon' }, 'E_DURATION_INVALID', /'soon'/],
    ['a TTL beyond all reason', { ttl: '90000d' }, 'E_DURATION_INVALID', /ten years/],
    ['a size below one', { size: 0 }, 'E_SIZE_INVALID', /size is 0/],
    ['a value over the limit', { size: 2_000_000 }, 'E_VALUE_TOO_LARGE', /2000202 bytes/],
  ])('%s', async (_, options, code, text) => {
    const { cache } = opened({ memory: { maxBytes: '1mb' } })
    await cache.set('a', 'kept')
    const before = cache.stats().log.n
    await expect(cache.set('a', 1, wild(options))).rejects.toEqual(refused(code, text))
    expect(cache.stats().log.n).toBe(before)
    expect(cache.peek('a')).toBe('kept')
  })

  it('undefined as a value', async () => {
    await expect(opened().cache.set('a', undefined)).rejects.toEqual(refused('E_VALUE_MISSING'))
  })

  it('what cannot be copied, in a cache that copies', async () => {
    const { cache } = opened({ memory: { values: 'clone' } })
    await expect(cache.set('a', { f: () => 1 })).rejects.toEqual(refused('E_VALUE_UNCLONEABLE'))
    await expect(cache.getOrSet('a', () => ({ f: () => 1 }))).rejects.toEqual(refused('E_VALUE_UNCLONEABLE'))
  })

  it.each([
    ['an unknown strategy', { strategy: 'now' }, 'E_STRATEGY_UNKNOWN'],
    ['an unknown consistency', { consistency: 'maybe' }, 'E_CONSISTENCY_UNKNOWN'],
    ['an unknown mode', { mode: 'hard' }, 'E_MODE_UNKNOWN'],
  ])('%s', async (_, options, code) => {
    const { cache } = opened()
    await expect(cache.invalidate('a', wild(options))).rejects.toEqual(refused(code, /use one of/))
    expect(cache.stats().log.n).toBe(0)
  })

  it('a misspelt option', async () => {
    await expect(opened().cache.invalidate('a', wild({ stratgy: 'lazy' }))).rejects.toEqual(
      refused('E_OPTIONS_INVALID', /no option 'stratgy'/),
    )
  })

  it('one name where several may stand is one name', async () => {
    const { cache } = opened()
    await cache.set('a', 1, { tags: 'albums' })
    expect((await cache.invalidate({ names: 'albums' })).cascade.map(({ name }) => name)).toEqual([
      'albums',
      'a',
    ])
  })

  it('an invalidation of nothing', async () => {
    await expect(opened().cache.invalidate({})).rejects.toEqual(refused('E_TARGET_EMPTY'))
    await expect(opened().cache.plan([])).rejects.toEqual(refused('E_TARGET_EMPTY'))
  })

  it('an id that the history does not know', async () => {
    const { invalidations } = opened().cache
    await expect(invalidations.cancel('x')).rejects.toEqual(refused('E_INVALIDATION_UNKNOWN'))
    expect(await invalidations.get('x')).toBeUndefined()
  })

  it('a rule that cannot be read', async () => {
    const { cache } = opened()
    await expect(cache.rule('thumb:{a', { dependsOn: 'file:{a}' })).rejects.toEqual(
      refused('E_GRAPH_RULE_INVALID'),
    )
    await expect(cache.rule('{a}', { dependsOn: 'file:{a}' })).rejects.toEqual(
      refused('E_GRAPH_RULE_INVALID'),
    )
    expect(cache.stats().log.n).toBe(0)
  })

  it('more dependencies than an entry should have: a warning, or a refusal if so wished', async () => {
    const dependsOn = ['a', 'b', 'c']
    const warned = opened({ graph: { dependenciesMax: 2 } })
    await warned.cache.set('x', 1, { dependsOn })
    expect(warned.take()).toContain('warning x E_GRAPH_TOO_MANY_DEPENDENCIES')
    await warned.cache.invalidate('c')
    expect(warned.cache.peek('x')).toBeUndefined()
    const strict = opened({ graph: { dependenciesMax: 2, onTooMany: 'reject' } }).cache
    await expect(strict.set('x', 1, { dependsOn })).rejects.toEqual(refused('E_GRAPH_TOO_MANY_DEPENDENCIES'))
    await expect(strict.getOrSet('x', () => 1, { dependsOn })).rejects.toEqual(
      refused('E_GRAPH_TOO_MANY_DEPENDENCIES'),
    )
  })
})

describe('where the server is has to be said once, and well', () => {
  const url = 'redis://127.0.0.1:1'
  it.each([
    [() => redis({ url, cluster: [url] }), /redis has url and cluster/],
    [() => redis({ url: `${url}/abc` }), /redis.url has 'redis:.*abc', which is no address/],
    [() => redis({ url: 'http://a' }), /which is no address/],
    [() => redis({ cluster: [] }), /redis.cluster is no list/],
    [() => redis({ cluster: wild(url) }), /redis.cluster is no list/],
    [() => redis({ sentinel: wild({ urls: [url] }) }), /redis.sentinel.name is missing/],
    [() => redis({ prefix: '' }), /redis.prefix is ''/],
    [() => redis({ node: wild(5) }), /redis.node is 5/],
    [() => redis({ url, connection: redisConnection() }), /redis has connection and url/],
    [() => redis({ password: 'x', connection: redisConnection() }), /redis has connection and password/],
    [
      () => redisConnection({ url, sentinel: { name: 'a', urls: [url] } }),
      /redisConnection has url and sentinel/,
    ],
  ])('%s', (open, message) => {
    expect(open).toThrow(refused('E_OPTIONS_INVALID', message) as Error)
  })
})

describe('bad options are told when the cache is opened', () => {
  it.each([
    [{ memory: { maxBytes: 'much' } }, 'E_SIZE_INVALID', /memory.maxBytes/],
    [{ memory: { maxEntries: 0.5 } }, 'E_COUNT_INVALID', /memory.maxEntries/],
    [{ policies: { a: { ttl: 'x' } } }, 'E_DURATION_INVALID', /policies.a.ttl/],
    [{ policies: { a: { jitter: 2 } } }, 'E_OPTIONS_INVALID', /policies.a.jitter/],
    [{ policies: { a: { minTtl: '2h', maxTtl: '1h' } } }, 'E_OPTIONS_INVALID', /policies.a.minTtl/],
    [{ graph: { cycles: 'ignore' } }, 'E_OPTIONS_INVALID', /graph.cycles/],
    [{ strategies: { scheduled: { cron: 'never' } } }, 'E_OPTIONS_INVALID', /cron/],
    [{ tracking: 'none' }, 'E_OPTIONS_INVALID', /tracking/],
    [{ redis: redis({ lease: '6s' }) }, 'E_OPTIONS_INVALID', /lease is 6000 ms; .*5000 ms/],
    [{ redis: redis({ lease: '50ms' }) }, 'E_OPTIONS_INVALID', /lease is 50 ms; .*100 ms/],
    [{ memroy: {} }, 'E_OPTIONS_INVALID', /no option 'memroy'; it has .*memory/],
    [{ policies: { a: { tll: 1 } } }, 'E_OPTIONS_INVALID', /policies.a has no option 'tll'/],
    [{ policies: { a: { accessMultiplier: 2 } } }, 'E_OPTIONS_INVALID', /maxExtension/],
  ])('%o', (options, code, text) => {
    expect(() => createCache(wild(options))).toThrow(refused(code, text))
  })
})
