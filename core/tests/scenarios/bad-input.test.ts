import { describe, expect, it } from 'vitest'
import { disk } from '../../src/disk.ts'
import { createCache } from '../../src/index.ts'
import { redis, redisConnection } from '../../src/redis.ts'
import { directory } from '../directories.ts'
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

type Calls = readonly (readonly [string, (cache: Any) => unknown])[]
type Any = ReturnType<typeof opened>['cache']

/** As a rejection, also of what throws at once. */
const outcomeOf = async (cache: Any, call: (cache: Any) => unknown) => call(cache)

describe('a misspelt option is refused, and nothing is done', () => {
  const calls: Calls = [
    ['getOrSet', (cache) => cache.getOrSet('k', () => 1, wild({ dependsON: 'dd' }))],
    ['getOrSet', (cache) => cache.getOrSet('k', (load) => load.getOrSet('j', () => 1, wild({ polcy: 'x' })))],
    ['set', (cache) => cache.set('k', 1, wild({ dependson: 'dd' }))],
    ['set', (cache) => cache.setMany([['k', 1, wild({ tag: 'dd' })]])],
    ['fill', (cache) => cache.fill('k', 1, wild({ since: cache.token(), dependson: 'dd' }))],
    ['fill', (cache) => cache.fill('k', 1, wild({ since: cache.token(), consistency: 'strict' }))],
    ['wrap', (cache) => cache.wrap('k', () => 1, wild({ dependsON: 'dd' }))],
    [
      'getOrSet',
      (cache) =>
        cache.wrap(
          'k',
          () => 1,
          wild(() => ({ dependsON: 'dd' })),
        )(),
    ],
    ['link', (cache) => cache.link('k', wild({ dependson: 'dd' }))],
    ['unlink', (cache) => cache.unlink('linked', wild({ dependson: 'dd' }))],
    ['rule', (cache) => cache.rule('k:{a}', wild({ dependson: 'dd' }))],
    ['unrule', (cache) => cache.unrule('k:{a}', wild({ dependson: 'dd' }))],
    ['mutate', (cache) => cache.mutate('k', () => 1, wild({ resaon: 'x' }))],
    ['invalidate', (cache) => cache.invalidate('k', wild({ resaon: 'x' }))],
    ['the target of an invalidation', (cache) => cache.plan(wild({ name: 'k' }))],
    ['graph', (cache) => cache.graph('k', wild({ deph: 2 }))],
    ['invalidations.list', (cache) => cache.invalidations.list(wild({ strateg: 'lazy' }))],
  ]
  it.each(calls)('%s: %s', async (what, call) => {
    const { cache } = opened()
    await cache.link('linked', { dependsOn: 'dd' })
    const before = cache.stats().log.n
    await expect(outcomeOf(cache, call)).rejects.toEqual(
      refused('E_OPTIONS_INVALID', new RegExp(`^${what} has no option '\\w+'; it has `)),
    )
    expect(cache.stats()).toMatchObject({ log: { n: before }, memory: { entries: 0 } })
  })

  it('a caller who joins a load gets an error of his own', async () => {
    const { cache } = opened()
    const first = cache.getOrSet('k', () => 1)
    await expect(cache.getOrSet('k', () => 2, wild({ tll: '1m' }))).rejects.toEqual(
      refused('E_OPTIONS_INVALID', /no option 'tll'/),
    )
    expect(await first).toBe(1)
  })
})

