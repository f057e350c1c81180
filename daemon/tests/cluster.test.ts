/**
 * Several daemons that share a Redis, as their users see them.
 */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { RedisServer } from 'staleproof-testbed'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import {
  storedSchema,
  type HistoryPage,
  type Invalidation,
  type Problem,
  type Redis,
  type Stats,
} from '../src/api/protocol.ts'
import { type Daemon, endAll, makeFolder, Program, startDaemon, until } from './daemon.ts'
import { endServers, slowWayTo, startRedis, startTls } from './redis-server.ts'

const leaseMs = 600

let folder: string
beforeEach(() => {
  folder = makeFolder()
})
afterEach(async () => {
  await endAll()
  await endServers()
})

interface Node {
  readonly name: string
  readonly server: { readonly url: string }
  readonly args?: readonly string[]
  readonly cache?: unknown
}

function argsOf({ name, server, args = [], cache = {} }: Node): string[] {
  const file = join(folder, `${name}.yaml`)
  const redis = { url: server.url, node: name, lease: `${leaseMs}ms` }
  // JSON is YAML.
  writeFileSync(file, JSON.stringify({ redis, data: `./data-${name}`, cache }))
  return ['--config', file, ...args]
}

const start = (node: Node) => startDaemon(argsOf(node))
const startAll = (server: RedisServer, ...names: string[]) =>
  Promise.all(names.map((name) => start({ name, server })))

async function read<T>(daemon: Daemon, path: string): Promise<T> {
  return (await (await daemon.fetch(path)).json()) as T
}

/** What is served for the key; undefined: nothing. */
async function valueOf(daemon: Daemon, key: string): Promise<string | undefined> {
  const answer = await daemon.fetch(`/v1/entries/${encodeURIComponent(key)}`)
  const text = await answer.text()
  if (answer.status === 404) return undefined
  return answer.status === 200 ? text : `${answer.status}: ${text}`
}

/** A node has what another stored as soon as it has heard of it. */
async function served(value: string, key: string, daemons: readonly Daemon[]): Promise<void> {
  const check = async () => {
    const values = await Promise.all(daemons.map((daemon) => valueOf(daemon, key)))
    expect(values).toEqual(daemons.map(() => value))
  }
  await vi.waitFor(check, { timeout: 10_000, interval: 5 })
}

function invalidate(daemon: Daemon, name: string, consistency = 'strict'): Promise<Response> {
  return daemon.fetch('/v1/invalidations', {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ names: [name], consistency }),
  })
}

const statusOf = async (daemon: Daemon) => (await daemon.fetch('/readyz')).status

function untilReady(daemon: Daemon, status = 200): Promise<void> {
  const check = async () => expect(await statusOf(daemon)).toBe(status)
  return vi.waitFor(check, { timeout: 10_000, interval: 20 })
}

/** Every other node has acknowledged something: nobody waits for leases of before any more. */
async function settled(daemon: Daemon, others: number): Promise<void> {
  const check = async () => {
    const { nodes } = (await (await invalidate(daemon, 'nothing')).json()) as Invalidation
    expect(nodes.map(({ status }) => status)).toEqual(Array.from({ length: others }, () => 'acknowledged'))
  }
  await vi.waitFor(check, { timeout: 10_000, interval: 20 })
}

