import { cpSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { HistoryPage, Invalidation, Stats } from '../src/api/protocol.ts'
import { Daemon, endAll, makeFolder, startDaemon } from './daemon.ts'

let folder: string
let data: string
let photos: string
beforeEach(() => {
  folder = makeFolder()
  data = join(folder, 'data')
  photos = join(folder, 'photos')
  mkdirSync(join(photos, 'album'), { recursive: true })
})
afterEach(endAll)

const signals = ['SIGTERM', 'SIGKILL'] as const

const start = (...args: string[]) => startDaemon(['--data', data, ...args])
const startWatching = () => start('--watch', photos, '--log-level', 'debug')

/** What was stored is written soon after; who is killed before has not kept it. */
async function written(daemon: Daemon, entries: number): Promise<void> {
  await vi.waitFor(
    async () =>
      expect((await read<Stats>(daemon, '/v1/stats')).disk?.usage.entries).toBeGreaterThanOrEqual(entries),
    { timeout: 8000, interval: 10 },
  )
}

async function end(daemon: Daemon, signal: NodeJS.Signals): Promise<void> {
  daemon.child.kill(signal)
  await daemon.ended
}

async function invalidate(daemon: Daemon, body: object): Promise<Invalidation> {
  const headers = { 'Content-Type': 'application/json' }
  const answer = await daemon.fetch('/v1/invalidations', {
    method: 'POST',
    headers,
    body: JSON.stringify(body),
  })
  return (await answer.json()) as Invalidation
}

async function read<T>(daemon: Daemon, path: string): Promise<T> {
  return (await (await daemon.fetch(path)).json()) as T
}

describe.each(signals)('after %s', (signal) => {
  it('what was stored is there, as old as it is, and what was invalidated is not', async () => {
    const first = await start()
    await first.put('kept', 'the bytes', '?tag=some')
    await first.put('gone', 'the bytes', '?tag=others')
    await written(first, 2)
    const before = await first.fetch('/v1/entries/kept')
    await first.cli('invalidate', 'others')
    await end(first, signal)
    const second = await start()
    const after = await second.fetch('/v1/entries/kept')
    expect(await after.text()).toBe('the bytes')
    expect(after.headers.get('ETag')).toBe(before.headers.get('ETag'))
    const { ageMs, state } = await read<{ ageMs: number; state: string }>(second, '/v1/explain/kept')
    // Ending and starting takes longer than that.
    expect([state, ageMs > 100]).toEqual(['fresh', true])
    expect(await second.statusOf('gone')).toBe(404)
  })

  it.each([
    ['good if nothing was invalidated', [], 201],
    ['not good if what it is for was', ['source'], 409],
  ])('a token of before is %s', async (_, names, status) => {
    const first = await start()
    const token = (await first.fetch('/v1/entries/a')).headers.get('Staleproof-Token') ?? ''
    for (const name of names) await first.cli('invalidate', name)
    await end(first, signal)
    const second = await start()
    const headers = { 'Staleproof-Since': token }
    const stored = await second.fetch('/v1/entries/a?dependsOn=source', { method: 'PUT', body: 'a', headers })
    expect(stored.status).toBe(status)
  })

  it('history, queue, links and rules are there', async () => {
    const first = await start()
    const done = await invalidate(first, { names: ['a'], reason: 'edited' })
    const queued = await invalidate(first, { names: ['b'], strategy: 'scheduled' })
    await first.cli('link', 'album', 'photo')
    await first.cli('rule', 'thumb:{x}', 'file:{x}')
    await end(first, signal)
    const second = await start()
    const { records } = await read<HistoryPage>(second, '/v1/invalidations')
    expect(records).toMatchObject([
      { id: queued.id, status: 'pending' },
      { id: done.id, status: 'completed', reason: 'edited' },
    ])
    expect((await read<Stats>(second, '/v1/stats')).queue.pending).toBe(1)
    await second.put('page', '1', '?dependsOn=album')
    await second.put('thumb:x', '1')
    await second.cli('invalidate', 'photo', 'file:x')
    expect([await second.statusOf('page'), await second.statusOf('thumb:x')]).toEqual([404, 404])
  })

  it('a client that resumes is told that it missed events', async () => {
    const first = await start()
    const { body } = await first.fetch('/v1/events')
    const [line] = await firstLines(body, /id: (\S+)/)
    await end(first, signal)
    const second = await start()
    const stream = await second.fetch('/v1/events', { headers: { 'Last-Event-ID': line ?? '' } })
    const [reason] = await firstLines(stream.body, /"reason":"([^"]+)"/)
    expect(reason).toBe('other-start')
  })

  it('what was made from a file is served only if the file is as it was', async () => {
    for (const name of ['same', 'changed', 'removed', 'moved', 'album/same', 'album/changed'])
      write(name, '1')
    const first = await startWatching()
    for (const name of ['same', 'changed', 'removed', 'moved', 'album/same', 'album/changed', 'created']) {
      await first.put(name, name, `?dependsOn=file:${photos}/${name}`)
    }
    await first.put('list', '1', `?dependsOn=dir:${photos}`)
    await first.put('list of album', '1', `?dependsOn=dir:${photos}/album`)
    await first.put('list of new', '1', `?dependsOn=dir:${photos}/new`)
    await first.put('other', '1', '?dependsOn=file:/elsewhere')
    await written(first, 11)
    await end(first, signal)
    write('changed', '2')
    write('album/changed', '2')
    rmSync(join(photos, 'removed'))
    renameSync(join(photos, 'moved'), join(photos, 'created'))
    mkdirSync(join(photos, 'new'))
    const second = await startWatching()
    const held = async (...names: string[]) => Promise.all(names.map((name) => second.statusOf(name)))
    expect(await held('same', 'album/same', 'other')).toEqual([200, 200, 200])
    expect(await held('changed', 'album/changed', 'removed', 'moved', 'created')).toEqual([
      404, 404, 404, 404, 404,
    ])
    expect(await held('list', 'list of album', 'list of new')).toEqual([404, 404, 404])
  })

  it('a change that was told of is not told of again', async () => {
    write('a', '1')
    const first = await startWatching()
    await first.put('early', '1', `?dependsOn=file:${photos}/a`)
    write('a', '2')
    write('album/b', '1')
    await first.gone('early')
    for (const kind of ['changed', 'created']) await first.logged('changes delivered', `"kind":"${kind}"`)
    await first.put('late', '1', `?dependsOn=file:${photos}/a`)
    await first.put('list', '1', `?dependsOn=dir:${photos}/album`)
    await written(first, 2)
    await end(first, signal)
    const second = await startWatching()
    expect([await second.statusOf('late'), await second.statusOf('list')]).toEqual([200, 200])
  })
})

