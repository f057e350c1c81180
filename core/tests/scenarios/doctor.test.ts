import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { directory } from '../directories.ts'
import { createCache, type Cache } from '../../src/index.ts'
import { disk, inspect, repair, type Inspection } from '../../src/disk.ts'
import { Environment, type Key } from '../../src/disk/environment.ts'
import { keyOf } from '../../src/bytes/names.ts'
import { inRowBytesMax } from '../../src/disk/values.ts'

let path: string
let caches: Cache[]
const large = 'x'.repeat(inRowBytesMax + 1)

beforeEach(() => {
  path = directory()
  caches = []
})
afterEach(async () => {
  for (const cache of caches) await cache.close()
})

function open(): Cache {
  const cache = createCache({ disk: disk({ path }) })
  caches.push(cache)
  return cache
}

/** A directory with something in every table, closed as it should be. */
async function filled(): Promise<void> {
  const cache = open()
  for (let i = 0; i < 20; i++) await cache.set(`k:${i}`, { i }, { dependsOn: [`d:${i % 3}`, 'all'] })
  await cache.set('large', large)
  await cache.set('gone', 1)
  // Entries are written soon after, and not waited for.
  await vi.waitFor(() => expect(cache.stats().disk?.usage.entries).toBe(22), { interval: 5 })
  await cache.invalidate('gone', { reason: 'because' })
  await cache.link('album', { dependsOn: 'photo' })
  await cache.invalidate('waiting:1', { strategy: 'scheduled' })
  await cache.invalidate('waiting:2', { strategy: 'background' })
  await cache.close()
}

type Table = (...given: Parameters<Environment['table']>) => ReturnType<Environment['table']>

/** Does it with the tables, behind everybody's back. */
async function edit(work: (table: Table) => void): Promise<void> {
  const environment = new Environment({ path, nowMs: Date.now() })
  environment.transactNow(() => work((name, keys) => environment.table(name, keys)))
  await environment.close()
}

function flip(table: ReturnType<Environment['table']>, key: Key, at = -1): void {
  const bytes = Buffer.from(table.get(key) as Buffer)
  const place = at < 0 ? bytes.length + at : at
  bytes[place] = (bytes[place] as number) ^ 1
  void table.put(key, bytes)
}

const kinds = ({ problems }: Inspection) => problems.map(({ kind, count }) => `${kind} ${count}`)
const firstKey = (table: ReturnType<Environment['table']>) => [...table.getKeys({ limit: 1 })][0] as Key
const valueFile = () => {
  const [folder = ''] = readdirSync(join(path, 'values'))
  return join(path, 'values', folder, readdirSync(join(path, 'values', folder))[0] ?? '')
}

it('finds nothing wrong where nothing is, and tells what is there', async () => {
  await filled()
  const told: string[] = []
  const inspection = await inspect(path, { onProgress: (doing) => told.push(doing) })
  expect(inspection).toMatchObject({
    directory: path,
    format: 1,
    nodes: [],
    tier: { entries: 21, valueFiles: 1, orphans: 0 },
    records: { jobs: 2, records: 3 },
    asides: [],
    rowsAside: 0,
    problems: [],
  })
  expect(told).toContain('data.mdb')
  expect(await repair(path)).toEqual({ done: [], lost: [] })
})

it('looks while others have it open, and does not repair then', async () => {
  const cache = open()
  await cache.set('k', 1)
  const { nodes, problems } = await inspect(path)
  expect([nodes.map(({ pid, lives }) => [pid, lives]), problems]).toEqual([[[process.pid, true]], []])
  await expect(repair(path)).rejects.toMatchObject({ code: 'E_DISK_IN_USE' })
})

it('does not look at what is no directory of a cache', async () => {
  await expect(inspect(join(path, 'missing'))).rejects.toMatchObject({ code: 'E_DISK_PATH' })
  mkdirSync(path, { recursive: true })
  await expect(inspect(path)).rejects.toMatchObject({ code: 'E_DISK_FORMAT' })
  writeFileSync(join(path, 'format'), 'staleproof 99\n')
  await expect(inspect(path)).rejects.toMatchObject({ code: 'E_DISK_FORMAT' })
})

