/**
 * Disk: what a directory costs, beside LMDB itself, in one run.
 *
 *   a hit               an entry that is not in memory, beside a bare `get` of LMDB that decodes the same value
 *   durable             64 invalidations at once, beside 64 puts that LMDB commits and flushes together
 *   two processes       one invalidates, the other reads without a pause: how long the call takes, how many are stale
 *   a million entries   how long it takes to open them, and what the process weighs then
 */
import { fork, type ChildProcess } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import { fileURLToPath } from 'node:url'
import { Encoder } from 'cbor-x'
import { open } from 'lmdb'
import { createCache } from 'staleproof'
import { disk } from 'staleproof/disk'
import { atMost, figureOf, ratioOf, type Figure, type Report, type Row } from './figures.ts'
import { interleave, timeOf } from './rounds.ts'
import { fail } from './world.ts'

const self = fileURLToPath(import.meta.url)
const folders: string[] = []

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'staleproof-bench-'))
  folders.push(path)
  return path
}

export async function measureDisk(rounds: (full: number) => number): Promise<Report> {
  try {
    const reports = [
      await measureHits(rounds(30)),
      await measureDurable(rounds(30)),
      await measureProcesses(rounds(6)),
      await measureMillion(),
    ]
    return {
      tables: reports.flatMap(({ tables }) => tables),
      targets: reports.flatMap(({ targets }) => targets),
    }
  } finally {
    for (const path of folders.splice(0)) rmSync(path, { recursive: true, force: true })
  }
}

// A hit

const cbor = new Encoder({ structuredClone: true, useRecords: false })
const entries = 5000
const keyOf = (i: number) => `photo:/pictures/2026/${(i * 7919) % entries}`

const values: Readonly<Record<string, (i: number) => unknown>> = {
  'bytes, 1 kB': (i) => Buffer.alloc(1024, i),
  'bytes, 10 kB': (i) => Buffer.alloc(10_240, i),
  'object, 100 B': (i) => ({ id: i, name: `photo ${i}`, at: 1_700_000_000_000 + i, tags: ['sea', 'sun'] }),
  'object, 1 kB': (i) => list(i, 8),
  'object, 10 kB': (i) => list(i, 80),
}

function list(id: number, length: number): unknown {
  const item = (i: number) => ({
    id: id + i,
    name: `photo ${i}`,
    path: `/pictures/2026/${i}.jpg`,
    width: 4000 + i,
  })
  return { id, items: Array.from({ length }, (_, i) => item(i)) }
}

async function measureHits(rounds: number): Promise<Report> {
  const rows: Row[] = []
  const targets = []
  for (const [kind, valueOf] of Object.entries(values)) {
    const raw = await openRaw(valueOf)
    const ours = await openOurs(valueOf)
    const results = await interleave([raw, ours], { rounds, blockMs: 40 })
    const [rawNs, oursNs] = [results.get(raw.name) ?? [], results.get(ours.name) ?? []]
    const ratio = ratioOf(oursNs, rawNs)
    rows.push({
      name: kind,
      figures: { [raw.name]: figureOf(rawNs, 'ns'), [ours.name]: figureOf(oursNs, 'ns'), takes: ratio },
    })
    targets.push(atMost(`a hit on disk, ${kind}: 0.7 times as fast as LMDB`, ratio, 1 / 0.7))
    await raw.close()
    await ours.close()
  }
  return { tables: [{ title: `A hit on disk, ${entries} entries that are not in memory`, rows }], targets }
}

async function openRaw(valueOf: (i: number) => unknown) {
  const isBytes = Buffer.isBuffer(valueOf(0))
  const root = open({ path: folder(), ...(isBytes ? { encoding: 'binary' } : { encoder: cbor }) })
  await root.batch(() => {
    for (let i = 0; i < entries; i++) void root.put(keyOf(i), valueOf(i))
  })
  await root.flushed
  const read = async (operations: number) => {
    for (let i = 0; i < operations; i++)
      if ((await root.get(keyOf(i % entries))) === undefined) fail('a miss')
  }
  return {
    name: 'lmdb',
    block: (operations: number) => timeOf(() => read(operations)),
    close: () => root.close(),
  }
}