describe('three daemons', () => {
  it('serve what one of them stored', async () => {
    const [a, b, c] = await startAll(await startRedis(), 'a', 'b', 'c')
    expect((await a!.put('page', 'text')).status).toBe(201)
    await served('text', 'page', [b!, c!])
    await settled(a!, 2)
    const { redis } = await read<Stats>(a!, '/v1/stats')
    expect(redis).toMatchObject({
      status: 'ok',
      node: 'a',
      fenced: false,
      others: 2,
      worth: { is: 'single' },
    })
    expect((await a!.cli('stats')).stdout).toMatch(/redis +ok, node a, 2 other nodes\n +strict is single/)
  })

  it('serve nothing old once a strict invalidation was answered, a hundred times', async () => {
    const [a, b, c] = await startAll(await startRedis(), 'a', 'b', 'c')
    await settled(a!, 2)
    for (let round = 0; round < 100; round++) {
      expect((await b!.put('page', `${round}`, '?dependsOn=row')).status).toBeLessThan(300)
      await served(`${round}`, 'page', [a!, b!, c!])
      const answer = await invalidate(a!, 'row')
      const after = await Promise.all([a!, b!, c!].map((daemon) => valueOf(daemon, 'page')))
      expect([answer.status, ...after]).toEqual([200, undefined, undefined, undefined])
    }
    await settled(a!, 2)
    const { stdout } = await a!.cli('invalidate', 'row', '--consistency', 'strict')
    expect(stdout).toMatch(/^node +b +acknowledged$/m)
    expect(stdout).toMatch(/^node +c +acknowledged$/m)
  }, 180_000)

  it('serve nothing old once a strict PUT was answered', async () => {
    const [a, b] = await startAll(await startRedis(), 'a', 'b')
    await settled(a!, 1)
    for (let round = 0; round < 20; round++) {
      const answer = await b!.put('page', `${round}`, '?consistency=strict')
      expect(storedSchema.parse(await answer.json()).nodes).toMatchObject([
        { name: 'a', status: 'acknowledged' },
      ])
      expect([await valueOf(a!, 'page'), await valueOf(b!, 'page')]).toEqual([`${round}`, `${round}`])
    }
    const last = await a!.cli('put', 'page', import.meta.filename, '--consistency', 'strict')
    expect(last.stdout).toMatch(/^stored page/)
  })

  it('serve nothing old once it was answered, also if one of them hears of everything late', async () => {
    const server = await startRedis()
    const [a, b] = await startAll(server, 'a', 'b')
    const slow = await start({ name: 'slow', server: await slowWayTo(server, 60) })
    await settled(a!, 2)
    for (let round = 0; round < 10; round++) {
      await b!.put('page', `${round}`, '?dependsOn=row')
      await served(`${round}`, 'page', [a!, b!, slow])
      const answer = await invalidate(a!, 'row')
      expect([answer.status, await valueOf(slow, 'page')]).toEqual([200, undefined])
    }
  })

  it('reflect a change to who reads with its token, also where it is heard of late', async () => {
    const server = await startRedis()
    const a = await start({ name: 'a', server })
    const slow = await start({ name: 'slow', server: await slowWayTo(server, 60) })
    const withToken = (answer: Response) =>
      slow.fetch('/v1/entries/page', {
        headers: { 'Staleproof-Token': answer.headers.get('Staleproof-Token') ?? '' },
      })
    for (let round = 0; round < 5; round++) {
      const stored = await a.put('page', `${round}`, '?dependsOn=row')
      expect(await (await withToken(stored)).text()).toBe(`${round}`)
      const gone = await invalidate(a, 'row', 'eventual')
      expect([gone.status, (await withToken(gone)).status]).toEqual([200, 404])
    }
    const { log } = await read<Stats>(a, '/v1/stats')
    const ahead = `${log.generation}.999999`
    const unknown = await slow.fetch('/v1/entries/page', { headers: { 'Staleproof-Token': ahead } })
    expect([unknown.status, await unknown.json()]).toMatchObject([409, { code: 'E_TOKEN_UNKNOWN' }])
  })

  it('do not wait longer than a lease for one that is stopped, which serves nothing old when it goes on', async () => {
    const [a, b, c] = await startAll(await startRedis(), 'a', 'b', 'c')
    await settled(a!, 2)
    await a!.put('page', 'old', '?dependsOn=row')
    await served('old', 'page', [c!])
    c!.child.kill('SIGSTOP')
    const began = performance.now()
    const result = (await (await invalidate(a!, 'row')).json()) as Invalidation
    const tookMs = performance.now() - began
    expect(Object.fromEntries(result.nodes.map(({ name, status }) => [name, status]))).toEqual({
      b: 'acknowledged',
      c: 'outlasted',
    })
    // Beside the lease: half a second, and what a busy machine takes.
    expect(tookMs).toBeLessThan(leaseMs + 500 + 1000)
    c!.child.kill('SIGCONT')
    expect(await valueOf(c!, 'page')).toBeUndefined()
    expect(await valueOf(b!, 'page')).toBeUndefined()
    await untilReady(c!)
  })
})

it('a node that has the directory of another says so', async () => {
  const server = await startRedis()
  const data = ['--data', join(folder, 'data')]
  await start({ name: 'a', server, args: data })
  const b = await start({ name: 'b', server, args: data })
  await b.logged('another process has the data directory open: give each node its own', '"level":40')
})

