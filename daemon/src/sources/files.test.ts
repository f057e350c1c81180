import {
  mkdirSync,
  mkdtempSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  watch,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import { systemClock } from 'staleproof'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { WatchedFolder } from '../config/schema.ts'
import type { Change, Kind } from './contract.ts'
import { FilesSource, type FilesOptions } from './files.ts'

let root: string
let changes: Change[]
let source: FilesSource

beforeEach(() => {
  root = realpathSync(mkdtempSync(join(tmpdir(), 'staleproof-files-')))
  changes = []
})
afterEach(async () => {
  await source.stop()
  rmSync(root, { recursive: true, force: true })
})

async function start(folder: Partial<WatchedFolder> = {}, options: Partial<FilesOptions> = {}) {
  source = new FilesSource({
    folder: { path: root, ignore: [], stability: 100, polling: false, ...folder },
    clock: systemClock(),
    log: pino({ level: 'silent' }),
    ...options,
  })
  await source.start((change) => changes.push(change))
}

const at = (...steps: string[]) => join(root, ...steps)
const reported = (kind: Kind) =>
  changes.filter((change) => change.kind === kind).flatMap(({ names }) => names)
const until = (check: () => void) => vi.waitFor(check, { timeout: 8000, interval: 20 })

describe('reports', () => {
  it('a new file, its change and its removal, under its own name and that of its folder', async () => {
    await start()
    for (const [kind, act] of [
      ['created', () => writeFileSync(at('a.jpg'), '1')],
      ['changed', () => writeFileSync(at('a.jpg'), '22')],
      ['removed', () => rmSync(at('a.jpg'))],
    ] as const) {
      act()
      await until(() => expect(reported(kind)).toEqual([`file:${at('a.jpg')}`, `dir:${root}`]))
    }
    expect(source.status()).toMatchObject({ state: 'watching', problem: null, changes: 3 })
  })

  it('a rename as a removal and a creation', async () => {
    writeFileSync(at('a'), '1')
    await start()
    renameSync(at('a'), at('b'))
    await until(() => expect(reported('removed')).toContain(`file:${at('a')}`))
    await until(() => expect(reported('created')).toContain(`file:${at('b')}`))
  })

  it('a file that was replaced by another, each time', async () => {
    writeFileSync(at('a'), '0')
    await start()
    for (let n = 1; n <= 5; n++) {
      writeFileSync(at('a.tmp'), String(n))
      renameSync(at('a.tmp'), at('a'))
      await until(() =>
        expect(reported('changed').filter((name) => name === `file:${at('a')}`)).toHaveLength(n),
      )
    }
    expect(reported('created')).toEqual([])
  })

  it('all files of a new folder, however deep', async () => {
    await start()
    mkdirSync(at('x', 'y', 'z'), { recursive: true })
    const paths = Array.from({ length: 300 }, (_, n) => at(...['x', 'y', 'z'].slice(0, 1 + (n % 3)), `f${n}`))
    for (const path of paths) writeFileSync(path, 'x')
    await until(() =>
      expect(reported('created')).toEqual(expect.arrayContaining(paths.map((path) => `file:${path}`))),
    )
    expect(reported('created')).toContain(`dir:${at('x', 'y')}`)
  })

  it('everything that was in a removed folder', async () => {
    mkdirSync(at('x', 'y'), { recursive: true })
    writeFileSync(at('x', 'a'), '1')
    writeFileSync(at('x', 'y', 'b'), '1')
    await start()
    rmSync(at('x'), { recursive: true })
    const gone = [
      `file:${at('x', 'a')}`,
      `file:${at('x', 'y', 'b')}`,
      `dir:${at('x', 'y')}`,
      `dir:${at('x')}`,
    ]
    await until(() => expect(reported('removed')).toEqual(expect.arrayContaining(gone)))
  })

  it('everything under the old and the new name of a renamed folder', async () => {
    mkdirSync(at('x'))
    writeFileSync(at('x', 'a'), '1')
    await start()
    renameSync(at('x'), at('y'))
    await until(() => expect(reported('removed')).toContain(`file:${at('x', 'a')}`))
    await until(() => expect(reported('created')).toContain(`file:${at('y', 'a')}`))
  })

  it('a folder in place of a file', async () => {
    writeFileSync(at('a'), '1')
    await start()
    rmSync(at('a'))
    mkdirSync(at('a'))
    await until(() => expect(reported('created')).toContain(`dir:${at('a')}`))
    expect(reported('removed')).toContain(`file:${at('a')}`)
    writeFileSync(at('a', 'b'), '1')
    await until(() => expect(reported('created')).toContain(`file:${at('a', 'b')}`))
  })

  it('a write that set the time of modification back', async () => {
    writeFileSync(at('a'), '1')
    utimesSync(at('a'), 1, 1)
    await start()
    writeFileSync(at('a'), '2')
    utimesSync(at('a'), 1, 1)
    await until(() => expect(reported('changed')).toContain(`file:${at('a')}`))
  })

  it('what is in a folder that took the place of another at once', async () => {
    mkdirSync(at('x', 'y'), { recursive: true })
    writeFileSync(at('x', 'y', 'a'), '1')
    await start()
    rmSync(at('x'), { recursive: true })
    mkdirSync(at('x', 'y'), { recursive: true })
    writeFileSync(at('x', 'y', 'a'), '1')
    await until(() => expect(reported('changed')).toContain(`file:${at('x', 'y', 'a')}`))
    changes = []
    writeFileSync(at('x', 'y', 'a'), '2')
    await until(() => expect(reported('changed')).toContain(`file:${at('x', 'y', 'a')}`))
  })

  it('a file that came and went', async () => {
    await start()
    writeFileSync(at('a'), '1')
    rmSync(at('a'))
    await until(() => expect(reported('removed')).toContain(`file:${at('a')}`))
  })

  it('real paths, when the folder is named by a link', async () => {
    mkdirSync(at('real'))
    symlinkSync(at('real'), at('link'))
    await start({ path: at('link') })
    writeFileSync(at('real', 'a'), '1')
    await until(() => expect(reported('created')).toContain(`file:${at('real', 'a')}`))
  })

  it('changes that polling finds', async () => {
    writeFileSync(at('a'), '1')
    await start({ polling: 50 })
    writeFileSync(at('a'), '22')
    await until(() => expect(reported('changed')).toContain(`file:${at('a')}`))
  })
})

describe('does not report', () => {
  it('what was there at the start, nor what is left out', async () => {
    writeFileSync(at('old'), '1')
    await start({ ignore: ['*.raw'] })
    writeFileSync(at('a.raw'), '1')
    writeFileSync(at('b.part'), '1')
    writeFileSync(at('c'), '1')
    await until(() => expect(reported('created')).toContain(`file:${at('c')}`))
    expect(new Set(changes.flatMap(({ names }) => names))).toEqual(
      new Set([`file:${at('c')}`, `dir:${root}`]),
    )
  })
})

describe('a folder that cannot be watched', () => {
  it.each([
    ['missing', 'E_SOURCE_FOLDER_MISSING', () => at('nowhere')],
    ['a file', 'E_SOURCE_FOLDER_UNREADABLE', () => at('file')],
  ])('is named when it is %s', async (_, code, path) => {
    writeFileSync(at('file'), '1')
    await expect(start({ path: path() })).rejects.toMatchObject({
      code,
      message: expect.stringContaining(path()),
    })
  })

  it('says what to do when the system will not watch more', async () => {
    const refuse = () => {
      throw Object.assign(new Error('no space'), { code: 'ENOSPC' })
    }
    await expect(start({}, { watch: refuse })).rejects.toMatchObject({
      code: 'E_SOURCE_WATCH_LIMIT',
      message: expect.stringMatching(/max_user_watches.*polling: true/),
    })
  })

  it('is degraded when the system will not watch what comes later', async () => {
    let allowed = 1
    const limited = (...args: Parameters<typeof watch>) => {
      if (allowed-- <= 0) throw Object.assign(new Error('no space'), { code: 'ENOSPC' })
      return watch(...args)
    }
    await start({}, { watch: limited as typeof watch })
    mkdirSync(at('more'))
    await until(() =>
      expect(source.status()).toMatchObject({
        state: 'degraded',
        problem: expect.stringContaining(at('more')),
      }),
    )
  })
})

describe('a folder that vanishes', () => {
  it('is reported by prefix, waited for, and watched again', async () => {
    const path = at('photos')
    mkdirSync(path)
    writeFileSync(at('photos', 'a'), '1')
    await start({ path })
    rmSync(path, { recursive: true })
    await until(() =>
      expect(source.status()).toMatchObject({ state: 'waiting', problem: expect.stringContaining(path) }),
    )
    expect(changes).toContainEqual({ kind: 'removed', names: [`dir:${path}`], prefix: `file:${path}/` })
    mkdirSync(path)
    await until(() => expect(source.status().state).toBe('watching'))
    expect(changes).toContainEqual({ kind: 'created', names: [`dir:${path}`], prefix: `file:${path}/` })
    writeFileSync(at('photos', 'b'), '1')
    await until(() => expect(reported('created')).toContain(`file:${at('photos', 'b')}`))
  })

  it('is noticed when another takes its place at once', async () => {
    const path = at('photos')
    mkdirSync(path)
    await start({ path })
    renameSync(path, at('photos.old'))
    mkdirSync(path)
    await until(() => expect(changes.filter(({ prefix }) => prefix === `file:${path}/`)).toHaveLength(2))
    writeFileSync(at('photos', 'b'), '1')
    await until(() => expect(reported('created')).toContain(`file:${at('photos', 'b')}`))
  })
})
