import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Explanation, Stats } from '../src/api/protocol.ts'
import { type Daemon, endAll, makeFolder, startDaemon, until } from './daemon.ts'

let photos: string
let daemon: Daemon

beforeAll(async () => {
  const folder = makeFolder()
  photos = join(folder, 'photos')
  mkdirSync(join(photos, 'album', 'deep'), { recursive: true })
  for (const path of ['sea.jpg', 'sky.jpg', 'old.jpg', 'album/a.jpg', 'album/deep/b.jpg']) write(path, '1')
  const yaml = {
    rules: [{ pattern: 'thumb:{photo}', dependsOn: `file:${photos}/{photo}` }],
    sources: { files: [{ path: './photos', ignore: ['*.raw'], stability: '100ms' }] },
    log: { level: 'debug' },
  }
  // JSON is YAML.
  writeFileSync(join(folder, 'a.yaml'), JSON.stringify(yaml))
  daemon = await startDaemon(['--config', join(folder, 'a.yaml')])
})
afterAll(endAll)

function write(path: string, text: string) {
  writeFileSync(join(photos, path), text)
}

const name = (path: string) => `file:${join(photos, path)}`
const from = (path: string) => `?dependsOn=${encodeURIComponent(name(path))}`

async function holds(key: string, query: string) {
  expect((await daemon.put(key, key, query)).status).toBe(201)
  expect(await daemon.statusOf(key)).toBe(200)
}

describe('what was made from a file is not served any more', () => {
  it('once the file changed, and what was made from another still is', async () => {
    await holds('sea', from('sea.jpg'))
    await holds('sky', from('sky.jpg'))
    write('sea.jpg', 'changed')
    await daemon.gone('sea')
    expect(await daemon.statusOf('sky')).toBe(200)
    const { went } = (await (await daemon.fetch('/v1/explain/sea')).json()) as Explanation
    expect(went).toMatchObject({ why: 'invalidated', because: name('sea.jpg') })
    const record = await (await daemon.fetch(`/v1/invalidations/${went?.by}`)).json()
    expect(record).toMatchObject({ reason: 'files: changed', actor: 'source:files', strategy: 'immediate' })
  })

  it('by way of a rule', async () => {
    await holds('thumb:sky.jpg', '')
    write('sky.jpg', 'changed')
    await daemon.gone('thumb:sky.jpg')
  })

  it('once the file was removed, or has another name', async () => {
    await holds('made', from('old.jpg'))
    renameSync(join(photos, 'old.jpg'), join(photos, 'new.jpg'))
    await daemon.gone('made')
    await holds('made', from('new.jpg'))
    rmSync(join(photos, 'new.jpg'))
    await daemon.gone('made')
  })

  it('once its folder was removed, with all that was in it', async () => {
    await holds('a', from('album/a.jpg'))
    await holds('b', from('album/deep/b.jpg'))
    await holds('list', `?dependsOn=${encodeURIComponent(`dir:${photos}/album`)}`)
    rmSync(join(photos, 'album'), { recursive: true })
    await daemon.gone('a')
    await daemon.gone('b')
    await daemon.gone('list')
  })

  it('once a folder of it came into being', async () => {
    await holds('early', from('new/deep/c.jpg'))
    mkdirSync(join(photos, 'new', 'deep'), { recursive: true })
    write('new/deep/c.jpg', '1')
    await daemon.gone('early')
  })
})

async function invalidationsSoFar(): Promise<number> {
  return ((await (await daemon.fetch('/v1/stats')).json()) as Stats).invalidations
}

it('takes thousands of files in few invalidations, and misses none', async () => {
  const count = 3000
  const before = await invalidationsSoFar()
  const follow = await eventsOf()
  mkdirSync(join(photos, 'many'))
  for (let n = 0; n < count; n++) write(`many/${n}.jpg`, String(n))
  const expected = Array.from({ length: count }, (_, n) => name(`many/${n}.jpg`))
  await until(
    () => expected.every((one) => follow.names.has(one)),
    () => `${follow.names.size} of ${count} names`,
  )
  const after = await invalidationsSoFar()
  // One each 50 ms at most, and a slow disk takes seconds to make so many files.
  expect(after - before).toBeLessThan(count / 10)
}, 30_000)

it('leaves out what it was told to, and what editors leave', async () => {
  const follow = await eventsOf()
  write('x.raw', '1')
  write('x.part', '1')
  write('x.jpg', '1')
  await until(
    () => follow.names.has(name('x.jpg')),
    () => 'x.jpg was not told',
  )
  expect([...follow.names].filter((one) => /x\.(raw|part)$/.test(one))).toEqual([])
})

/** The names of all invalidations from now on. */
async function eventsOf(): Promise<{ names: Set<string> }> {
  const names = new Set<string>()
  const { body } = await daemon.fetch('/v1/events')
  const read = async () => {
    let text = ''
    for await (const chunk of body?.pipeThrough(new TextDecoderStream()) ?? []) {
      text += chunk
      const events = text.split('\n\n')
      text = events.pop() ?? ''
      for (const event of events) {
        const data = /^data: (.*)$/m.exec(event)?.[1] ?? '{}'
        for (const one of JSON.parse(data).names ?? []) names.add(one)
      }
    }
  }
  // The stream ends with the daemon.
  read().catch(() => {})
  return { names }
}