it('serves nothing of before to whoever asks while it starts', async () => {
  const names = Array.from({ length: 3000 }, (_, n) => `f${n}`)
  for (const name of names) write(name, '1')
  const first = await startWatching()
  await first.put('last', '1', `?dependsOn=file:${photos}/${names.at(-1)}`)
  await written(first, 1)
  await end(first, 'SIGKILL')
  for (const name of names) write(name, '2')
  const { port } = new URL(first.url)
  const second = new Daemon(['--data', data, '--watch', photos, '--port', port])
  const seen = new Set<number>()
  const readiness = new AbortController()
  const asking = (async () => {
    while (!readiness.signal.aborted)
      seen.add(await fetch(`${first.url}/v1/entries/last`).then(({ status }) => status, unreached))
  })()
  await second.ready()
  readiness.abort()
  await asking
  expect([...seen].filter((status) => ![0, 404, 503].includes(status))).toEqual([])
  expect(await second.statusOf('last')).toBe(404)
})

/** Nobody listens yet. */
const unreached = () => setTimeout(1, 0)

describe('if it is not known how a folder looked', () => {
  it.each([
    ['because it was not watched', []],
    ['because other files were left out', ['*.raw']],
  ])('%s, nothing that was made from it is served', async (_, ignore) => {
    write('a', '1')
    const file = join(folder, 'a.yaml')
    const files = ignore.length === 0 ? [] : [{ path: photos, ignore }]
    writeFileSync(file, JSON.stringify({ sources: { files } }))
    const first = await start('--config', file)
    await first.put('a', '1', `?dependsOn=file:${photos}/a`)
    await first.put('list', '1', `?dependsOn=dir:${photos}/album`)
    await first.put('other', '1', '?dependsOn=file:/elsewhere')
    await end(first, 'SIGTERM')
    const second = await startWatching()
    expect(await Promise.all(['a', 'list', 'other'].map((key) => second.statusOf(key)))).toEqual([
      404, 404, 200,
    ])
  })

  it('because it was lost, or damaged, the same', async () => {
    for (const harm of ['lost', 'damaged'] as const) {
      write('a', harm)
      const first = await startWatching()
      await first.put('a', '1', `?dependsOn=file:${photos}/a`)
      await end(first, 'SIGTERM')
      for (const name of readdirSync(join(data, 'looks'))) {
        if (harm === 'lost') rmSync(join(data, 'looks', name))
        else writeFileSync(join(data, 'looks', name), 'garbage\n')
      }
      const second = await startWatching()
      expect(await second.statusOf('a')).toBe(404)
      await end(second, 'SIGTERM')
    }
  })

  it('because what was kept is newer than the log, the same', async () => {
    write('a', '1')
    const first = await startWatching()
    await first.put('a', '1', `?dependsOn=file:${photos}/a`)
    await end(first, 'SIGTERM')
    const backup = join(folder, 'backup')
    renameSync(data, backup)
    // The log that went on is lost; an older copy of the directory is put in its place, but for the looks.
    cpSync(backup, data, { recursive: true })
    const second = await startWatching()
    await second.cli('invalidate', 'anything')
    write('a', '2')
    await second.gone('a')
    await second.logged('changes delivered')
    await end(second, 'SIGTERM')
    cpSync(join(data, 'looks'), join(backup, 'looks'), { recursive: true, force: true })
    rmSync(data, { recursive: true })
    renameSync(backup, data)
    const third = await startWatching()
    expect(await third.statusOf('a')).toBe(404)
  })
})

