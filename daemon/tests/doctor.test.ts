import { existsSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { HistoryPage, Stats } from '../src/api/protocol.ts'
import { cli, type Daemon, endAll, type Ended, makeFolder, startDaemon } from './daemon.ts'

let data: string
beforeEach(() => {
  data = join(makeFolder(), 'data')
})
afterEach(endAll)

const start = () => startDaemon(['--data', data])
const doctor = (...args: string[]) => cli(['doctor', '--data', data, ...args])

interface Report {
  readonly problems: { readonly kind: string; readonly count: number }[]
  readonly nodes: { readonly pid: number; readonly lives: boolean }[]
  readonly repaired: { readonly done: string[]; readonly lost: string[] } | null
}
const reportOf = ({ stdout }: Ended) => JSON.parse(stdout) as Report
const kindsOf = (ended: Ended) => reportOf(ended).problems.map(({ kind }) => kind)

const large = 'x'.repeat(300_000)

/** A directory with entries, a queue and a history, after its daemon ended so. */
async function filled(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
  const daemon = await start()
  for (let i = 0; i < 10; i++) await daemon.put(`key ${i}`, `value ${i}`, '?dependsOn=source')
  await daemon.put('large', large)
  await daemon.cli('invalidate', 'nothing', '--reason', 'because')
  await daemon.cli('invalidate', 'later', '--strategy', 'scheduled')
  await vi.waitFor(
    async () => {
      const { disk } = (await (await daemon.fetch('/v1/stats')).json()) as Stats
      expect(disk?.usage.entries).toBe(11)
    },
    { timeout: 8000, interval: 10 },
  )
  await end(daemon, signal)
}

async function end(daemon: Daemon, signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
  daemon.child.kill(signal)
  await daemon.ended
}

it('finds a directory in order, and tells what is in it', async () => {
  await filled()
  const { code, stdout, stderr } = await doctor()
  expect([code, stderr]).toEqual([0, ''])
  expect(stdout).toMatch(/^\S+data: in order\n/)
  expect(stdout).toMatch(
    /open +nobody\n[\s\S]*entries +11, .*1 file of values\n[\s\S]*queue +1 invalidation\n/,
  )
})

it('looks at a directory that a daemon has open, and leaves it alone', async () => {
  const daemon = await start()
  await daemon.put('a', '1')
  const ended = await doctor('--json')
  expect(ended.code).toBe(0)
  expect(reportOf(ended).nodes).toMatchObject([{ pid: daemon.child.pid, lives: true }])
  const refused = await doctor('--repair')
  expect(refused).toMatchObject({ code: 2, stdout: '' })
  expect(refused.stderr).toMatch(new RegExp(`E_DISK_IN_USE: process ${daemon.child.pid} has ${data} open`))
  expect(await daemon.statusOf('a')).toBe(200)
})

it('frees what a killed daemon left', async () => {
  await filled('SIGKILL')
  expect((await doctor()).stdout).toContain('nobody, and 1 that ended without leaving')
  expect((await doctor('--repair')).code).toBe(0)
  expect((await doctor()).stdout).toMatch(/open +nobody\n/)
})

it('ends with 2 if there is nothing to look at', async () => {
  expect(await doctor()).toMatchObject({
    code: 2,
    stdout: '',
    stderr: expect.stringContaining('E_DISK_PATH'),
  })
  expect((await cli(['doctor'], { STALEPROOF_DATA: 'false' })).code).toBe(2)
  expect(existsSync(data)).toBe(false)
})

function valueFile(): string {
  const folder = readdirSync(join(data, 'values')).find(
    (name) => readdirSync(join(data, 'values', name)).length > 0,
  )
  return join(data, 'values', folder ?? '', readdirSync(join(data, 'values', folder ?? ''))[0] ?? '')
}

/** Changes the bytes after a text in data.mdb, or all of the page that it is in. */
function spoil(text: string, wholePage = false): void {
  const file = join(data, 'data.mdb')
  const bytes = readFileSync(file)
  for (let at = bytes.indexOf(text); at !== -1; at = bytes.indexOf(text, at + 4096)) {
    if (wholePage) bytes.fill(0xab, at - (at % 4096), at - (at % 4096) + 4096)
    else bytes[at + text.length - 1] = (bytes[at + text.length - 1] ?? 0) ^ 1
  }
  writeFileSync(file, bytes)
}

describe('finds and repairs', () => {
  it.each<[string, () => void, string]>([
    ['an entry with a flipped bit', () => spoil('value 3'), 'entry-damaged'],
    ['the file of a value that is missing', () => rmSync(valueFile()), 'value-lost'],
    ['the file of a value that is cut', () => truncateSync(valueFile(), 10), 'value-lost'],
  ])('%s, and the daemon works afterwards', async (_, harm, kind) => {
    await filled()
    harm()
    const found = await doctor('--json')
    expect([found.code, kindsOf(found)]).toEqual([1, [kind]])
    expect(found.stderr).toContain('1 problem; staleproof doctor --repair')
    const repaired = await doctor('--repair', '--json')
    expect([repaired.code, kindsOf(repaired)]).toEqual([0, []])
    expect(reportOf(repaired).repaired?.lost.join()).toMatch(/^entries: 1;/)
    const daemon = await start()
    expect(await daemon.statusOf('key 1')).toBe(200)
    await daemon.cli('invalidate', 'source')
    expect(await daemon.statusOf('key 2')).toBe(404)
    await end(daemon)
    expect((await doctor()).code).toBe(0)
  })

  it('data that cannot be read: queue and history are saved', async () => {
    await filled()
    spoil('value 3', true)
    const found = await doctor()
    expect(found.code).toBe(1)
    expect(found.stdout).toMatch(/problem data\.mdb cannot be read to its end/)
    const { code, stdout } = await doctor('--repair')
    expect(code).toBe(0)
    expect(stdout).toMatch(/^done what could not be read was put aside in [\s\S]*lost all entries/)
    const daemon = await start()
    const { records } = (await (await daemon.fetch('/v1/invalidations')).json()) as HistoryPage
    expect(records).toMatchObject([
      { names: ['later'], status: 'pending' },
      { names: ['nothing'], status: 'completed', reason: 'because' },
    ])
    expect(await daemon.statusOf('key 1')).toBe(404)
    await daemon.put('key 1', 'again')
    expect(await daemon.statusOf('key 1')).toBe(200)
  })
})
