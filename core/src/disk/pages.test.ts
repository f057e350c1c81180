import { closeSync, openSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { directory } from '../../tests/directories.ts'
import { Environment } from './environment.ts'
import { newestMeta, type Meta } from './meta.ts'
import { wrongPage } from './pages.ts'

const nowMs = Date.now()
const pageBytes = 4096
const name = 'data.mdb'

function opened(path: string) {
  const environment = new Environment({ path, nowMs })
  return { environment, rows: environment.table<number>('rows', 'numbers') }
}

function metaOf(path: string): Meta {
  const file = openSync(join(path, name), 'r')
  const meta = newestMeta(file) as Meta
  closeSync(file)
  return meta
}

// Where the system does not tell which start of the machine it is, nothing is told of pages.
describe.runIf(process.platform === 'linux')('pages', () => {
  let path = ''
  let copy = ''
  let whole = Buffer.alloc(0)
  let inUse = 0

  beforeAll(async () => {
    path = directory()
    const { environment, rows } = opened(path)
    const more = environment.table<number>('more', 'numbers')
    for (let round = 0; round < 12; round++) {
      await environment.transact(() => {
        for (let i = 0; i < 200; i++) void rows.put(i * 12 + round, Buffer.alloc(60, i))
        for (let i = 0; i < 40; i++) void more.put(i, Buffer.alloc(200, round))
      })
    }
    const trees = [rows, more].map((table) => table.getStats() as unknown as Record<string, number>)
    const pages = trees.flatMap((tree) => [tree.treeBranchPageCount, tree.treeLeafPageCount])
    inUse = pages.reduce<number>((sum, count) => sum + (count ?? 0), 0)
    await environment.close()
    copy = directory()
    whole = readFileSync(join(path, name))
    const { free, tables } = metaOf(path)
    for (const { branches, leaves } of [free, tables]) inUse += branches + leaves
  })

  it('of a file that is in order are in order, whatever was written and removed', async () => {
    const place = directory()
    let dice = 7
    const below = (n: number) => {
      dice = (dice * 1_103_515_245 + 12_345) % 2 ** 31
      return Math.floor((dice / 2 ** 31) * n)
    }
    for (let round = 0; round < 25; round++) {
      const { environment, rows } = opened(place)
      for (let i = 0; i < 4; i++) {
        await environment.transact(() => {
          for (let j = 0; j < 60; j++) {
            const key = below(500)
            if (below(3) === 0) void rows.remove(key)
            else void rows.put(key, Buffer.alloc(below(below(20) === 0 ? 60_000 : 500), key))
          }
        })
      }
      await environment.close()
      expect(wrongPage(place)).toBeUndefined()
    }
    expect(metaOf(place).free.rows).toBeGreaterThan(0)
  })

  const bad: readonly (readonly [what: string, bytes: (data: Buffer, page: number) => Buffer])[] = [
    ['garbage', () => Buffer.alloc(pageBytes, 0xab)],
    ['zeros', () => Buffer.alloc(pageBytes)],
    [
      'what belongs to another',
      (data, page) => {
        const other = page === 2 ? 3 : page - 1
        return data.subarray(other * pageBytes, (other + 1) * pageBytes)
      },
    ],
    [
      'its own head, and garbage',
      (data, page) => {
        const own = Buffer.from(data.subarray(page * pageBytes, (page + 1) * pageBytes))
        return own.fill(0xab, 24)
      },
    ],
  ]

  /** What is found in a copy that is no more than that file, with some bytes of its own. */
  function wrongWith(at: number, bytes: Buffer): string | undefined {
    const data = Buffer.from(whole)
    bytes.copy(data, at)
    writeFileSync(join(copy, name), data)
    return wrongPage(copy)
  }

  it.each(bad)('that are in use are found to hold %s, each of them', (_what, bytes) => {
    const pages = Array.from({ length: whole.length / pageBytes - 2 }, (_, i) => i + 2)
    const found = pages.filter(
      (page) => wrongWith(page * pageBytes, bytes(whole, page).subarray(0, pageBytes)) !== undefined,
    )
    expect(found).toHaveLength(inUse)
    expect(inUse).toBeGreaterThan(40)
    expect(inUse).toBeLessThan(pages.length)
  })

  it('that are said to be free, and are in use, are found', () => {
    const { free, tables } = metaOf(path)
    // What was put in first stands at the end.
    const number = Buffer.alloc(8)
    number.writeBigUInt64LE(BigInt(tables.root as number))
    expect(wrongWith(((free.root as number) + 1) * pageBytes - 8, number)).toMatch(/is in use, and free/)
  })

  it('that differ by little are found', () => {
    const { tables } = metaOf(path)
    const at = (tables.root as number) * pageBytes
    const head = (offset: number, value: number) => {
      const bytes = Buffer.from(whole.subarray(at, at + pageBytes))
      bytes.writeUInt16LE(value, offset)
      return bytes
    }
    const swapped = Buffer.from(whole.subarray(at, at + pageBytes))
    swapped.copy(swapped, 24, 26, 28)
    whole.copy(swapped, 26, at + 24, at + 26)
    expect(wrongWith(at, swapped)).toMatch(/not in order/)
    expect(wrongWith(at, head(0, 1))).toMatch(/another number/)
    expect(wrongWith(at, head(18, 4))).toMatch(/not the form/)
    expect(wrongWith(at, head(20, 2))).toMatch(/1 rows are there, and 2 should be/)
    expect(wrongWith(at, head(24, 0))).toMatch(/node 0/)
  })

  it('of no size that there is are found', () => {
    const sizes = Buffer.from(whole.subarray(0, pageBytes + 52))
    for (const at of [48, pageBytes + 48]) sizes.writeUInt32LE(0x7fffffff, at)
    expect(wrongWith(0, sizes)).toMatch(/pages of/)
  })

  it('are not told of if LMDB may go back to an older state: after a start of the machine', () => {
    const boots = Buffer.from(whole.subarray(0, 2 * pageBytes))
    for (const at of [160, pageBytes + 160]) boots.writeUInt32LE(1, at)
    const lost = Buffer.alloc(whole.length - 2 * pageBytes)
    expect(wrongWith(2 * pageBytes, lost)).toBeDefined()
    expect(wrongWith(0, Buffer.concat([boots, lost]))).toBeUndefined()
  })
})
