import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { directory, nodeId } from '../../tests/directories.ts'
import { check } from './check.ts'
import { makeReady, refuseNetwork, usable } from './directory.ts'
import { Environment } from './environment.ts'

const nowMs = Date.now()

/** A directory with some thousand rows in it. */
async function filled(): Promise<string> {
  const path = directory()
  const environment = new Environment({ path, nowMs })
  const rows = environment.table<number>('rows', 'numbers')
  await environment.transact(() => {
    for (let i = 0; i < 3000; i++) void rows.put(i, Buffer.alloc(200, i))
  })
  await environment.flush()
  await environment.close()
  return path
}

function contentsOf(path: string) {
  const isFile = (name: string) => statSync(join(path, name)).isFile()
  return readdirSync(path).map((name) => [name, isFile(name) && readFileSync(join(path, name), 'latin1')])
}

const cannotBeUsed: readonly (readonly [why: string, code: string, make: (path: string) => string])[] = [
  ['a file', 'E_DISK_PATH', (path) => (writeFileSync(join(path, 'file'), ''), join(path, 'file'))],
  [
    'below a file',
    'E_DISK_PATH',
    (path) => (writeFileSync(join(path, 'file'), ''), join(path, 'file', 'sub')),
  ],
  ['where nothing can be made', 'E_DISK_PATH', () => '/proc/staleproof/cache'],
  ['of another program', 'E_DISK_FORMAT', (path) => (writeFileSync(join(path, 'data.mdb'), 'x'), path)],
  [
    'of a later version',
    'E_DISK_FORMAT',
    (path) => (writeFileSync(join(path, 'format'), 'staleproof 99\n'), path),
  ],
  ['with a garbled format', 'E_DISK_FORMAT', (path) => (writeFileSync(join(path, 'format'), '\0\0'), path)],
  ['with a folder in its place', 'E_DISK_FORMAT', (path) => (mkdirSync(join(path, 'format')), path)],
]

const folders = ['nodes', 'crashes', 'values', 'damaged', 'repairing', 'gate', 'writers', 'format.new']
const files = ['data.mdb', 'lock.mdb', 'tail', 'turns', 'gate', 'writers', 'format.new']
const ownOfSomebody = [
  ...folders.map((name) => [`a folder ${name}`, name, join(name, 'of-mine.js')] as const),
  ...files.map((name) => [`a file ${name}`, name, name] as const),
]

describe('a directory of somebody else', () => {
  it.each(ownOfSomebody)('with %s is refused by name, and left as it was', (_what, name, file) => {
    const path = directory()
    mkdirSync(dirname(join(path, file)), { recursive: true })
    writeFileSync(join(path, file), 'my notes')
    const open = () => new Environment({ path, nowMs })
    expect(open).toThrow(
      expect.objectContaining({ code: 'E_DISK_FORMAT', message: expect.stringContaining(name) }),
    )
    expect([readdirSync(path), readFileSync(join(path, file), 'utf8')]).toEqual([[name], 'my notes'])
  })

  it('is opened if none of its names is one of ours, and what is in it stays', async () => {
    const path = directory()
    writeFileSync(join(path, 'package.json'), '{}')
    await new Environment({ path, nowMs }).close()
    expect(readFileSync(join(path, 'package.json'), 'utf8')).toBe('{}')
  })
})

it.each(['', 'stale', 'staleproof 1\n'])(
  'a directory whose first opening was ended when it had written %j is opened',
  async (written) => {
    const path = directory()
    for (const name of ['gate', 'writers']) writeFileSync(join(path, name), '')
    writeFileSync(join(path, 'format.new'), written)
    await new Environment({ path, nowMs }).close()
    expect(readFileSync(join(path, 'format'), 'utf8')).toBe('staleproof 1\n')
  },
)

