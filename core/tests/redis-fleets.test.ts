/**
 * What the client promises where the server is not one plain process: TLS, a sentinel, a cluster.
 */
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { ask, startTls, until, type TlsServer } from 'staleproof-testbed'
import { createCache } from '../src/index.ts'
import { redis } from '../src/redis.ts'
import { systemClock, systemRandom } from '../src/model/clock.ts'
import { RedisClient, type ConnectionOptions } from '../src/redis/client.ts'
import { script, textOf, type Reply } from '../src/redis/driver.ts'
import { Line } from '../src/redis/line.ts'
import { startCluster, startWatched, type ClusterOfThree, type Watched } from './redis-fleet.ts'
import { surroundings } from './surroundings.ts'

const opened: RedisClient[] = []

function clientOf(options: ConnectionOptions, prefix = 'test'): RedisClient {
  const client = new RedisClient(options, prefix, { clock: systemClock(), random: systemRandom })
  opened.push(client)
  return client
}

afterEach(async () => {
  await Promise.all(opened.splice(0).map((client) => client.close()))
})

const code = (code: string, message = /./) =>
  expect.objectContaining({ code, message: expect.stringMatching(message) })

const store = script("redis.call('SET', KEYS[1] .. ':a', ARGV[1]) return redis.call('GET', KEYS[1] .. ':a')")

/** Appends while a wait goes on. */
async function hears(client: RedisClient): Promise<void> {
  const key = `${client.prefix}:log`
  const news = client.wait(9000, 'XREAD', 'BLOCK', 9000, 'STREAMS', key, '0')
  await client.call('XADD', key, '1-0', 'd', 'x')
  expect(String(await news)).toBe(`${key},1-0,d,x`)
}

describe('behind TLS', () => {
  let server: TlsServer

  beforeAll(async () => {
    server = await startTls()
  })
  afterAll(() => server.stop())

  it('it is asked and waited for, if we trust who signed for it', async () => {
    const client = clientOf({ url: server.url, tls: { ca: server.ca } })
    expect(textOf(await client.run(store, ['x']))).toBe('x')
    await hears(client)
  })

  it('it is not, if we do not', async () => {
    const client = clientOf({ url: server.url })
    await expect(client.call('PING', 'x')).rejects.toEqual(code('E_REDIS_UNREACHABLE', /certificate/))
  })
})

describe('under a sentinel', () => {
  let watched: Watched

  beforeAll(async () => {
    watched = await startWatched()
  })
  afterAll(() => watched.stop())

  it('the client follows to the replica that was promoted, and its waits too', async () => {
    const { sentinel, name, primary, replica } = watched
    const client = clientOf({ sentinel: { name, urls: [`redis://127.0.0.1:${sentinel.port}`] } })
    const port = async () => /tcp_port:(\d+)/.exec(textOf(await client.call('INFO', 'server')))?.[1]
    // A sentinel may be asked before it listens, and cuts connections once more after it has promoted one.
    const keeps = (text: string) =>
      client.run(store, [text]).then(
        (reply) => textOf(reply) === text,
        () => false,
      )
    await until(() => keeps('before'), 'a primary that keeps it')
    expect(await port()).toBe(String(primary.port))
    await primary.end('SIGKILL')
    await until(async () => (await port().catch(() => '')) === String(replica.port), 'the replica')
    await until(() => keeps('after'), 'the replica keeps it')
    await until(
      () =>
        hears(client).then(
          () => true,
          () => false,
        ),
      'news from the replica',
    )
  })

  it('a sentinel that answers nothing keeps nobody waiting, and the next one is asked', async () => {
    const { sentinel, name } = watched
    const silent = createServer((socket) => void socket.resume()).listen(0, '127.0.0.1')
    await once(silent, 'listening')
    const { port } = silent.address() as { port: number }
    const client = clientOf({ sentinel: { name, urls: [`127.0.0.1:${port}`, `127.0.0.1:${sentinel.port}`] } })
    const began = performance.now()
    await client.call('PING', 'x').catch(() => undefined)
    expect(performance.now() - began).toBeLessThan(3500)
    await until(() => client.isConnected, 'a connection')
    silent.close()
  })
})