describe('a file that changed where one daemon sees it', () => {
  let photos: string
  beforeEach(() => {
    photos = join(folder, 'photos')
    mkdirSync(photos)
    writeFileSync(join(photos, 'sea.jpg'), '1')
  })
  const from = () => `?dependsOn=file:${photos}/sea.jpg`

  it('takes what was made from it away on another', async () => {
    const server = await startRedis()
    const [a, b] = [
      await start({ name: 'a', server, args: ['--watch', photos] }),
      await start({ name: 'b', server }),
    ]
    await b.put('thumb', 'small', from())
    expect(await valueOf(b, 'thumb')).toBe('small')
    writeFileSync(join(photos, 'sea.jpg'), '22')
    await b.gone('thumb')
    expect(await valueOf(a, 'thumb')).toBeUndefined()
    const { records } = await read<HistoryPage>(b, '/v1/invalidations?actor=source:files')
    expect(records[0]).toMatchObject({ names: expect.arrayContaining([`file:${photos}/sea.jpg`]) })
  })

  it.each([
    ['with a directory', []],
    ['without one', ['--no-data']],
  ])('while it was down is told of when it starts: %s', async (_, args) => {
    const server = await startRedis()
    const b = await start({ name: 'b', server })
    const node = { name: 'a', server, args: ['--watch', photos, ...args] }
    const a = await start(node)
    await b.put('thumb', 'small', from())
    a.child.kill('SIGTERM')
    await a.ended
    writeFileSync(join(photos, 'sea.jpg'), '22')
    expect(await valueOf(b, 'thumb')).toBe('small')
    const again = await start(node)
    expect(await valueOf(again, 'thumb')).toBeUndefined()
    await b.gone('thumb')
  })
})

describe('while Redis is away', () => {
  it('daemons are fenced and say so, keep what was invalidated, and come back by themselves', async () => {
    const server = await startRedis()
    const [a, b] = await startAll(server, 'a', 'b')
    await a!.put('page', 'old', '?dependsOn=row')
    await served('old', 'page', [b!])
    const tail = new Program(['tail', '--json', '--name', 'other'], { STALEPROOF_URL: b!.url })
    const told = (text: string) =>
      until(
        () => tail.stdout.includes(text),
        () => `no ${text} in: ${tail.stdout}`,
      )
    await told('"event":"ready"')
    await server.end('SIGKILL')
    await untilReady(a!, 503)
    await untilReady(b!, 503)
    const problem = await read<Problem>(a!, '/readyz')
    expect(problem).toMatchObject({
      code: 'E_API_NOT_READY',
      detail: expect.stringContaining('fenced'),
      redis: { status: 'failing', fenced: true, error: { code: 'E_REDIS_UNREACHABLE' } },
    })
    expect(await valueOf(b!, 'page')).toBeUndefined()
    const pending = await invalidate(a!, 'row')
    expect([pending.status, await pending.json()]).toMatchObject([
      202,
      { status: 'pending', error: { code: 'E_LOG_PENDING' } },
    ])
    expect((await a!.put('page', 'new')).status).toBe(503)
    expect((await a!.cli('stats')).stdout).toContain('fenced: nothing that it holds is served')
    await a!.logged(
      'this node is fenced: it could not ask the log, and serves nothing that it holds',
      '"level":40',
    )
    await server.start()
    await untilReady(a!)
    await untilReady(b!)
    expect((await a!.put('page', 'newer')).status).toBeLessThan(300)
    await served('newer', 'page', [b!])
    await vi.waitFor(async () => {
      const { records } = await read<HistoryPage>(a!, '/v1/invalidations?name=row')
      expect(records.map(({ status }) => status)).toContain('completed')
    })
    await a!.logged('this node has a lease: it serves what it holds')
    await told('"reason":"log"')
  })

  it('a read gets what the policy of its entry says', async () => {
    const server = await startRedis()
    const policies = { strictly: { onFence: 'error' }, loosely: { onFence: 'stale' } }
    const a = await start({ name: 'a', server, cache: { policies } })
    for (const policy of ['config', 'strictly', 'loosely']) await a.put(policy, 'text', `?policy=${policy}`)
    await server.end('SIGKILL')
    await untilReady(a, 503)
    const get = (key: string) => a.fetch(`/v1/entries/${key}`)
    const missed = await get('config')
    expect(missed.status).toBe(404)
    const headers = { 'Staleproof-Since': missed.headers.get('Staleproof-Token') ?? '' }
    const fill = () => a.fetch('/v1/entries/config', { method: 'PUT', headers, body: 'loaded' })
    const unsure = await fill()
    expect([unsure.status, await unsure.json()]).toMatchObject([503, { code: 'E_CONSISTENCY_FENCED' }])
    const refused = await get('strictly')
    expect([refused.status, refused.headers.get('Retry-After')]).toEqual([503, '1'])
    expect(await refused.json()).toMatchObject({ code: 'E_CONSISTENCY_FENCED' })
    const served = await get('loosely')
    expect([served.status, await served.text()]).toEqual([200, 'text'])
    expect(served.headers.get('Cache-Status')).toMatch(/^staleproof;hit;ttl=\d+;detail=fenced$/)
  })

  it('a daemon starts all the same, fenced, and joins when it can', async () => {
    const server = await startRedis()
    await server.end()
    const a = await start({ name: 'a', server })
    expect(a.stdout).toMatch(/is up at http\S+, fenced until Redis answers/)
    await a.logged('started without Redis: nothing held is served until it answers', '"level":40')
    expect(await statusOf(a)).toBe(503)
    await server.start()
    await untilReady(a)
    expect((await a.put('page', 'text')).status).toBe(201)
    expect(await valueOf(a, 'page')).toBe('text')
  })
})

