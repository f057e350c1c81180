import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { cli, type Daemon, endAll, makeFolder, Program, startDaemon, until } from './daemon.ts'

let folder: string
let daemon: Daemon

beforeAll(async () => {
  folder = makeFolder()
  daemon = await startDaemon()
})
afterAll(endAll)

async function done(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await daemon.cli(...args)
  expect(stderr).toBe('')
  expect(code).toBe(0)
  return stdout
}

const json = async (...args: string[]) => JSON.parse(await done(...args, '--json'))

describe('entries', () => {
  it('go in from a file and come out to one', async () => {
    const [here, there] = [join(folder, 'in'), join(folder, 'out')]
    writeFileSync(here, Buffer.from([0, 255, 10, 13]))
    expect(await done('put', 'bytes', here, '--content-type', 'image/x')).toContain('stored bytes')
    const { code, stdout } = await daemon.cli('get', 'bytes', '-o', there)
    expect([code, stdout]).toEqual([0, ''])
    expect(readFileSync(there)).toEqual(readFileSync(here))
  })

  it('go in from the standard input and come out on the standard output', async () => {
    const put = new Program(['put', 'text', '--url', daemon.url, '--ttl', '5m', '--policy', 'media'])
    put.child.stdin?.end('hello')
    expect((await put.ended).code).toBe(0)
    expect(await done('get', 'text')).toBe('hello')
    expect(await json('explain', 'text')).toMatchObject({ state: 'fresh', policy: 'media', ttlMs: 300_000 })
  })

  it('that are not there end with 3', async () => {
    for (const args of [
      ['get', 'nobody'],
      ['delete', 'nobody'],
      ['history', 'show', 'nobody'],
    ]) {
      expect(await daemon.cli(...args)).toMatchObject({ code: 3, stdout: '' })
    }
  })

  it('are deleted', async () => {
    await daemon.put('short-lived', '1')
    expect(await done('delete', 'short-lived')).toBe('deleted short-lived\n')
    expect(await daemon.statusOf('short-lived')).toBe(404)
  })
})

describe('dependencies', () => {
  it('are declared, shown as a tree, reached, explained and taken back', async () => {
    await daemon.put('page', '1', '?dependsOn=album')
    expect(await done('link', 'album', 'photo:1', 'photo:2')).toBe('album depends on photo:1, photo:2\n')
    expect(await done('graph', 'photo:1')).toBe('○ photo:1\n└─ ○ album\n   └─ ● page tracked\n')
    expect(await json('invalidate', 'photo:1', '--dry-run')).toMatchObject({
      reached: 3,
      entries: { memory: 1 },
    })
    expect(await daemon.statusOf('page')).toBe(200)
    const text = await done('invalidate', 'photo:1', '--reason', 'edited')
    expect(text).toMatch(/^completed \S+ photo:1, reached 3 names\n/)
    expect(text).toContain('page because of album')
    expect(await done('explain', 'page')).toMatch(
      /^page is (invalidated|absent)[\s\S]*because of (photo:1|album)/,
    )
    expect(await done('unlink', 'album', 'photo:1')).toContain('album')
    expect(await done('graph', 'photo:1')).toBe('○ photo:1\n')
  })

  it('follow from rules', async () => {
    await done('rule', 'thumb:{photo}', 'file:/{photo}')
    await daemon.put('thumb:a', '1')
    await done('invalidate', 'file:/a')
    expect(await daemon.statusOf('thumb:a')).toBe(404)
    await done('unrule', 'thumb:{photo}')
  })
})

