/**
 * Writes at the source, by nodes that share a Redis.
 */
import { randomUUID } from 'node:crypto'
import { expect, it, onTestFinished } from 'vitest'
import { startRedis, type RedisServer } from 'staleproof-testbed'
import { createCache, type BuiltInPolicy, type Cache } from '../../src/index.ts'
import { redis } from '../../src/redis.ts'
import { gate } from '../opened.ts'

type Any = Cache<BuiltInPolicy>

async function three(): Promise<{ server: RedisServer; nodes: readonly [Any, Any, Any]; open: () => Any }> {
  const [server, prefix] = [await startRedis(), randomUUID()]
  const open = () => {
    const cache = createCache({ redis: redis({ url: server.url, prefix }) })
    onTestFinished(() => cache.close())
    return cache
  }
  onTestFinished(() => server.stop())
  const nodes = [open(), open(), open()] as const
  await Promise.all(nodes.map((node) => node.ready()))
  return { server, nodes, open }
}

const read = (cache: Any, value: number) => cache.getOrSet('page', () => value, { dependsOn: 'row' })

async function isKept(cache: Any): Promise<boolean> {
  await cache.upTo(cache.token())
  await read(cache, 1)
  return cache.peek('page') !== undefined
}

it('no node keeps what is being written, be it new here, and all do afterwards', async () => {
  const { nodes, open } = await three()
  const [a, b] = nodes
  for (const node of nodes) await read(node, 0)
  const [begun, end] = [gate(), gate()]
  const written = a.mutate('row', () => (begun.open(), end.passed))
  await begun.passed
  const joined = open()
  await joined.ready()
  for (const node of [...nodes, joined]) {
    // It hears of it with whatever it asks, at the latest when it wants to store something.
    await expect.poll(() => isKept(node), { timeout: 5000 }).toBe(false)
  }
  end.open()
  const { result } = await written
  expect(result.nodes.map(({ status }) => status)).toEqual(['acknowledged', 'acknowledged', 'acknowledged'])
  await b.upTo(result.token as string)
  expect(await read(b, 2)).toBe(2)
  expect(b.peek('page')).toBe(2)
})

it('a writer that dies over it is ended by the others when its time has run out', async () => {
  const { nodes } = await three()
  const [a, b, c] = nodes
  const begun = gate()
  a.mutate('row', () => (begun.open(), new Promise(() => undefined)), { within: '1s' }).catch(() => undefined)
  await begun.passed
  await a.close()
  expect(await isKept(b)).toBe(false)
  for (const node of [b, c]) await expect.poll(() => isKept(node), { timeout: 10_000 }).toBe(true)
})

it('what is being written goes on to be so in a generation that begins meanwhile', async () => {
  const { server, nodes } = await three()
  const [a, b] = nodes
  const [begun, end] = [gate(), gate()]
  const written = a.mutate('row', () => (begun.open(), end.passed))
  await begun.passed
  const { position } = await b.set('x', 1)
  // The server loses everything; the writer is the last to notice.
  await server.end('SIGKILL')
  await server.start()
  const isJoined = async () => (
    await b.ready().catch(() => undefined), b.stats().log.generation !== position.generation
  )
  await expect.poll(isJoined, { timeout: 10_000 }).toBe(true)
  for (let i = 0; i < 20; i++) expect(await isKept(b)).toBe(false)
  end.open()
  await written.catch((error: { code: string }) => expect(error.code).toBe('E_MUTATE_LATE'))
  await expect.poll(() => isKept(b), { timeout: 10_000 }).toBe(true)
})

it('a write is not begun if nobody can be told of it, and its value is not lost if that shows afterwards', async () => {
  const { server, nodes } = await three()
  const [a, b] = nodes
  const written = a.mutate('row', async () => (await server.end('SIGKILL'), 'written'))
  await expect(written).rejects.toMatchObject({
    code: 'E_LOG_PENDING',
    details: { value: 'written', result: { status: 'pending', names: ['row'] } },
  })
  const calls: string[] = []
  const begun = b.mutate('row', () => calls.push('fn'))
  await expect(begun).rejects.toMatchObject({ code: 'E_MUTATE_UNBEGUN', cause: { code: 'E_LOG_PENDING' } })
  expect(calls).toEqual([])
  await server.start()
  for (const node of nodes) await expect.poll(() => isKept(node), { timeout: 10_000 }).toBe(true)
})