it('a server is reached by TLS if the daemon knows who certifies it, and not if it does not', async () => {
  const { url, ca } = await startTls()
  const file = join(folder, 'a.yaml')
  writeFileSync(join(folder, 'ca.pem'), ca)
  writeFileSync(file, `redis:\n  url: ${url}\n  tls: { ca: ca.pem }\n`)
  const trusting = await startDaemon(['--config', file])
  expect(await statusOf(trusting)).toBe(200)
  const other = await startDaemon(['--redis', url])
  const { redis } = await read<Problem & { redis: Redis }>(other, '/readyz')
  expect(redis).toMatchObject({
    fenced: true,
    error: { message: expect.stringMatching(/certificate/) },
  })
})

describe('a daemon that cannot use the server ends with 2 and says why', () => {
  const refusal = (server: RedisServer, args: string[] = []) =>
    new Program(['serve', '--port', '0', ...argsOf({ name: 'a', server, args })]).ended

  it('if it may evict what says that something is stale', async () => {
    const server = await startRedis({ maxmemory: '100mb', 'maxmemory-policy': 'allkeys-lru' })
    const { code, stderr } = await refusal(server)
    expect(stderr).toMatch(/^staleproof: E_REDIS_EVICTION: .*maxmemory-policy allkeys-lru.*a\.yaml:1:10\)$/m)
    expect(code).toBe(2)
  })

  it('if it wants another password, and not if it gets it from a file', async () => {
    const server = await startRedis({ requirepass: 'a secret' })
    const { code, stderr } = await refusal(server)
    expect([code, stderr]).toEqual([2, expect.stringContaining('E_REDIS_REFUSED')])
    const file = join(folder, 'password')
    writeFileSync(file, 'a secret\n')
    const a = await start({ name: 'a', server, args: ['--redis-password-file', file] })
    expect(await statusOf(a)).toBe(200)
    rmSync(file)
    const gone = await refusal(server, ['--redis-password-file', file])
    expect([gone.code, gone.stderr]).toEqual([
      2,
      expect.stringMatching(/--redis-password-file {2}redis\.passwordFile/),
    ])
  })

  it('if what should be certificates is none', async () => {
    const file = join(folder, 'a.yaml')
    writeFileSync(join(folder, 'ca.pem'), 'no certificate')
    writeFileSync(file, 'redis:\n  tls: { ca: ca.pem, key: ca.pem }\n')
    const { code, stderr } = await new Program(['serve', '--config', file]).ended
    expect([code, stderr]).toEqual([2, expect.stringMatching(/a\.yaml:2:3[\s\S]*E_CONFIG_TLS/)])
  })
})