describe('history', () => {
  it('has what was invalidated, and why', async () => {
    await done('invalidate', '--prefix', 'some:', '--reason', 'because')
    const { records } = await json('history', '--limit', '1')
    expect(records).toMatchObject([{ prefix: 'some:', reason: 'because', actor: 'cli', status: 'completed' }])
    expect(await done('history')).toMatch(/when +status +reached[\s\S]*some:\*[\s\S]*because/)
    expect(await done('history', 'show', records[0].id)).toMatch(/^completed \S+ some:\*[\s\S]*why +because/)
  })

  it('lets what waits be cancelled, once', async () => {
    const { id } = await json('invalidate', 'later', '--strategy', 'scheduled')
    expect(await done('history', '--status', 'pending')).toContain(id)
    expect(await done('cancel', id)).toMatch(/^cancelled/)
    expect((await daemon.cli('cancel', id)).code).toBe(5)
    expect((await daemon.cli('retry', 'nobody')).code).toBe(3)
  })

  it('lets what waits be carried out at once, once', async () => {
    const { id } = await json('invalidate', 'soon', '--strategy', 'scheduled')
    expect(await done('run', id)).toMatch(/^completed/)
    expect((await daemon.cli('run', id)).code).toBe(5)
    expect((await daemon.cli('run', 'nobody')).code).toBe(3)
  })
})

it('shows the numbers', async () => {
  expect(await done('stats')).toMatch(/^daemon +\d+\.\d+\.\d+, up/)
  expect(await json('stats')).toMatchObject({ daemon: { version: expect.any(String) } })
})

describe('tail', () => {
  it('shows what happens, and goes on when the daemon comes back', async () => {
    const first = await startDaemon()
    const tail = new Program(['tail', '--url', first.url, '--json'])
    await until(
      () => tail.stdout.includes('"ready"'),
      () => `not connected: ${tail.stderr}`,
    )
    await first.cli('invalidate', 'one')
    await until(
      () => tail.stdout.includes('"one"'),
      () => tail.stdout,
    )
    first.child.kill('SIGTERM')
    await first.ended
    const second = await startDaemon(['--port', new URL(first.url).port])
    await until(
      () => tail.stdout.includes('"gap"'),
      () => tail.stdout + tail.stderr,
    )
    await second.cli('invalidate', 'two')
    await until(
      () => tail.stdout.includes('"two"'),
      () => tail.stdout,
    )
    expect(tail.stderr).toContain('trying again')
    for (const line of tail.stdout.trim().split('\n')) expect(JSON.parse(line)).toHaveProperty('event')
    tail.child.kill('SIGINT')
    expect((await tail.ended).code).toBe(0)
  }, 20_000)
})

describe('what makes no sense ends with 2', () => {
  it.each([
    [['invalidate']],
    [['invalidate', 'a', '--strategy', 'sometimes']],
    [['put', 'a', '/nowhere/at/all']],
    [['put', 'a', '-', '--policy', 'nobody']],
    [['put', 'a', '-', '--ttl', 'soon']],
    [['graph', 'a', '--depth', 'deep']],
    [['stats', '--url', 'nonsense']],
    [['frobnicate']],
    [[]],
  ])('%j', async (args) => {
    const { code, stdout, stderr } = await daemon.cli(...args)
    expect([code, stdout]).toEqual([2, ''])
    expect(stderr).not.toContain('    at ')
    expect(stderr.trim()).not.toBe('')
  })
})

it('ends with 4 and one line when there is no daemon', async () => {
  const { code, stdout, stderr } = await cli(['stats', '--url', 'http://127.0.0.1:9'])
  expect([code, stdout]).toEqual([4, ''])
  expect(stderr).toMatch(/^staleproof: cannot reach the daemon at http:\/\/127\.0\.0\.1:9 .*\n$/)
})

it('gives what the daemon refused to programs as it came', async () => {
  const { stderr } = await daemon.cli('get', 'nobody', '--json')
  expect(JSON.parse(stderr)).toMatchObject({
    status: 404,
    code: 'E_API_ENTRY_ABSENT',
  })
})

it('shows no colours to what is no terminal', async () => {
  const { stdout } = await daemon.cli('stats')
  expect(stdout).not.toContain('\u001b')
})

it.each([[], ['get'], ['serve'], ['history', 'show'], ['config', 'check']])(
  'helps with %j',
  async (...command) => {
    const { code, stdout } = await cli([...command, '--help'])
    expect(code).toBe(0)
    expect(stdout).toMatch(/Usage: staleproof[\s\S]*Example:\n {2}staleproof/)
  },
)
