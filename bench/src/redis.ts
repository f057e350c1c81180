/**
 * Redis: what the server and its clients cost by themselves, on this machine, in one run.
 *
 *   a read        GET of 100 B to 1 MB, one at a time and 64 at once, bare and decoded: which client to build on
 *   propagation   XADD in one process until XREAD has it in another: no log on a server is faster than this
 *   taking out    UNLINK of 100,000 keys: no purge of a cascade is faster than this
 *
 * Invariant: contenders take turns on one server; times are of the wall, since the server's part belongs to it.
 */
import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { Encoder } from 'cbor-x'
import { startRedis } from 'staleproof-testbed'
import { figureOf, ratioOf, type Report, type Row, type Table } from './figures.ts'
import { clients, type Client } from './redis-clients.ts'
import { measureOwnPropagation, measureStrict } from './redis-log.ts'
import { measurePurge, measureSharedHits } from './redis-ours.ts'
import { interleave, timeOf, turn, type RoundsOptions, type Timed } from './rounds.ts'
import { fail } from './world.ts'

type Rounds = (full: number) => number
type Part = (port: number, rounds: Rounds) => Promise<Report>

/** What is measured, in this order. */
const parts: readonly Part[] = [
  measureReads,
  measureSharedHits,
  measurePropagation,
  measureOwnPropagation,
  measureUnlink,
  measurePurge,
  measureStrict,
]

export async function measureRedis(rounds: Rounds): Promise<Report> {
  const server = await startRedis()
  try {
    const reports: Report[] = []
    for (const part of parts) reports.push(await part(server.port, rounds))
    return {
      tables: reports.flatMap(({ tables }) => tables),
      targets: reports.flatMap(({ targets }) => targets),
    }
  } finally {
    await server.stop()
  }
}

async function openAll(port: number): Promise<Map<string, Client>> {
  const opened = Object.entries(clients).map(async ([name, open]) => [name, await open(port)] as const)
  return new Map(await Promise.all(opened))
}

// A read

const base = 'ioredis 6'
const cbor = new Encoder({ structuredClone: true, useRecords: false })
const sizes: Readonly<Record<string, Buffer>> = {
  '100 B': valueOf(1),
  '10 kB': valueOf(104),
  '1 MB': valueOf(10_300),
}

/** A list of so many records of about 100 B, encoded. */
function valueOf(records: number): Buffer {
  const list = Array.from({ length: records }, (_, i) => ({
    ...{
      id: i,
      name: `photo ${i}`,
      at: 1_700_000_000_000 + i,
      tags: ['sea', 'sun'],
      by: 'somebody, about 20 B',
    },
  }))
  return cbor.encode(list)
}

async function measureReads(port: number, rounds: Rounds): Promise<Report> {
  const opened = await openAll(port)
  const tables: Table[] = []
  for (const [size, bytes] of Object.entries(sizes)) {
    await opened.get(base)?.call('SET', size, bytes)
    const columns = new Map<string, Map<string, number[]>>()
    for (const width of [1, 64]) {
      const contenders = [...opened].flatMap(([name, client]) => readsOf(name, { client, key: size, width }))
      columns.set(`${width} at once`, await interleave(contenders, turnsOf(size, { rounds, width })))
    }
    tables.push({ title: `GET of ${size} (${bytes.length} B)`, rows: rowsOf(columns) })
  }
  for (const client of opened.values()) client.close()
  return { tables, targets: [] }
}

/** A value of 1 MB is decoded for 10 ms and more: a few make a block. */
function turnsOf(size: string, { rounds, width }: { rounds: Rounds; width: number }): RoundsOptions {
  const isLarge = size === '1 MB'
  return {
    rounds: rounds(isLarge ? 10 : 30),
    blockMs: 20,
    operations: isLarge ? Math.max(16, width) : undefined,
  }
}

interface Reading {
  readonly client: Client
  readonly key: string
  readonly width: number
}

function readsOf(name: string, { client, key, width }: Reading): Timed[] {
  const size = sizes[key]?.length
  const bare = async () => {
    const reply = (await client.call('GET', key)) as Buffer
    if (reply.length !== size) fail(`${name} gave ${reply.length} bytes of ${String(size)}`)
    return reply
  }
  const decoded = async () => cbor.decode(await bare()) as unknown
  return [blocks(name, bare, width), blocks(`${name}, decoded`, decoded, width)]
}

/** Whole groups of `width` calls at once, one group after another. */
function blocks(name: string, call: () => Promise<unknown>, width: number): Timed {
  return {
    name,
    block: async (operations) => {
      const groups = Math.ceil(operations / width)
      const ms = await timeOf(async () => {
        for (let i = 0; i < groups; i++) await Promise.all(Array.from({ length: width }, call))
      })
      return (ms * operations) / (groups * width)
    },
  }
}

