/**
 * A directory in which somebody keeps files of his own, and options that are nonsense: nothing of his is changed, and he is
 * told what to give.
 */
import { existsSync, mkdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { describe, expect, it } from 'vitest'
import { disk, inspect, repair } from '../../src/disk.ts'
import type { SweepProgress } from '../../src/disk/sweep.ts'
import type { DiskState } from '../../src/model/backing.ts'
import { createCache } from '../../src/index.ts'
import { TestClock } from '../clock.ts'
import { directory } from '../directories.ts'

const dayMs = 86_400_000
const ofSomebody = [
  'nodes/http-in.js',
  'crashes/of-cars.csv',
  'values/ab/photo.jpg',
  'values/ab/12-63',
  'values/3f/1-63.old',
]

/** Three days old. */
function place(path: string, names: readonly string[]): void {
  const old = new Date(Date.now() - 3 * dayMs)
  for (const name of names) {
    mkdirSync(dirname(join(path, name)), { recursive: true })
    writeFileSync(join(path, name), 'my notes')
    utimesSync(join(path, name), old, old)
  }
}

/** Long enough for whatever looks at files: beats of nodes, and rounds of the sweeper. */
async function live(path: string): Promise<void> {
  const clock = new TestClock(Date.now())
  const cache = createCache({ clock, disk: disk({ path }) })
  cache.on('error', ({ error, during }) => expect.fail(`${during}: ${String(error)}`))
  await cache.set('k', 1)
  const rounds = () => {
    const { sweep } = cache.stats().disk as DiskState
    return (sweep as SweepProgress).rounds
  }
  for (const end = rounds() + 2; rounds() < end; ) await clock.advance(5000)
  await cache.close()
}

describe('files of somebody else', () => {
  it('in a directory that no cache made: it is refused, and they stay', () => {
    const path = directory()
    place(path, [...ofSomebody, 'tail'])
    expect(() => createCache({ disk: disk({ path }) })).toThrow(
      expect.objectContaining({ code: 'E_DISK_FORMAT', message: expect.stringContaining('tail') }),
    )
    expect([...ofSomebody, 'tail'].map((name) => readFileSync(join(path, name), 'utf8'))).toEqual(
      [...ofSomebody, 'tail'].map(() => 'my notes'),
    )
  })

  it('among those of a cache: they stay, and count for nothing', async () => {
    const path = directory()
    await live(path)
    place(path, ofSomebody)
    // What a process that ended has left: its node, and a file that no row refers to.
    const left = ['nodes/f81d4fae-7dec-4d6a-8a65-00a0c91e6bf6', 'values/3f/9-63', 'values/3f/9-319.tmp']
    place(path, left)
    await live(path)
    expect(left.filter((name) => existsSync(join(path, name)))).toEqual([])
    await inspect(path).then(({ nodes, problems }) => expect([nodes, problems]).toEqual([[], []]))
    await repair(path)
    expect(ofSomebody.filter((name) => !existsSync(join(path, name)))).toEqual([])
  })
})

const nonsense: readonly (readonly [options: unknown, code: string, says: string])[] = [
  [undefined, 'E_OPTIONS_INVALID', 'path is undefined'],
  [null, 'E_OPTIONS_INVALID', 'path is undefined'],
  ['./cache', 'E_OPTIONS_INVALID', 'path is undefined'],
  [{}, 'E_OPTIONS_INVALID', 'path is undefined'],
  [{ path: 5 }, 'E_OPTIONS_INVALID', 'path is 5'],
  [{ path: '' }, 'E_OPTIONS_INVALID', "path is ''"],
  [{ path: new URL('http://localhost/cache') }, 'E_OPTIONS_INVALID', 'path is http://localhost/cache'],
  [{ path: 'a\0b' }, 'E_OPTIONS_INVALID', 'path is '],
  [{ path: 'cache', size: 1 }, 'E_OPTIONS_INVALID', "'size'"],
  [{ path: 'cache', maxBytes: 2 ** 43 + 1 }, 'E_SIZE_INVALID', 'disk.maxBytes is'],
  [{ path: 'cache', maxBytes: '100000gb' }, 'E_SIZE_INVALID', 'disk.maxBytes is'],
  ...[0, -1, Number.NaN, Number.POSITIVE_INFINITY, '1', '10 gigs', {}, true].flatMap((size) =>
    ['maxBytes', 'maxEntryBytes'].map(
      (name) => [{ path: 'cache', [name]: size }, 'E_SIZE_INVALID', `disk.${name} is`] as const,
    ),
  ),
]

describe('options of disk', () => {
  it.each(nonsense)('%j are refused with %s that says %s', (options, code, says) => {
    expect(() => disk(options as never)).toThrow(
      expect.objectContaining({ code, message: expect.stringContaining(says) }),
    )
  })

  it.each([inspect, repair])('the doctor refuses a path that is none', async (look) => {
    for (const path of ['', undefined, 5])
      await expect(look(path as never)).rejects.toMatchObject({ code: 'E_OPTIONS_INVALID' })
  })

  it('path may be a URL of a file, of which processes make the same directory', async () => {
    const path = join(directory(), 'a cache')
    await live(path)
    const cache = createCache({ disk: disk({ path: pathToFileURL(path) }) })
    expect(await cache.get('k')).toBe(1)
    await cache.close()
    expect((await inspect(pathToFileURL(path))).directory).toBe(path)
  })

  it('maxBytes may be a few bytes only', () => {
    expect(() => disk({ path: 'cache', maxBytes: 1 })).not.toThrow()
  })
})