it('takes in without end neither its own files nor its own log', async () => {
  const daemon = await startDaemon([
    '--data',
    join(photos, 'data'),
    '--watch',
    photos,
    '--log-file',
    join(photos, 'log'),
  ])
  await daemon.put('a', '1')
  write('b', '1')
  await daemon.put('b', '1', `?dependsOn=file:${photos}/b`)
  const { records } = await read<HistoryPage>(daemon, '/v1/invalidations?actor=source:files')
  expect(records.flatMap(({ names }) => names).filter((name) => /data|log/.test(name))).toEqual([])
})

it('leaves the directory clean when it is told to stop', async () => {
  const daemon = await start()
  await daemon.put('a', '1')
  expect(readdirSync(join(data, 'nodes'))).toHaveLength(1)
  await end(daemon, 'SIGTERM')
  expect(readdirSync(join(data, 'nodes'))).toEqual([])
})

it('keeps nothing with --no-data', async () => {
  const first = await start('--no-data')
  await first.put('a', '1')
  expect((await read<Stats>(first, '/v1/stats')).disk).toBeNull()
  await end(first, 'SIGTERM')
  expect(existsSync(data)).toBe(false)
})

function write(name: string, text: string): void {
  writeFileSync(join(photos, name), text)
}

/** What the pattern finds in a stream, up to the first event that has it. */
async function firstLines(body: ReadableStream<Uint8Array> | null, pattern: RegExp): Promise<string[]> {
  let text = ''
  const reader = body?.pipeThrough(new TextDecoderStream()).getReader()
  while (!pattern.test(text)) {
    const { value, done } = (await reader?.read()) ?? { done: true, value: undefined }
    if (done) throw new Error(`the stream ended with: ${text}`)
    text += value
  }
  reader?.releaseLock()
  return [pattern.exec(text)?.[1] ?? '']
}