async function openOurs(valueOf: (i: number) => unknown) {
  const cache = createCache({ memory: false, disk: disk({ path: folder() }) })
  for (let at = 0; at < entries; at += 500) {
    await Promise.all(
      Array.from({ length: 500 }, (_, i) =>
        cache.getOrSet(keyOf(at + i), () => valueOf(at + i), { ttl: '1d' }),
      ),
    )
  }
  // They are stored behind the calls, which takes longer on a busy machine.
  while (cache.stats().disk?.usage.entries !== entries)
    await new Promise((resolve) => setTimeout(resolve, 10))
  const read = async (operations: number) => {
    for (let i = 0; i < operations; i++)
      if ((await cache.get(keyOf(i % entries))) === undefined) fail('a miss')
  }
  return {
    name: 'staleproof',
    block: (operations: number) => timeOf(() => read(operations)),
    close: () => cache.close(),
  }
}

// Durable

const atOnce = 64
/** One after the other: enough that what is written behind comes in it, too. */
const batches = 16

async function measureDurable(rounds: number): Promise<Report> {
  const root = open<Buffer, number>({ path: folder(), encoding: 'binary', separateFlushed: true })
  const cache = createCache({ disk: disk({ path: folder() }) })
  const record = Buffer.alloc(150, 7)
  let n = 0
  const series = (one: () => Promise<unknown>) =>
    timeOf(async () => {
      for (let i = 0; i < batches; i++) await Promise.all(Array.from({ length: atOnce }, one))
    })
  const contenders = {
    'lmdb, put and flushed': () => series(() => (root.put(n++, record) as unknown as Flushing).flushed),
    'staleproof, lazy': () => series(() => cache.invalidate(`row:${n++}`, { strategy: 'lazy' })),
    'staleproof, immediate': () => series(() => cache.invalidate(`row:${n++}`)),
  }
  const times = new Map(Object.keys(contenders).map((name) => [name, [] as number[]]))
  for (let round = -3; round < rounds; round++) {
    for (const [name, run] of Object.entries(contenders)) {
      // Nothing of what another has left to be done goes on meanwhile.
      await cache.invalidations.list({ limit: 1 })
      const ms = await run()
      if (round >= 0) times.get(name)?.push((ms * 1000) / (atOnce * batches))
    }
  }
  const base = times.get('lmdb, put and flushed') ?? []
  const rows = [...times].map(([name, us]) => ({
    name,
    figures: { each: figureOf(us, 'us'), 'beside lmdb': ratioOf(us, base) },
  }))
  const targets = ['lazy', 'immediate'].map((strategy) =>
    atMost(
      `64 durable invalidations at once, ${strategy}: half as fast as LMDB's puts`,
      ratioOf(times.get(`staleproof, ${strategy}`) ?? [], base),
      2,
    ),
  )
  await cache.close()
  await root.close()
  return { tables: [{ title: '64 at once, each on the medium before it resolves', rows }], targets }
}

interface Flushing {
  readonly flushed: Promise<boolean>
}

// Two processes

const keyCount = 100
const readsPerRound = 200_000
const pauseMs = 5

/** What the reader answers after a round. */
interface Read {
  readonly reads: number
  readonly stale: number
}

/**
 * The reader reads without a pause what the writer invalidates. The writer raises the version of the source, and when
 * its call resolved that of what was acknowledged: a read that begins after that must not yield an older version.
 *
 * In turns with that, the reader puts a row into the environment of the bare commits for each version that it sees, as it
 * loads an entry for each: for comparison, no target is set by it.
 */