describe('what is no argument for it is refused, and nothing is done', () => {
  const calls: readonly (readonly [...Calls[number], RegExp])[] = [
    ['E_TARGET_EMPTY', (cache) => cache.invalidate(wild(undefined)), /nothing was named/],
    ['E_TARGET_EMPTY', (cache) => cache.plan(wild(null)), /nothing was named/],
    ['E_OPTIONS_INVALID', (cache) => cache.invalidate(wild(5)), /a number was given/],
    ['E_NAME_INVALID', (cache) => cache.invalidate({ names: wild(5) }), /names .*a number was given/],
    ['E_OPTIONS_INVALID', (cache) => cache.invalidate({ all: wild('no') }), /all .*a string was given/],
    [
      'E_OPTIONS_INVALID',
      (cache) => cache.invalidate('k', { reason: wild(5) }),
      /reason .*a number was given/,
    ],
    [
      'E_OPTIONS_INVALID',
      (cache) => cache.invalidate('k', { actor: wild({}) }),
      /actor .*an object was given/,
    ],
    ['E_OPTIONS_INVALID', (cache) => cache.invalidate('k', wild('lazy')), /object.*a string was given/],
    ['E_OPTIONS_INVALID', (cache) => cache.mutate('k', wild(undefined)), /mutate.*function.*undefined/],
    ['E_NAME_INVALID', (cache) => cache.mutate(wild({ prefix: 'k' }), () => 1), /names /],
    ['E_OPTIONS_INVALID', (cache) => cache.mutate('k', () => 1, wild(null)), /null was given/],
    ['E_NAME_INVALID', (cache) => cache.invalidations.runNow(wild(undefined)), /the id is undefined/],
    ['E_NAME_INVALID', (cache) => cache.invalidations.cancel(wild(undefined)), /the id is undefined/],
    ['E_NAME_INVALID', (cache) => cache.invalidations.retry(wild(5)), /the id is number/],
    ['E_NAME_INVALID', (cache) => cache.invalidations.get(wild(5)), /the id is number/],
    ['E_OPTIONS_INVALID', (cache) => cache.invalidations.list(wild('k')), /a string was given/],
    ['E_OPTIONS_INVALID', (cache) => cache.getOrSet('k', wild(undefined)), /getOrSet.*function.*undefined/],
    ['E_OPTIONS_INVALID', (cache) => cache.getOrSet('k', () => 1, wild('1m')), /a string was given/],
    ['E_OPTIONS_INVALID', (cache) => cache.getOrSet('k', () => 1, wild(null)), /null was given/],
    [
      'E_NAME_INVALID',
      (cache) => cache.getOrSet('k', () => 1, { dependsOn: wild(5) }),
      /dependsOn .*a number/,
    ],
    [
      'E_NAME_INVALID',
      (cache) => cache.set('k', 1, { dependsOn: wild(5) }),
      /dependsOn .*a number was given/,
    ],
    ['E_NAME_INVALID', (cache) => cache.set('k', 1, { tags: wild(5) }), /tags .*a number was given/],
    ['E_NAME_INVALID', (cache) => cache.set('k', 1, { tags: wild(null) }), /tags .*null was given/],
    ['E_OPTIONS_INVALID', (cache) => cache.set('k', 1, wild(60_000)), /a number was given/],
    ['E_OPTIONS_INVALID', (cache) => cache.setMany(wild(undefined)), /setMany.*undefined/],
    ['E_OPTIONS_INVALID', (cache) => cache.setMany(wild([5])), /setMany.*a number/],
    ['E_OPTIONS_INVALID', (cache) => cache.fill('k', 1, wild(undefined)), /fill takes .*undefined was given/],
    ['E_TOKEN_INVALID', (cache) => cache.fill('k', 1, wild({})), /token/],
    ['E_NAME_INVALID', (cache) => cache.getMany(wild(undefined)), /keys .*undefined was given/],
    ['E_OPTIONS_INVALID', (cache) => cache.wrap('k', wild(undefined)), /wrap.*function.*undefined/],
    ['E_OPTIONS_INVALID', (cache) => cache.wrap('k', () => 1, wild('1m')), /a string was given/],
    ['E_NAME_INVALID', (cache) => cache.link('k', wild({})), /dependsOn .*undefined was given/],
    ['E_NAME_INVALID', (cache) => cache.link('k', wild(undefined)), /dependsOn .*undefined was given/],
    [
      'E_NAME_INVALID',
      (cache) => cache.unlink('k', { dependsOn: wild(5) }),
      /dependsOn .*a number was given/,
    ],
    ['E_NAME_INVALID', (cache) => cache.rule('k:{a}', wild({})), /dependsOn .*undefined was given/],
    ['E_NAME_INVALID', (cache) => cache.rule('k:{a}', { dependsOn: [wild(5)] }), /number/],
    ['E_NAME_INVALID', (cache) => cache.rule(wild(5), { dependsOn: 'a' }), /pattern is number/],
    ['E_NAME_INVALID', (cache) => cache.unrule(wild(undefined)), /pattern is undefined/],
    [
      'E_NAME_INVALID',
      (cache) => cache.unrule('k:{a}', { dependsOn: wild(5) }),
      /dependsOn .*a number was given/,
    ],
    ['E_OPTIONS_INVALID', (cache) => cache.graph('k', { direction: wild('up') }), /direction 'up'/],
    ['E_OPTIONS_INVALID', (cache) => cache.on('hit', wild(undefined)), /on.*function.*undefined/],
    ['E_OPTIONS_INVALID', (cache) => cache.on(wild('hits'), () => undefined), /event 'hits'.*hit, miss/],
    ['E_OPTIONS_INVALID', (cache) => cache.untracked(wild(undefined)), /untracked.*function.*undefined/],
    ['E_TOKEN_INVALID', (cache) => cache.upTo(wild(undefined)), /token/],
  ]
  it.each(calls)('%s: %s', async (code, call, text) => {
    const { cache } = opened()
    await expect(outcomeOf(cache, call)).rejects.toEqual(refused(code, text))
    expect(cache.stats()).toMatchObject({ log: { n: 0 }, memory: { entries: 0 } })
  })
})

