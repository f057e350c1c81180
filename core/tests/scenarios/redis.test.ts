/**
 * Several nodes on one Redis, as a user would have them.
 */
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { join } from 'node:path'
import { startRedis, until, type RedisServer } from 'staleproof-testbed'
import {
  createCache,
  systemClock,
  type CacheOptions,
  type Clock,
  type Duration,
  type InvalidationResult,
} from '../../src/index.ts'
import { disk } from '../../src/disk.ts'
import { redis, redisConnection } from '../../src/redis.ts'
import { RedisClient } from '../../src/redis/client.ts'
import { directory } from '../directories.ts'
import { keepsNothingOfAnOvertakenLoad } from '../overtaken-load.ts'
import { surroundings } from '../surroundings.ts'

const home = directory()
let server: RedisServer
beforeAll(async () => {
  server = await startRedis()
})
afterAll(() => server.stop())

/** Caches of one name: nodes of one cluster. */
function cluster(at: Pick<RedisServer, 'url'> = server, prefix = randomUUID() as string) {
  let nodes = 0
  return (options: CacheOptions = {}) => {
    const node = `node-${++nodes}`
    const cache = createCache({ redis: redis({ url: at.url, prefix, node, lease: '600ms' }), ...options })
    onTestFinished(() => cache.close())
    return cache
  }
}

/** A way to a port that can be cut. */
async function wayTo(port: number) {
  const sockets = new Set<Socket>()
  const door = createServer((near) => {
    const far = connect(port, '127.0.0.1')
    for (const [from, to] of [[near, far] as const, [far, near] as const]) {
      sockets.add(from)
      from.on('error', () => to.destroy()).on('close', () => to.destroy())
      from.pipe(to)
    }
  })
  await new Promise<void>((resolve) => door.listen(0, '127.0.0.1', resolve))
  const cut = () => {
    door.close()
    for (const socket of sockets) socket.destroy()
  }
  onTestFinished(cut)
  return { url: `redis://127.0.0.1:${(door.address() as AddressInfo).port}`, cut }
}

describe('several nodes', () => {
  it('share what one of them loaded', async () => {
    const node = cluster()
    const [a, b] = [node(), node()]
    let loads = 0
    const load = (cache: typeof a) => cache.getOrSet('album:7', () => `album ${++loads}`)
    expect(await load(a)).toBe('album 1')
    expect(await load(b)).toBe('album 1')
    expect(loads).toBe(1)
  })

  it('keep nothing that is made from a load which was overtaken on another of them', async () => {
    const node = cluster()
    const [a, b] = [node(), node()]
    await Promise.all([a.set('a', 1), b.set('b', 1)])
    await keepsNothingOfAnOvertakenLoad(a, b)
  })

  it('load once if all of them ask at once', async () => {
    const node = cluster()
    const caches = [node(), node(), node(), node()]
    // Without a lease each would load for itself.
    await Promise.all(caches.map((cache) => cache.ready()))
    let loads = 0
    const values = await Promise.all(
      caches.map((cache) =>
        cache.getOrSet('slow', async () => {
          loads++
          await new Promise((resolve) => setTimeout(resolve, 100))
          return loads
        }),
      ),
    )
    expect([values, loads]).toEqual([[1, 1, 1, 1], 1])
  })

  it('wait for each other no longer than it takes, though the clock of one is set back meanwhile', async () => {
    const node = cluster()
    let stepMs = 0
    const clock: Clock = Object.assign(systemClock(), { now: () => Date.now() + stepMs })
    const [a, b] = [node(), node({ clock })]
    await Promise.all([a.ready(), b.ready()])
    let end: ((value: string) => void) | undefined
    const first = a.getOrSet('slow', () => new Promise<string>((resolve) => (end = resolve)))
    // Its loader runs once it has the turn.
    await until(() => end, 'it is being loaded')
    const second = b.getOrSet('slow', () => 'loaded twice')
    // At whatever moment of its waiting.
    for (; stepMs > -20 * 3_600_000; stepMs -= 3_600_000)
      await new Promise((resolve) => setTimeout(resolve, 7))
    end?.('loaded once')
    expect(await first).toBe('loaded once')
    // Its lease is over by that: it may load for itself.
    expect(await second).toMatch(/^loaded/)
  })

  it('serve nothing old after a strict invalidation, and it says who acknowledged it', async () => {
    const node = cluster()
    const [a, b] = [node(), node()]
    let source = 1
    const read = (cache: typeof a) =>
      cache.getOrSet('page', (load) => {
        load.dependsOn('row:1')
        return source
      })
    for (const cache of [a, b]) await read(cache)
    for (let i = 2; i <= 20; i++) {
      source = i
      const result: InvalidationResult = await a.invalidate('row:1', { consistency: 'strict' })
      expect([b.peek('page'), await read(b), await read(a)]).toEqual([undefined, i, i])
      expect(result.nodes.map(({ name, status }) => [name, status])).toEqual([['node-2', 'acknowledged']])
    }
  })

  it('know of links and rules that another declared, also if they come later', async () => {
    const node = cluster()
    const a = node()
    await a.link('thumb:1', { dependsOn: 'photo:1' })
    await a.rule('page:{id}', { dependsOn: 'row:{id}' })
    const b = node()
    await b.set('thumb:1', 'small')
    await b.set('page:5', 'text')
    await a.invalidate({ names: ['photo:1', 'row:5'] })
    expect([await b.get('thumb:1'), await b.get('page:5')]).toEqual([undefined, undefined])
  })
})

