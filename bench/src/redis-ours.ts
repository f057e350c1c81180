/**
 * Our shared tier on Redis, beside what the server and a bare client cost for the same.
 *
 *   a hit         64 at once: GET of a bare client, and the same value decoded, beside `get` of peers and of ours, without memory
 *   taking out    UNLINK of 100,000 keys, one a command, pipelined, beside an invalidation that removes 100,000 entries
 */
import { Encoder } from 'cbor-x'
import { Redis } from 'ioredis'
import { createCache } from 'staleproof'
import { redis } from 'staleproof/redis'
import { atMost, figureOf, ratioOf, type Report, type Row, type Table, type Target } from './figures.ts'
import { clients } from './redis-clients.ts'
import { redisPeers } from './redis-peers.ts'
import { interleave, timeOf, type Timed } from './rounds.ts'
import { fail } from './world.ts'

type Rounds = (full: number) => number

let prefixes = 0
const cbor = new Encoder({ structuredClone: true, useRecords: false })

function open(port: number, more: { prefix?: string; memory?: false } = {}) {
  const { prefix = `bench-${++prefixes}`, ...options } = more
  return createCache({ ...options, redis: redis({ url: `redis://127.0.0.1:${port}`, prefix }) })
}

// A hit

const width = 64
const sizes: Readonly<Record<string, number>> = { '100 B': 1, '10 kB': 104 }

type Read = (key: string) => Promise<unknown>

interface Reader {
  readonly name: string
  readonly is: 'raw' | 'peer' | 'ours'
  readonly read: Read
  readonly close: () => unknown
}

export async function measureSharedHits(port: number, rounds: Rounds): Promise<Report> {
  const tables: Table[] = []
  const targets: Target[] = []
  for (const [size, records] of Object.entries(sizes)) {
    const keys = Array.from({ length: width }, (_, i) => `photo:${size}:${i}`)
    const readers = await readersOf(port, keys, valueOf(records))
    const contenders = readers.map(({ name, read }) => together(name, keys, read))
    const runs = await interleave(contenders, { rounds: rounds(30), blockMs: 20 })
    const fastest = (is: Reader['is']) => {
      const names = readers.filter((reader) => reader.is === is).map(({ name }) => name)
      const ns = names.map((name) => runs.get(name) ?? [])
      return ns.toSorted((a, b) => median(a) - median(b))[0] ?? []
    }
    const rows = [...runs].map(([name, ns]): Row => {
      const us = ns.map((one) => one / 1000)
      return { name, figures: { us: figureOf(us, 'us'), ratio: ratioOf(ns, fastest('raw')) } }
    })
    tables.push({ title: `A hit of ${size} in the shared tier, ${width} at once, decoded`, rows })
    const what = `a hit of ${size} in the shared tier`
    targets.push(
      atMost(
        `${what}: 0.9 times as fast as the fastest bare GET, decoded`,
        ratioOf(fastest('ours'), fastest('raw')),
        1 / 0.9,
      ),
      atMost(`${what}: ahead of the fastest peer`, ratioOf(fastest('ours'), fastest('peer')), 1),
    )
    for (const { close } of readers) await close()
  }
  return { tables, targets }
}

function valueOf(records: number) {
  return Array.from({ length: records }, (_, id) => ({
    id,
    name: `photo ${id}`,
    at: 1.7e12 + id,
    tags: ['sea', 'sun'],
  }))
}

/** All of them hold the value under all keys. */
async function readersOf(port: number, keys: readonly string[], value: unknown): Promise<Reader[]> {
  const readers: Reader[] = []
  for (const [name, connect] of Object.entries(clients)) {
    const client = await connect(port)
    await Promise.all(keys.map((key) => client.call('SET', key, cbor.encode(value))))
    const read: Read = async (key) => cbor.decode((await client.call('GET', key)) as Buffer)
    readers.push({ name, is: 'raw', read, close: () => client.close() })
  }
  for (const [name, open] of Object.entries(redisPeers)) {
    let loads = 0
    const peer = open(port, async () => (++loads > keys.length ? fail(`a miss in ${name}`) : value))
    await Promise.all(keys.map((key) => peer.load(key)))
    const read: Read = async (key) => (await peer.get(key)) ?? fail(`a miss in ${name}`)
    readers.push({ name, is: 'peer', read, close: () => peer.close() })
  }
  const cache = open(port, { memory: false })
  await cache.ready()
  await Promise.all(keys.map((key) => cache.getOrSet(key, () => value)))
  const read: Read = async (key) => (await cache.get(key)) ?? fail('a miss')
  readers.push({ name: 'staleproof', is: 'ours', read, close: () => cache.close() })
  return readers
}

function together(name: string, keys: readonly string[], read: (key: string) => Promise<unknown>): Timed {
  return {
    name,
    block: async (operations) => {
      const groups = Math.ceil(operations / keys.length)
      const ms = await timeOf(async () => {
        for (let i = 0; i < groups; i++) await Promise.all(keys.map(read))
      })
      return (ms * operations) / (groups * keys.length)
    },
  }
}

function median(values: readonly number[]): number {
  return figureOf(values, '').median
}

// Taking out

const count = 100_000

export async function measurePurge(port: number, rounds: Rounds): Promise<Report> {
  const [raw, ours]: [number[], number[]] = [[], []]
  const client = new Redis({ port, host: '127.0.0.1', protocol: 2 })
  const keys = Array.from({ length: count }, (_, i) => `photo:/pictures/2026/${i}`)
  const value = Buffer.alloc(100, 7)
  for (let round = 0; round < rounds(3); round++) {
    for (let at = 0; at < count; at += 1000)
      await client.call('MSET', ...keys.slice(at, at + 1000).flatMap((key) => [key, value]))
    raw.push(await timeOf(() => unlink(client, keys)))
    const cache = open(port, { memory: false })
    await cache.ready()
    for (let at = 0; at < count; at += 500) {
      await Promise.all(
        keys.slice(at, at + 500).map((key) => cache.getOrSet(key, () => value, { tags: ['all'] })),
      )
    }
    ours.push(await timeOf(() => cache.invalidate('all', { consistency: 'eventual', strategy: 'immediate' })))
    if ((await cache.plan('all')).entries.redis !== 0) fail('some are left')
    await cache.close()
  }
  client.disconnect()
  const ratio = ratioOf(ours, raw)
  const rows: Row[] = [
    { name: 'UNLINK, one key a command, pipelined', figures: { '100,000': figureOf(raw, 'ms') } },
    { name: 'staleproof, with index and heads', figures: { '100,000': figureOf(ours, 'ms'), ratio } },
  ]
  return {
    tables: [{ title: 'An invalidation that removes 100,000 entries of 100 B', rows }],
    targets: [atMost('100,000 entries removed: 0.7 times as fast as pipelined UNLINK', ratio, 1 / 0.7)],
  }
}

async function unlink(client: Redis, keys: readonly string[]): Promise<void> {
  for (let at = 0; at < count; at += 1000)
    await Promise.all(keys.slice(at, at + 1000).map((key) => client.call('UNLINK', key)))
}