const harms: [string, (table: Table) => void, string[]][] = [
  ['an entry', (table) => flip(table('entries', 'bytes'), keyOf('k:3'), 0), ['entry-damaged 1']],
  [
    'what depends on what',
    (table) => void table('dependents', 'bytes').remove(firstKey(table('dependents', 'bytes'))),
    ['index-lacks 1'],
  ],
  [
    'the order',
    (table) => void table('order', 'numbers').remove(firstKey(table('order', 'numbers'))),
    ['index-lacks 1'],
  ],
  [
    'rows of no entry',
    (table) => void table('order', 'numbers').put(99_999, keyOf('nobody')),
    ['index-strays 1'],
  ],
  ['the counts', (table) => flip(table('tier', 'bytes'), Buffer.from('counts')), ['counts-wrong 1']],
  ['a record of the log', (table) => flip(table('log', 'numbers'), 5), ['log-damaged 1']],
  ['the log, of which a record is missing', (table) => void table('log', 'numbers').remove(7), ['log-gap 1']],
  [
    'a snapshot',
    (table) => void table('snapshots', 'numbers').put(3, Buffer.from('not what was written')),
    ['snapshot-damaged 1'],
  ],
  [
    'what is known of entries that ended',
    (table) => {
      void table('ended', 'bytes').put(keyOf('k:1'), Buffer.from('not what was written'))
      void table('ended-order', 'numbers').put(1, keyOf('k:1'))
    },
    ['ended-damaged 2'],
  ],
  ['a job', (table) => flip(table('jobs', 'numbers'), firstKey(table('jobs', 'numbers'))), ['job-damaged 1']],
  [
    'the index of the queue',
    (table) => {
      for (const key of [...table('jobKeys', 'bytes').getKeys()])
        if (key.toString().startsWith('l')) void table('jobKeys', 'bytes').remove(key)
    },
    ['queue-index 2'],
  ],
  [
    'a record of the history',
    (table) => flip(table('history', 'bytes'), firstKey(table('history', 'bytes'))),
    ['record-damaged 1'],
  ],
  [
    'what was journaled for the history',
    (table) => void table('historyJournal', 'numbers').put(7, Buffer.from('not what was written')),
    ['record-damaged 1'],
  ],
  [
    'the index of the history',
    (table) => void table('historyKeys', 'bytes').remove(firstKey(table('historyKeys', 'bytes'))),
    ['history-index 1'],
  ],
]

describe('finds and repairs damage of', () => {
  it.each(harms)('%s', async (_, harm, expected) => {
    await filled()
    await edit(harm)
    expect(kinds(await inspect(path))).toEqual(expected)
    const { done } = await repair(path)
    expect(done[0]).toBe('data.mdb was written anew, row by row')
    expect(kinds(await inspect(path))).toEqual([])
    const cache = open()
    const isLogHarm = expected[0]?.startsWith('log-') === true
    expect(await cache.get('k:4')).toEqual(isLogHarm ? undefined : { i: 4 })
    await cache.set('k:4', 5, { dependsOn: 'd:1' })
    await cache.invalidate('d:1')
    expect(await cache.get('k:4')).toBeUndefined()
    expect(await cache.get('k:1')).toBeUndefined()
    await cache.close()
    expect(kinds(await inspect(path))).toEqual([])
  })

  it.each<[string, () => void]>([
    ['missing', () => rmSync(valueFile())],
    ['cut', () => truncateSync(valueFile(), 1000)],
    [
      'changed',
      () => writeFileSync(valueFile(), `y${readFileSync(valueFile(), 'latin1').slice(1)}`, 'latin1'),
    ],
  ])('the file of a value that is %s', async (_, harm) => {
    await filled()
    harm()
    expect(kinds(await inspect(path))).toEqual(['value-lost 1'])
    const { lost } = await repair(path)
    expect(lost.join()).toMatch(/entries: 1/)
    expect(kinds(await inspect(path))).toEqual([])
    const cache = open()
    expect([await cache.get('large'), await cache.get('k:1')]).toEqual([undefined, { i: 1 }])
  })
})

it('removes files that no entry has', async () => {
  await filled()
  const [folder, name] = [dirname(valueFile()), basename(valueFile())]
  writeFileSync(join(folder, `9${name}`), 'stray')
  expect(await inspect(path)).toMatchObject({ tier: { orphans: 1 }, problems: [] })
  expect((await repair(path)).done.join()).toMatch(/removed: 1/)
  expect(await inspect(path)).toMatchObject({ tier: { orphans: 0, valueFiles: 1 }, problems: [] })
})