/** @param columns column -> contender -> ns, round by round */
function rowsOf(columns: ReadonlyMap<string, ReadonlyMap<string, readonly number[]>>): Row[] {
  const [names = new Map<string, readonly number[]>()] = columns.values()
  return [...names.keys()].map((name) => {
    const figures: Record<string, Row['figures'][string]> = {}
    for (const [column, runs] of columns) {
      const values = runs.get(name) ?? []
      const us = values.map((ns) => ns / 1000)
      figures[column] = figureOf(us, 'us')
      figures[`${column}: ratio`] = ratioOf(values, runs.get(base) ?? [])
    }
    return { name, figures }
  })
}

// Propagation

/** Records of a round. */
const records = 200

async function measurePropagation(port: number, rounds: Rounds): Promise<Report> {
  const opened = await openAll(port)
  const readers = new Map<string, ChildProcess>()
  for (const name of opened.keys()) readers.set(name, await reader(name, port))
  const ages = new Map([...opened.keys()].map((name) => [name, [] as number[]]))
  for (let round = -1; round < rounds(12); round++) {
    for (const [name, client] of opened) {
      const found = await propagate(client, streamOf(name), readers.get(name) as ChildProcess)
      // The first round only warms it up.
      if (round >= 0) ages.get(name)?.push(...found)
    }
  }
  for (const child of readers.values()) child.kill()
  for (const client of opened.values()) client.close()
  const rows = [...ages].map(([name, us]) => ({
    name,
    figures: { 'p50 (p10-p90)': figureOf(us, 'us'), p99: figureOf([quantile(us, 0.99)], 'us') },
  }))
  return { tables: [{ title: 'XADD until XREAD has it in another process', rows }], targets: [] }
}

function streamOf(name: string): string {
  return `stream of ${name}`
}

async function reader(name: string, port: number): Promise<ChildProcess> {
  const file = fileURLToPath(new URL('redis-reader.js', import.meta.url))
  const child = fork(file, [name, String(port), streamOf(name)])
  await once(child, 'message')
  return child
}

/** One record after another, each when the one before has arrived. @returns us, of each */
async function propagate(client: Client, key: string, child: ChildProcess): Promise<number[]> {
  const found: number[] = []
  for (let i = 0; i < records; i++) {
    const arrived = once(child, 'message')
    await client.call('XADD', key, 'MAXLEN', '10', '*', 't', String(process.hrtime.bigint()))
    found.push(((await arrived) as [number])[0])
    // The reader asks again meanwhile.
    await turn()
  }
  return found
}

function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.floor(share * (sorted.length - 1))] ?? Number.NaN
}

// Taking out

const keyCount = 100_000
const keys = Array.from({ length: keyCount }, (_, i) => `photo:/pictures/2026/${i}`)

/** How many keys a command names -> how the row says it. */
const perCommand: readonly (readonly [number, string])[] = [
  [1, 'one key a command'],
  [1000, '1,000 keys a command'],
]

async function measureUnlink(port: number, rounds: Rounds): Promise<Report> {
  const opened = await openAll(port)
  const runs = new Map<string, number[]>()
  for (let round = -1; round < rounds(7); round++) {
    for (const [name, client] of opened) {
      for (const [width, words] of perCommand) {
        await fill(client)
        const ms = await timeOf(() => unlink(client, width))
        const row = `${name}, ${words}`
        if (round >= 0) runs.set(row, [...(runs.get(row) ?? []), ms])
      }
    }
  }
  for (const client of opened.values()) client.close()
  const rows = [...runs].map(([name, ms]) => ({
    name,
    figures: {
      'UNLINK of 100,000': figureOf(ms, 'ms'),
      ratio: ratioOf(ms, runs.get(`${base}, ${perCommand[0]?.[1]}`) ?? []),
    },
  }))
  return { tables: [{ title: 'Taking out 100,000 keys of 100 B, 1,000 keys under way', rows }], targets: [] }
}

/** 1,000 keys at a time are under way: a program that has to stay alive beside it would not do more. */
async function unlink(client: Client, width: number): Promise<void> {
  let gone = 0
  for (let at = 0; at < keyCount; at += 1000) {
    const some = keys.slice(at, at + 1000)
    const commands = Array.from({ length: 1000 / width }, (_, i) => some.slice(i * width, (i + 1) * width))
    const counts = await Promise.all(commands.map((names) => client.call('UNLINK', ...names)))
    for (const count of counts) gone += count as number
  }
  if (gone !== keyCount) fail(`${gone} of ${keyCount} keys were taken out`)
}

async function fill(client: Client): Promise<void> {
  const value = sizes['100 B'] as Buffer
  for (let at = 0; at < keyCount; at += 1000) {
    await client.call('MSET', ...keys.slice(at, at + 1000).flatMap((key) => [key, value]))
  }
}