async function measureProcesses(rounds: number): Promise<Report> {
  const [path, rawPath] = [folder(), folder()]
  const root = openCommits(rawPath)
  const cache = createCache({ disk: disk({ path }) })
  const versions = new Versions(join(path, 'versions'))
  const reader = fork(self, [path, 'read', rawPath])
  await answerOf(reader)
  const [calls, commits, besidePuts]: [number[], number[], number[]] = [[], [], []]
  const commit = (i: number) => timeOf(() => (root.put(i, Buffer.alloc(150)) as unknown as Flushing).flushed)
  let [reads, stale] = [0, 0]
  for (let round = 0; round < rounds; round++) {
    const read = await during(reader, 'read', async (i) => {
      const key = i % keyCount
      versions.raise(key, 'source')
      calls.push(await timeOf(() => cache.invalidate(`row:${key}`, { strategy: 'lazy' })))
      versions.raise(key, 'acknowledged')
      commits.push(await commit(i))
    })
    await during(reader, 'put', async (i) => {
      versions.raise(i % keyCount, 'committed')
      besidePuts.push(await commit(i))
    })
    reads += read.reads
    stale += read.stale
  }
  reader.kill()
  await cache.close()
  await root.close()
  const at = (values: number[], share: number) => {
    return values.toSorted((a, b) => a - b)[Math.floor(share * (values.length - 1))] as number
  }
  const quantile = (share: number) =>
    [calls, commits, besidePuts].map((times) => figureOf([at(times, share)], 'ms')) as [
      Figure,
      Figure,
      Figure,
    ]
  const [[p50, raw50, beside50], [p99, raw99, beside99]] = [quantile(0.5), quantile(0.99)]
  return {
    tables: [
      {
        title: `Two processes: ${reads.toLocaleString('en')} reads beside ${calls.length.toLocaleString('en')} invalidations`,
        rows: [
          { name: 'invalidate, lazy', figures: { p50, p99, stale: figureOf([stale], 'reads') } },
          { name: 'lmdb, put and flushed', figures: { p50: raw50, p99: raw99 } },
          {
            name: 'lmdb, the same while that process puts as often',
            figures: { p50: beside50, p99: beside99 },
          },
        ],
      },
    ],
    targets: [
      atMost('stale reads in another process', figureOf([stale], 'reads'), 0),
      atMost('p99 of the call, beside a commit of LMDB', figureOf([p99.median / raw99.median], 'x'), 2),
    ],
  }
}

/** While the reader does its round, again and again, with a pause in which it comes to what has changed. */
async function during(
  reader: ChildProcess,
  round: 'read' | 'put',
  each: (i: number) => Promise<void>,
): Promise<Read> {
  const answer = answerOf(reader)
  const going = { now: true }
  void answer.then(() => {
    going.now = false
  })
  reader.send(round)
  for (let i = 0; going.now; i++) {
    await each(i)
    await new Promise((resolve) => setTimeout(resolve, pauseMs))
  }
  return (await answer) as Read
}

function openCommits(path: string) {
  return open<Buffer, number>({ path, encoding: 'binary', separateFlushed: true })
}

// A million entries

const million = 1_000_000

async function measureMillion(): Promise<Report> {
  const path = folder()
  await fill(path)
  const child = fork(self, [path, 'open'], { execArgv: ['--expose-gc'] })
  const { openMs, bytes, readBytes, mappedBytes } = (await answerOf(child)) as Opened
  const mb = (of: number) => figureOf([of / 2 ** 20], 'MB')
  const [opening, later] = [figureOf([openMs], 'ms'), mb(readBytes)]
  const figures = {
    opening,
    'more memory': mb(bytes),
    'after 10,000 reads': later,
    'pages of the file': mb(mappedBytes),
  }
  return {
    tables: [{ title: 'A directory of 1,000,000 entries', rows: [{ name: 'staleproof', figures }] }],
    targets: [
      atMost('opening 1,000,000 entries, until the first is served', opening, 1000),
      atMost('memory of a process with 1,000,000 entries on disk', later, 100),
    ],
  }
}

interface Opened {
  readonly openMs: number
  readonly bytes: number
  readonly readBytes: number
  readonly mappedBytes: number
}

