/**
 * Read your writes: what was done on one node is seen on another that was handed the token (invariant 13).
 */
import { randomUUID } from 'node:crypto'
import { afterAll, afterEach, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { startRedis, type RedisServer } from 'staleproof-testbed'
import { createCache, type BuiltInPolicy, type Cache } from '../../src/index.ts'
import { disk } from '../../src/disk.ts'
import { redis } from '../../src/redis.ts'
import { directory } from '../directories.ts'
import { opened } from '../opened.ts'

type Any = Cache<BuiltInPolicy>

let server: RedisServer
beforeAll(async () => {
  server = await startRedis()
})
afterAll(() => server.stop())

const caches: Any[] = []
afterEach(async () => {
  for (const cache of caches.splice(0)) await cache.close()
})

function onRedis({ url }: Pick<RedisServer, 'url'>, prefix: string): Any {
  const cache = createCache({ redis: redis({ url, prefix }) })
  caches.push(cache)
  return cache
}

function onDisk(path: string): Any {
  const cache = createCache({ disk: disk({ path }) })
  caches.push(cache)
  return cache
}

const places = {
  'two nodes on one Redis': async () => {
    const prefix = randomUUID()
    const nodes = [onRedis(server, prefix), onRedis(server, prefix)] as const
    await Promise.all(nodes.map((node) => node.ready()))
    return nodes
  },
  'two caches on one directory': async () => {
    const path = directory()
    return [onDisk(path), onDisk(path)] as const
  },
}

describe.each(Object.entries(places))('%s', (_, two) => {
  it('read what the other wrote before the token, at the weakest consistency', async () => {
    const [a, b] = await two()
    let source = 0
    const read = (cache: Any) => cache.getOrSet('page', () => source, { dependsOn: 'row' })
    for (let i = 1; i <= 50; i++) {
      await Promise.all([read(a), read(b)])
      source = i
      const { token } = await a.invalidate('row', { consistency: 'relaxed', strategy: 'lazy' })
      await b.upTo(token as string)
      expect(b.peek('page')).toBeUndefined()
      expect(await read(b)).toBe(i)
    }
  })

  it('have tokens also of what was set, and of nothing in particular', async () => {
    const [a, b] = await two()
    for (let i = 1; i <= 20; i++) {
      const { token } = await a.set('key', i)
      await b.upTo(token)
      expect(await b.get('key')).toBe(i)
      await b.upTo(a.token())
      await a.upTo(b.token())
    }
  })

  it('refuse what is no token, and what is ahead of all that was ever appended', async () => {
    const [a, b] = await two()
    const { position, token } = await a.set('key', 1)
    expect(token).toBe(`${position.generation}.${position.n}`)
    await expect(b.upTo('nonsense')).rejects.toMatchObject({ code: 'E_TOKEN_INVALID' })
    const ahead = `${position.generation}.${position.n + 1000}`
    await expect(b.upTo(ahead)).rejects.toMatchObject({ code: 'E_TOKEN_UNKNOWN', details: { token: ahead } })
  })
})

describe('a node', () => {
  it('that cannot ask the server says so, and knows what it has applied all the same', async () => {
    const own = await startRedis()
    onTestFinished(() => own.stop())
    const cache = onRedis(own, randomUUID())
    await cache.ready()
    const { token, position } = await cache.set('key', 1)
    await own.end('SIGKILL')
    await cache.upTo(token)
    for (const unknown of [`${position.generation}.${position.n + 1}`, 'another-generation.1']) {
      await expect(cache.upTo(unknown)).rejects.toMatchObject({ code: 'E_CONSISTENCY_UNREACHED' })
    }
  })

  it('whose generation is over serves nothing that is older than the token', async () => {
    const own = await startRedis()
    onTestFinished(() => own.stop())
    const prefix = randomUUID()
    const [a, b] = [onRedis(own, prefix), onRedis(own, prefix)]
    await b.getOrSet('page', () => 'old', { dependsOn: 'row' })
    const { token } = await a.invalidate('row', { consistency: 'relaxed' })
    // The server loses everything.
    await own.end('SIGKILL')
    await own.start()
    await expect
      .poll(
        () =>
          b.upTo(token as string).then(
            () => true,
            () => false,
          ),
        { timeout: 10_000 },
      )
      .toBe(true)
    expect(await b.getOrSet('page', () => 'new', { dependsOn: 'row' })).toBe('new')
    expect(await a.getOrSet('page', () => 'new', { dependsOn: 'row' })).toBe('new')
  })

  it('that is alone has applied its own tokens, and waits a moment before it calls one unknown', async () => {
    const { cache, clock } = opened()
    const { token, position } = await cache.set('key', 1)
    await cache.upTo(token)
    const ahead = expect(cache.upTo(`${position.generation}.${position.n + 1}`)).rejects.toMatchObject({
      code: 'E_TOKEN_UNKNOWN',
    })
    await clock.advance(5000)
    await ahead
    await cache.upTo('an-earlier-process.17')
    await cache.close()
    await expect(cache.upTo(token)).rejects.toMatchObject({ code: 'E_CACHE_CLOSED' })
  })
})