describe('in a cluster of three', () => {
  let cluster: ClusterOfThree

  beforeAll(async () => {
    cluster = await startCluster()
  })
  afterAll(() => cluster.stop())

  it('all keys of a prefix are on one node, and scripts, calls and waits find it', async () => {
    const urls = cluster.nodes.slice(0, 1).map(({ url }) => url)
    // Slots of these prefixes are of different nodes.
    for (const prefix of ['a', 'b', 'c', 'd']) {
      const client = clientOf({ cluster: urls }, prefix)
      expect(textOf(await client.run(store, [prefix]))).toBe(prefix)
      expect(textOf(await client.run(store, [prefix]))).toBe(prefix)
      expect(textOf(await client.call('GET', `{${prefix}}:a`))).toBe(prefix)
      await hears(client)
    }
  })

  it('a user needs no more rights than the documents say', async () => {
    const docs = readFileSync('docs/redis.md', 'utf8')
    const [line = '', more = ''] = [/`ACL (SETUSER app [^`]*)`/, /cluster `(\+[^`]*)` besides/].map(
      (e) => e.exec(docs)?.[1],
    )
    const rights = `${line} ${more}`.replace('{staleproof}', '{of-app}').split(' ')
    const allow = (words: string[]) =>
      Promise.all(cluster.nodes.map(({ port }) => ask(port, ['ACL', ...words])))
    await allow([...rights, 'resetkeys', '~{of-app}*'])
    const urls = cluster.nodes.map(({ url }) => url.replace('redis://', 'redis://app:password@'))
    const cache = createCache({ redis: redis({ cluster: urls, prefix: 'of-app' }) })
    await cache.ready()
    expect(await cache.getOrSet('k', () => 1)).toBe(1)
    expect((await cache.invalidate('k', { consistency: 'strict' })).status).toBe('completed')
    await cache.close()
    await allow(['SETUSER', 'app', '-cluster|slots'])
    const refused = createCache({ redis: redis({ cluster: urls, prefix: 'of-app' }) })
    await expect(refused.ready()).rejects.toEqual(code('E_REDIS_REFUSED'))
    await refused.close()
  })

  it('what names no key is asked of the node that has that of the prefix', async () => {
    const urls = cluster.nodes.map(({ url }) => url)
    const portIn = (reply: Reply) => /tcp_port:(\d+)/.exec(textOf(reply))?.[1]
    const line = new Line({ cluster: urls }, { ...surroundings, limitMs: 2000 })
    for (const prefix of ['a', 'b', 'c', 'd']) {
      const client = clientOf({ cluster: urls }, prefix)
      const of = portIn(await client.run(where, []))
      for (let i = 0; i < 5; i++) expect(portIn(await line.askBeside(client.prefix, 'INFO', []))).toBe(of)
      expect(await client.replicated(1, 10)).toBe(0)
    }
    await line.close()
  })

  it('one node that is given as a server of its own is told what it is', async () => {
    const { url } = cluster.nodes[0] as { url: string }
    const clients = ['a', 'b', 'c', 'd'].map((prefix) => clientOf({ url }, prefix))
    const asked = await Promise.allSettled(clients.map((client) => client.run(store, ['x'])))
    const failed = asked.flatMap((result) => (result.status === 'rejected' ? [result.reason as unknown] : []))
    expect(failed[0]).toEqual(code('E_REDIS_FAILED', /cluster/))
  })

  it('a node that is stopped is given up within the limit, one that dies is found again', async () => {
    const client = clientOf({ cluster: cluster.nodes.map(({ url }) => url) }, 'a')
    await client.run(store, ['x'])
    const of = async () => /tcp_port:(\d+)/.exec(textOf(await client.run(where, [])))?.[1]
    const port = await of()
    const node = cluster.nodes.find((node) => String(node.port) === port) ?? expect.fail('no such node')
    process.kill(node.pid, 'SIGSTOP')
    const began = performance.now()
    await expect(client.call('GET', '{a}:a')).rejects.toEqual(code('E_REDIS_UNREACHABLE'))
    expect(performance.now() - began).toBeLessThan(3500)
    process.kill(node.pid, 'SIGCONT')
    const back = () =>
      client.call('GET', '{a}:a').then(
        () => true,
        () => false,
      )
    await until(back, 'an answer')
    process.kill(node.pid, 'SIGSTOP')
    // Nobody knows whether it was carried out, so that it is not sent again when the node is back.
    const asked = expect(client.call('INCR', '{a}:n')).rejects.toEqual(code('E_REDIS_UNREACHABLE'))
    await node.end('SIGKILL')
    const dead = expect(client.call('GET', '{a}:a')).rejects.toEqual(code('E_REDIS_UNREACHABLE'))
    await node.start()
    await Promise.all([asked, dead])
    await until(back, 'an answer')
    expect(await client.call('GET', '{a}:n')).toBeNull()
  })
})

const where = script("return redis.call('INFO', 'server')")