async function fill(path: string): Promise<void> {
  const cache = createCache({ memory: false, disk: disk({ path }) })
  const value = Buffer.alloc(100, 7)
  for (let at = 0; at < million; at += 2000) {
    const one = (_: unknown, i: number) =>
      cache.getOrSet(`thumb:${at + i}`, () => value, { ttl: '1d', dependsOn: `file:${at + i}` })
    await Promise.all(Array.from({ length: 2000 }, one))
  }
  await cache.close()
}

// In a process of its own

type Version = 'source' | 'acknowledged' | 'committed'

/** Numbers that both processes see at once. */
class Versions {
  readonly #table
  constructor(path: string) {
    this.#table = open<number, string>({ path, noSync: true })
  }
  raise(key: number, of: Version): void {
    this.#table.putSync(`${of}:${key}`, this.at(key, of) + 1)
  }
  at(key: number, of: Version): number {
    this.#table.resetReadTxn()
    return this.#table.get(`${of}:${key}`) ?? 0
  }
}

function answerOf(child: ChildProcess): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const ended = (code: number | null) => reject(new Error(`a process ended with code ${String(code)}`))
    child.once('exit', ended)
    child.once('message', (answer) => {
      child.off('exit', ended)
      resolve(answer)
    })
  })
}

async function read(path: string, rawPath: string): Promise<void> {
  const cache = createCache({ disk: disk({ path }) })
  const root = openCommits(rawPath)
  const versions = new Versions(join(path, 'versions'))
  const seen = new Map<number, number>()
  process.on('message', (round) => {
    const done = round === 'put' ? putRound(root, versions, seen) : readRound(cache, versions)
    void done.then((answer) => process.send?.(answer))
  })
  process.send?.('ready')
}

/** As many reads, and a row for each version, which is waited for as the store of a load is. */
async function putRound(
  root: ReturnType<typeof openCommits>,
  versions: Versions,
  seen: Map<number, number>,
): Promise<Read> {
  for (let i = 0; i < readsPerRound; i++) {
    const key = i % keyCount
    const version = versions.at(key, 'committed')
    if (seen.get(key) !== version) await root.put(-1 - key, Buffer.alloc(200))
    seen.set(key, version)
    if (i % 1000 === 0) await new Promise((resolve) => setImmediate(resolve))
  }
  return { reads: readsPerRound, stale: 0 }
}

async function readRound(cache: ReturnType<typeof createCache>, versions: Versions): Promise<Read> {
  let stale = 0
  for (let i = 0; i < readsPerRound; i++) {
    const key = i % keyCount
    const least = versions.at(key, 'acknowledged')
    const value = await cache.getOrSet(`page:${key}`, () => versions.at(key, 'source'), {
      dependsOn: `row:${key}`,
    })
    if (value < least) stale++
    // Messages of the writer's are not waited for; the loop has to turn now and then all the same.
    if (i % 1000 === 0) await new Promise((resolve) => setImmediate(resolve))
  }
  return { reads: readsPerRound, stale }
}

async function openMillion(path: string): Promise<void> {
  // Of its own: pages of the file that it reads belong to all processes, and go when others need the room.
  const own = () => {
    globalThis.gc?.()
    const [, kB = '0'] = /RssAnon:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8')) ?? []
    return Number(kB) * 1024
  }
  const mapped = () => process.memoryUsage().rss - own()
  const [before, mappedBefore] = [own(), mapped()]
  const start = performance.now()
  const cache = createCache({ disk: disk({ path }) })
  if ((await cache.get('thumb:4711')) === undefined) fail('a miss')
  const openMs = performance.now() - start
  const bytes = own() - before
  for (let i = 0; i < 10_000; i++) await cache.get(`thumb:${(i * 7919) % million}`)
  const answer = { openMs, bytes, readBytes: own() - before, mappedBytes: mapped() - mappedBefore }
  process.send?.(answer, () => process.exit(0))
}

if (process.argv[1] === self) {
  const [, , path = '', what, rawPath = ''] = process.argv
  if (what === 'open') await openMillion(path)
  else await read(path, rawPath)
}