describe('nodes that were given leases of different lengths', () => {
  /** With a way that can be cut, if it is not the server's. */
  const node = (prefix: string, lease: Duration, more: { url?: string; bound?: Duration } = {}) => {
    const { url = server.url, bound = '5s' } = more
    const consistency = { eventual: { bound }, relaxed: { bound: '60s' as const } }
    const cache = createCache({ redis: redis({ url, prefix, lease }), consistency })
    onTestFinished(() => cache.close())
    return cache
  }
  const codesOf = (cache: ReturnType<typeof createCache>) => {
    const codes: unknown[] = []
    cache.on('error', ({ error }) => codes.push((error as { code?: string }).code))
    return codes
  }

  it('have none that is longer than that of the first, so that nobody serves for longer than he is waited for', async () => {
    const way = await wayTo(server.port)
    const prefix = randomUUID()
    const a = node(prefix, '600ms')
    await a.ready()
    const b = node(prefix, '4s', way)
    const told = codesOf(b)
    await b.ready()
    expect(told).toContain('E_CONSISTENCY_LEASE')
    await b.getOrSet('page', () => 'old', { dependsOn: 'row' })
    // It waits for the leases of a generation before.
    await a.invalidate('something')
    way.cut()
    const { nodes } = await a.invalidate('row', { consistency: 'strict' })
    expect(nodes).toMatchObject([{ status: 'outlasted' }])
    expect(b.peek('page')).toBe(undefined)
  })

  it('wait for the longer ones of a generation before, whoever they are told by', async () => {
    const way = await wayTo(server.port)
    const prefix = randomUUID()
    const a = node(prefix, '2s', way)
    await a.ready()
    const b = node(prefix, '300ms')
    await b.ready()
    await a.getOrSet('page', () => 'old', { dependsOn: 'row' })
    way.cut()
    const driver = new RedisClient({ url: server.url }, prefix, surroundings)
    onTestFinished(() => driver.close())
    await driver.call('DEL', `${driver.prefix}:meta`)
    const generation = b.token().split('.')[0]
    await until(async () => (await b.ready(), b.token().split('.')[0] !== generation), 'another generation')
    // It knows nothing of the one before but what is told it.
    const c = node(prefix, '300ms')
    await c.ready()
    await c.invalidate('row', { consistency: 'strict' })
    expect(a.peek('page')).toBe(undefined)
  })

  it('are not joined by one that promises less', async () => {
    const prefix = randomUUID()
    await node(prefix, '20s', { bound: '30s' }).ready()
    await expect(node(prefix, '3s').ready()).rejects.toMatchObject({ code: 'E_CONSISTENCY_LEASE' })
  })
})