it('keeps the order of eviction, and what was moved in it', async () => {
  await filled()
  const orderOf = async () => {
    const order: string[] = []
    await edit((table) => {
      for (const { value } of table('order', 'numbers').getRange()) order.push(value.toString())
    })
    return order
  }
  const before = await orderOf()
  await edit((table) => flip(table('tier', 'bytes'), Buffer.from('counts')))
  await repair(path)
  expect(await orderOf()).toEqual(before)
})

describe('data that cannot be read to its end', () => {
  it('goes aside, and queue and history are saved from it', async () => {
    await filled()
    await spoil()
    const inspection = await inspect(path)
    expect(kinds(inspection)).toEqual(['data-unreadable 1'])
    expect(inspection.tier).toBeNull()
    const { done, lost } = await repair(path)
    expect(done.join('\n')).toMatch(
      /put aside[\s\S]*queued invalidations saved: 2; records of the history saved: 1/,
    )
    expect(lost.join('\n')).toContain('declare them again')
    const after = await inspect(path)
    expect(kinds(after)).toEqual([])
    expect(after).toMatchObject({ records: { jobs: 2, records: 3 }, asides: [{ salvaged: true }] })
    const cache = open()
    const { records } = await cache.invalidations.list()
    expect(records.map(({ status, reason }) => [status, reason])).toEqual([
      ['pending', null],
      ['pending', null],
      ['completed', 'because'],
    ])
  })

  it('that was put aside before waits to be salvaged, and says so once', async () => {
    await filled()
    const aside = join(path, 'damaged', '1')
    mkdirSync(aside, { recursive: true })
    appendFileSync(join(aside, 'data.mdb'), 'nothing')
    expect(kinds(await inspect(path))).toEqual(['not-salvaged 1'])
    expect((await repair(path)).lost.join()).toContain('nothing of them could be read')
    expect(existsSync(join(aside, 'salvaged.txt'))).toBe(true)
    expect(kinds(await inspect(path))).toEqual([])
  })

  /** Writes garbage over a page of the entries. */
  async function spoil(): Promise<void> {
    const bytes = readFileSync(join(path, 'data.mdb'))
    const at = bytes.indexOf(Buffer.from('k:11'))
    bytes.fill(0xab, at - (at % 4096), at - (at % 4096) + 4096)
    writeFileSync(join(path, 'data.mdb'), bytes)
  }
})

/** Numbers from 0 to 1 that follow from the seed (a linear congruential generator). */
function chance(seed: number): () => number {
  let state = seed
  return () => {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31
    return state / 2 ** 31
  }
}

/** Damage that a medium or a program of others may do to the file, from the third page on. */
const accidents: [string, (bytes: Buffer, random: () => number) => Buffer][] = [
  [
    'a page of garbage',
    (bytes, random) => {
      const page = 2 + Math.floor(random() * (bytes.length / 4096 - 2))
      return bytes.fill(0xab, page * 4096, (page + 1) * 4096)
    },
  ],
  [
    'flipped bits',
    (bytes, random) => {
      for (let i = 0; i < 20; i++) {
        const at = 8192 + Math.floor(random() * (bytes.length - 8192))
        bytes[at] = (bytes[at] as number) ^ (1 << Math.floor(random() * 8))
      }
      return bytes
    },
  ],
  ['a lost end', (bytes, random) => bytes.subarray(0, Math.floor(bytes.length * (0.3 + 0.6 * random())))],
]

describe.each(accidents)('whatever %s hit', (_, harm) => {
  it.each([1, 2, 3, 4])(
    'what is left after a repair is in order, and nothing wrong is served (seed %i)',
    async (seed) => {
      await filled()
      writeFileSync(join(path, 'data.mdb'), harm(readFileSync(join(path, 'data.mdb')), chance(seed)))
      await inspect(path)
      await repair(path)
      expect(kinds(await inspect(path))).toEqual([])
      const cache = open()
      for (let i = 0; i < 20; i++)
        expect([undefined, i]).toContain((await cache.get<{ i: number }>(`k:${i}`))?.i)
      await cache.set('k:1', 1, { dependsOn: 'd:1' })
      await cache.invalidate('d:1')
      expect(await cache.get('k:1')).toBeUndefined()
      await cache.close()
      expect(kinds(await inspect(path))).toEqual([])
    },
  )
})