describe('a query of the history that nothing can answer', () => {
  it.each([
    [{ status: 'pendng' }, 'E_OPTIONS_INVALID', /status 'pendng'; use one of pending/],
    [{ strategy: 'lzy' }, 'E_STRATEGY_UNKNOWN', /strategy 'lzy'; use one of immediate/],
    [{ since: 'yesterday' }, 'E_MOMENT_INVALID', /since is 'yesterday'/],
    [{ until: Number.NaN }, 'E_MOMENT_INVALID', /until is NaN/],
    [{ actor: 5 }, 'E_OPTIONS_INVALID', /actor .*a number was given/],
    [{ name: 5 }, 'E_NAME_INVALID', /number/],
    [{ limit: 0 }, 'E_OPTIONS_INVALID', /limit is 0/],
    [{ cursor: 5 }, 'E_CURSOR_INVALID', /'5'/],
  ])('%o', async (query, code, text) => {
    const { cache } = opened()
    await cache.invalidate('a', { actor: 'x' })
    await expect(cache.invalidations.list(wild(query))).rejects.toEqual(refused(code, text))
  })

  it('what one can answer is answered', async () => {
    const { cache, clock } = opened()
    await cache.invalidate('a', { actor: 'x', strategy: 'lazy' })
    const query = { status: 'completed', strategy: 'lazy', actor: 'x', name: 'a' } as const
    const times = { since: clock.now() - 1, until: clock.now() + 1, limit: 1 }
    expect((await cache.invalidations.list({ ...query, ...times })).records).toHaveLength(1)
    const { records } = await cache.invalidations.list({ status: undefined, since: -1 })
    expect(records).toHaveLength(1)
  })
})

describe('where the server is has to be said once, and well', () => {
  const url = 'redis://127.0.0.1:1'
  it.each([
    [() => redis({ url, cluster: [url] }), /redis has url and cluster/],
    [() => redis({ url: `${url}/abc` }), /redis.url has 'redis:.*abc', which is no address/],
    [() => redis({ url: 'http://a' }), /which is no address/],
    [() => redis({ url: 'redis://me:secret@a/x' }), /has 'redis:\/\/\*\*\*@a\/x', which is no address/],
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
    [{ policies: { a: '1m' } }, 'E_OPTIONS_INVALID', /policies.a .*a string was given/],
    [{ policies: 'a' }, 'E_OPTIONS_INVALID', /policies .*a string was given/],
    [{ ttl: '1m' }, 'E_OPTIONS_INVALID', /ttl .*a string was given/],
    [{ memory: '1mb' }, 'E_OPTIONS_INVALID', /memory .*a string was given/],
    [{ memory: { maxBytes: '1mb', maxEntryBytes: '2mb' } }, 'E_OPTIONS_INVALID', /memory.maxEntryBytes/],
    [{ memory: { maxEntryBytes: '1gb' } }, 'E_OPTIONS_INVALID', /memory.maxBytes \(268435456/],
    [{ memory: { values: 'copy' } }, 'E_OPTIONS_INVALID', /memory.values/],
    [
      { disk: './x' },
      'E_OPTIONS_INVALID',
      /disk is a string.*disk: disk\({ path }\) from 'staleproof\/disk'/,
    ],
    [{ disk: { path: './x' } }, 'E_OPTIONS_INVALID', /disk: disk\({ path }\) from 'staleproof\/disk'/],
    [{ redis: 'redis://x' }, 'E_OPTIONS_INVALID', /redis: redis\({ url }\) from 'staleproof\/redis'/],
    [{ disk: redis({}) }, 'E_OPTIONS_INVALID', /what redis\(\) made.*disk: disk\({ path }\)/],
    [{ redis: disk({ path: './x' }) }, 'E_OPTIONS_INVALID', /what disk\(\) made.*redis: redis\({ url }\)/],
    [{ tiers: [disk({ path: './x' })] }, 'E_OPTIONS_INVALID', /tiers.*what disk\(\) made.*disk: disk/],
    [{ tiers: [redis({})] }, 'E_OPTIONS_INVALID', /tiers.*what redis\(\) made.*redis: redis/],
    [{ tiers: [{ name: 'x' }] }, 'E_OPTIONS_INVALID', /tiers/],
    [{ tiers: disk({ path: './x' }) }, 'E_OPTIONS_INVALID', /tiers/],
    [{ tiers: 5 }, 'E_OPTIONS_INVALID', /tiers/],
  ])('%o', (options, code, text) => {
    expect(() => createCache(wild(options))).toThrow(refused(code, text))
  })
})

describe('an entry that was invalidated', () => {
  it.each(['lazy', 'immediate'] as const)('%s: its times are true, or not told', async (strategy) => {
    const { cache, clock } = opened({ disk: disk({ path: directory() }) })
    await cache.getOrSet('k', () => 1, { dependsOn: 'dd', ttl: '5m' })
    await expect.poll(async () => (await cache.explain('k')).state).toBe('fresh')
    await cache.invalidate('dd', { strategy })
    const { state, lifetimeMs, expiresAt, graceUntil } = await cache.explain('k')
    expect(state).toBe('invalidated')
    if (lifetimeMs !== null) {
      expect({ lifetimeMs, expiresAt, graceUntil }).toEqual({
        lifetimeMs: 300_000,
        expiresAt: clock.now() + 300_000,
        graceUntil: clock.now() + 300_000,
      })
    }
    await cache.close()
  })
})