describe('a set', () => {
  it.each([
    ['by its call', {}, { consistency: 'strict' }],
    ['by its policy', { consistency: 'strict' }, {}],
  ] as const)('that is strict %s leaves nothing of before to anybody', async (_, policy, options) => {
    const node = cluster()
    const [a, b] = [node({ policies: { own: policy } }), node()]
    await Promise.all([a.ready(), b.ready()])
    const page = () => b.getOrSet('page', async () => `of ${await b.get<number>('title')}`)
    for (let round = 1; round <= 20; round++) {
      await page()
      const { nodes } = await a.set('title', round, { policy: 'own', ...options })
      expect([b.peek('title'), b.peek('page'), await page()]).toEqual([undefined, undefined, `of ${round}`])
      expect(nodes.map(({ name, status }) => [name, status])).toEqual([['node-2', 'acknowledged']])
    }
  })

  it('is eventual if nobody says otherwise, and refuses what is no consistency', async () => {
    const cache = cluster()()
    expect((await cache.set('title', 1)).nodes).toEqual([])
    const set = cache.set('title', 1, { consistency: 'strong' as 'strict' })
    await expect(set).rejects.toMatchObject({ code: 'E_CONSISTENCY_UNKNOWN' })
  })
})

describe('a node that is alone with a server that goes', () => {
  it('serves for its lease, then as its policy says, and comes back by itself', async () => {
    const own = await startRedis()
    onTestFinished(() => own.stop())
    const node = cluster(own)
    const cache = node({
      policies: { strictly: { onFence: 'error' }, loosely: { onFence: 'stale' } },
    })
    let loads = 0
    const read = (policy: 'default' | 'strictly' | 'loosely') =>
      (cache as ReturnType<typeof createCache<'strictly' | 'loosely'>>).getOrSet(policy, () => ++loads, {
        policy,
      })
    for (const policy of ['default', 'strictly', 'loosely'] as const) await read(policy)
    expect(loads).toBe(3)
    await own.end('SIGKILL')
    expect(cache.peek('default')).toBe(1)
    await until(() => cache.stats().redis?.fenced, 'it is fenced')
    expect(cache.peek('default')).toBe(undefined)
    expect(await read('default')).toBe(4)
    expect(await read('default')).toBe(5)
    await expect(read('strictly')).rejects.toMatchObject({ code: 'E_CONSISTENCY_FENCED' })
    expect(await read('loosely')).toBe(3)
    await expect(cache.invalidate('x')).rejects.toMatchObject({
      code: 'E_LOG_PENDING',
      details: { result: { status: 'pending' } },
    })
    await own.start()
    await until(() => cache.stats().redis?.fenced === false, 'it has a lease again')
    await until(
      async () => (await cache.invalidations.list({ name: 'x' })).records[0]?.status === 'completed',
      'done',
    )
    const again = await read('default')
    expect(await read('default')).toBe(again)
  })
})

describe('a server that was away for a while', () => {
  it('is asked for entries again as soon as there is a connection', async () => {
    const own = await startRedis()
    onTestFinished(() => own.stop())
    const cache = cluster(own)({ memory: false })
    await cache.getOrSet('k', () => 'kept')
    await own.end('SIGKILL')
    await until(async () => {
      await cache.get('k')
      return cache.stats().tiers.redis?.status === 'failing'
    }, 'it is not asked any more')
    await own.start()
    await until(() => cache.stats().redis?.fenced === false, 'there is a lease again')
    let loads = 0
    const begun = performance.now()
    await until(async () => {
      loads = 0
      for (let i = 0; i < 2; i++) await cache.getOrSet('again', () => ++loads)
      return loads < 2
    }, 'it is kept')
    expect(performance.now() - begun, 'ms, while a pause is 5 s at least').toBeLessThan(4000)
  })
})