describe('a directory that cannot be used', () => {
  it.each(cannotBeUsed)('%s is refused with %s, and left as it was', (_why, code, make) => {
    const path = directory()
    const bad = make(path)
    const before = contentsOf(path)
    expect(() => usable(bad)).toThrow(
      expect.objectContaining({ code, message: expect.stringContaining(bad) }),
    )
    expect(contentsOf(path)).toEqual(before)
  })

  // Whoever is root may write everywhere.
  it.skipIf(process.getuid?.() === 0)('is refused if it cannot be written', async () => {
    const path = await filled()
    chmodSync(join(path, 'format'), 0o444)
    expect(() => usable(path)).toThrow(expect.objectContaining({ code: 'E_DISK_READONLY' }))
  })

  it('is refused on a read-only file system', () => {
    const path = '/sys/kernel/staleproof'
    expect(() => usable(path)).toThrow(expect.objectContaining({ code: 'E_DISK_READONLY' }))
  })

  it('is refused on a network file system', () => {
    for (const type of [0x6969, 0xff534d42, -11_317_950]) {
      const refuse = () => refuseNetwork('/mnt/nas', type)
      expect(refuse).toThrow(expect.objectContaining({ code: 'E_DISK_NETWORK' }))
    }
    expect(() => refuseNetwork('/home', 0xef53)).not.toThrow()
  })
})

it('a directory may have a dot in its name', async () => {
  const path = join(directory(), 'cache.d')
  await new Environment({ path, nowMs }).close()
  expect(readdirSync(path)).toContain('data.mdb')
})

describe('a directory that is damaged', () => {
  it('is put aside whole if its file was cut, wherever that was', async () => {
    const path = await filled()
    const { size } = statSync(join(path, 'data.mdb'))
    const parts = [0.1, 0.35, 0.6, 0.9].map((part) => Math.floor(size * part))
    // Within the first of the two pages that say how long it should be, and within the second.
    for (const bytes of [1, 24, 167, 168, 4096, 4263, 4264, ...parts]) {
      const copy = directory()
      cpSync(path, copy, { recursive: true })
      truncateSync(join(copy, 'data.mdb'), bytes)
      expect(makeReady(copy, nowMs)).toMatch(/ended by SIG|cannot be read/)
      expect(readdirSync(join(copy, 'damaged', '1')).sort()).toEqual(['data.mdb', 'lock.mdb', 'why.txt'])
      expect(existsSync(join(copy, 'data.mdb'))).toBe(false)
      await new Environment({ path: copy, nowMs }).close()
    }
  })

  it('is looked through after crashes in a row, and put aside if that shows why', async () => {
    const path = await filled()
    const file = join(path, 'data.mdb')
    const bytes = readFileSync(file)
    bytes.fill(0xab, 4 * 4096, 60 * 4096)
    writeFileSync(file, bytes)
    mkdirSync(join(path, 'nodes'), { recursive: true })
    for (const id of ['a', 'b']) writeFileSync(join(path, 'nodes', nodeId(id)), '')
    expect(makeReady(path, nowMs)).toBeUndefined()
    writeFileSync(join(path, 'nodes', nodeId('c')), '')
    expect(makeReady(path, nowMs)).toMatch(/ended by SIG|cannot be read/)
  })

  it('is put aside at once if the log cannot be read: what was invalidated would be served', async () => {
    const path = directory()
    const environment = new Environment({ path, nowMs })
    const tables = ['entries', 'log'].map((name) => environment.table<number>(name, 'numbers'))
    for (const [i, rows] of tables.entries()) {
      await environment.transact(() => void rows.put(1, Buffer.from(`the row of table ${i}`)))
    }
    await environment.close()
    const file = join(path, 'data.mdb')
    const bytes = readFileSync(file)
    const spoil = (text: string) => {
      const spoiled = Buffer.from(bytes)
      for (let at = bytes.indexOf(text); at >= 0; at = bytes.indexOf(text, at + 1))
        spoiled.fill(0xab, at - (at % 4096), at - (at % 4096) + 4096)
      writeFileSync(file, spoiled)
      return makeReady(path, nowMs)
    }
    expect(spoil('the row of table 0')).toBeUndefined()
    expect(spoil('the row of table 1')).toMatch(/page \d+ has another number/)
    expect(readdirSync(join(path, 'damaged', '1'))).toContain('data.mdb')
  })

  it('is not put aside if it is in order, however many crashed', async () => {
    const path = await filled()
    expect(check(path)).toBeUndefined()
    mkdirSync(join(path, 'nodes'), { recursive: true })
    for (let i = 0; i < 5; i++) writeFileSync(join(path, 'nodes', nodeId(`${i}`)), '')
    expect(makeReady(path, nowMs)).toBeUndefined()
  })
})