it('several caches share one connection, and nothing else', async () => {
  const own = await startRedis()
  onTestFinished(() => own.stop())
  const connection = redisConnection({ url: own.url })
  const [a, b] = ['a', 'b'].map((prefix) => createCache({ redis: redis({ connection, prefix }) }))
  await a?.getOrSet('k', () => 'of a')
  await b?.getOrSet('k', () => 'of b')
  const look = new RedisClient({ url: own.url }, 'looks', surroundings)
  const clients = String(await look.call('CLIENT', 'LIST', 'TYPE', 'normal'))
    .trim()
    .split('\n')
  // One to ask, two that wait, and the one that looks.
  expect(clients).toHaveLength(4)
  await look.close()
  await a?.close()
  expect(await b?.get('k')).toBe('of b')
  await b?.close()
  await expect(b?.get('k')).rejects.toMatchObject({ code: 'E_CACHE_CLOSED' })
})

it('a user needs no more rights than the documents say', async () => {
  const line = /`ACL (SETUSER app [^`]*)`/.exec(readFileSync('docs/redis.md', 'utf8'))?.[1] ?? ''
  const admin = new RedisClient({ url: server.url }, 'looks', surroundings)
  const words = line
    .replace('{staleproof}', '{of-app}')
    .replace('SETUSER app', 'SETUSER app resetkeys -@all')
    .split(' ')
  await admin.call('ACL', words[0] as string, ...words.slice(1))
  const url = server.url.replace('redis://', 'redis://app:password@')
  const open = () => createCache({ redis: redis({ url, prefix: 'of-app', lease: '600ms' }) })
  const [a, b] = [open(), open()]
  const told: unknown[] = []
  for (const cache of [a, b]) cache.on('error', ({ error }) => told.push(error))
  await a.getOrSet('k', () => 1, { dependsOn: 'row' })
  expect(await b.get('k')).toBe(1)
  await a.invalidate('row')
  const { id } = await a.invalidate('row', { strategy: 'background' })
  expect((await b.invalidations.runNow(id)).status).toBe('completed')
  await a.close()
  await b.close()
  expect([await b.get('k').catch(() => 'closed'), told]).toEqual(['closed', []])
  await admin.close()
})

describe('a server that cannot be relied on', () => {
  it('is refused if it may evict what says that something is stale', async () => {
    const own = await startRedis({ maxmemory: '100mb', 'maxmemory-policy': 'allkeys-lru' })
    onTestFinished(() => own.stop())
    const cache = cluster(own)()
    await expect(cache.ready()).rejects.toMatchObject({ code: 'E_REDIS_EVICTION' })
    expect(await cache.getOrSet('k', () => 1)).toBe(1)
    expect(cache.stats().redis).toMatchObject({
      status: 'failing',
      fenced: true,
      error: { code: 'E_REDIS_EVICTION' },
    })
  })

  it('is told of if it has a replica that nobody waits for', async () => {
    const own = await startRedis()
    const replica = await startRedis({ replicaof: `127.0.0.1 ${own.port}` })
    onTestFinished(async () => {
      await own.stop()
      await replica.stop()
    })
    const node = cluster(own)
    await until(async () => {
      const cache = node()
      await cache.ready()
      return cache.stats().redis?.worth.is === 'unsafe'
    }, 'the replica is attached')
  })
})

describe('a directory beneath', () => {
  it('is what a node without a lease serves from, if the policy wants it', async () => {
    const own = await startRedis()
    onTestFinished(() => own.stop())
    const policies = { strictly: { onFence: 'error' }, loosely: { onFence: 'stale' } } as const
    const cache = cluster(own)({ memory: false, disk: disk({ path: join(home, randomUUID()) }), policies })
    for (const policy of ['default', 'strictly', 'loosely'])
      await cache.set(policy, policy, { policy, dependsOn: 'source' })
    await own.end('SIGKILL')
    await until(() => cache.stats().redis?.fenced, 'it is fenced')
    expect([await cache.get('default'), await cache.get('loosely')]).toEqual([undefined, 'loosely'])
    expect(await cache.entry('loosely')).toMatchObject({ value: 'loosely', state: 'stale', fenced: true })
    await expect(cache.get('strictly')).rejects.toMatchObject({ code: 'E_CONSISTENCY_FENCED' })
    await expect(cache.invalidate('source')).rejects.toMatchObject({ code: 'E_LOG_PENDING' })
    expect(await cache.get('loosely')).toBe(undefined)
  })

  it('is a tier of the node: filled by loads and by what the server has, and asked first', async () => {
    const node = cluster()
    const a = node({ memory: false, disk: disk({ path: join(home, randomUUID()) }) })
    const tiers: string[] = []
    a.on('hit', ({ tier }) => tiers.push(tier))
    await node().getOrSet('k', () => 'loaded elsewhere')
    for (let i = 0; i < 2; i++) {
      expect(await a.get('k')).toBe('loaded elsewhere')
      await until(() => a.stats().disk?.usage.entries === 1, 'it is on the disk')
    }
    expect(tiers).toEqual(['redis', 'disk'])
  })

  it('serves nothing that was invalidated while its node was away', async () => {
    const node = cluster()
    const path = join(home, randomUUID())
    const a = node({ disk: disk({ path }) })
    for (const key of ['kept', 'gone']) await a.getOrSet(key, () => 'old', { dependsOn: `row:${key}` })
    await until(() => a.stats().disk?.usage.entries === 2, 'both are on the disk')
    await a.close()
    const other = node()
    await other.invalidate('row:gone', { strategy: 'lazy' })
    await other.close()
    const again = node({ disk: disk({ path }) })
    const tiers: string[] = []
    again.on('hit', ({ tier }) => tiers.push(tier))
    expect([await again.get('kept'), await again.get('gone')]).toEqual(['old', undefined])
    expect(tiers).toEqual(['disk'])
  })

  it('keeps through a restart what could not be appended', async () => {
    const prefix = randomUUID()
    const node = cluster(server, prefix)
    const way = await wayTo(server.port)
    const path = join(home, randomUUID())
    const [a, b] = [cluster(way, prefix)({ disk: disk({ path }) }), node()]
    await a.ready()
    await b.getOrSet('page', () => 'old', { dependsOn: 'row' })
    way.cut()
    const error = await a.invalidate('row').catch((reason: unknown) => reason)
    expect(error).toMatchObject({ code: 'E_LOG_PENDING', message: expect.stringContaining('kept on disk') })
    await a.close()
    expect(b.peek('page')).toBe('old')
    node({ disk: disk({ path }) })
    await until(() => b.peek('page') === undefined, 'what was kept is in the log')
  })

  it('opened by itself afterwards, serves nothing of the time under the server', async () => {
    const path = join(home, randomUUID())
    const alone = createCache({ disk: disk({ path }) })
    await alone.getOrSet('k', () => 'of its own log', { dependsOn: 'row' })
    await until(() => alone.stats().disk?.usage.entries === 1, 'it is on the disk')
    await alone.close()
    const under = cluster()({ disk: disk({ path }) })
    expect(await under.get('k')).toBe(undefined)
    await under.invalidate('row')
    await under.close()
    const again = createCache({ disk: disk({ path }) })
    onTestFinished(() => again.close())
    expect(await again.get('k')).toBe(undefined)
  })
})
