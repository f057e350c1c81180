/**
 * Directories whose bytes are not what was written, and a disk that is full: nothing stale is served, and what cannot be
 * done is said.
 */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { buildLibrary } from './build.ts'
import { damage, type Damage, spoiled, spoilEvery, worked } from './crash/damage.ts'
import type { Lives } from './crash/lives.ts'
import { openLibrary } from './library.ts'
import { Stable } from './mutants.ts'

let library = ''
let from: Lives

beforeAll(async () => {
  await buildLibrary()
  library = new Stable('damage').original
  from = await worked(library, 20_261_122)
})
afterAll(() => from?.remove())

describe('a directory that was damaged', () => {
  for (const how of ['cut', 'flipped byte in a row', 'value files'] satisfies Damage[]) {
    for (const seed of [1, 2, 3, 4]) {
      it(`serves nothing stale, ends nobody, works: ${how}, ${seed}`, async () => {
        const { faults, crashes, found } = await spoiled(library, {
          from,
          spoil: damage(how, seed),
        })
        expect({ faults, crashes }).toEqual({ faults: [], crashes: 0 })
        expect(found).toBeGreaterThan(0)
      })
    }
  }

  it('tells of each value that is not as it was written, and serves none', async () => {
    const { createCache, disk } = await openLibrary(library)
    const path = mkdtempSync(join(tmpdir(), 'staleproof-spoiled-'))
    const names = Array.from({ length: 12 }, (_, i) => `k:${i}`)
    try {
      const first = createCache({ disk: disk({ path }) })
      for (const [i, key] of names.entries()) {
        await first.set(key, { key, versions: {}, padding: 'x'.repeat(i < 9 ? 100 : 200_000) })
      }
      await first.close()
      spoilEvery(path)
      const cache = createCache({ disk: disk({ path }) })
      expect(await cache.getMany(names)).toEqual(new Map())
      expect(cache.stats().disk).toMatchObject({ usage: { damaged: names.length } })
      await cache.close()
    } finally {
      rmSync(path, { recursive: true })
    }
  })

  it('tells of nothing, when nothing was spoiled', async () => {
    const { faults, crashes, isReported } = await spoiled(library, { from, spoil: () => undefined })
    expect({ faults, crashes, isReported }).toEqual({ faults: [], crashes: 0, isReported: false })
  })
})

/** A file system of that size, or undefined where nobody may mount one. */
function small(megabytes: number): string | undefined {
  const path = mkdtempSync(join(tmpdir(), 'staleproof-full-'))
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m`, 'tmpfs', path], { stdio: 'ignore' })
    return path
  } catch {
    rmSync(path, { recursive: true })
    return undefined
  }
}

describe('a disk that is full', () => {
  it('keeps reads going, says what is pending, and writes it by itself when there is room', async (context) => {
    const place = small(6)
    if (place === undefined) {
      context.skip('no file system can be mounted here: nothing is shown of full disks')
      return
    }
    const { createCache, disk } = await openLibrary(library)
    const path = join(place, 'cache')
    const cache = createCache({ disk: disk({ path }) })
    try {
      await cache.set('kept', 1)
      await cache.set('source', 1)
      const filler = join(place, 'filler')
      expect(() => writeFileSync(filler, Buffer.alloc(8_000_000))).toThrow('ENOSPC')
      const codes = new Set<unknown>()
      for (let i = 0; i < 2000 && codes.size === 0; i++) {
        await cache
          .invalidate(`name ${'x'.repeat(1000)} ${i}`, { strategy: 'lazy' })
          .catch((error) => codes.add(error.code))
      }
      expect([...codes]).toEqual(['E_LOG_PENDING'])
      await expect(cache.invalidate('source', { strategy: 'lazy' })).rejects.toMatchObject({
        code: 'E_LOG_PENDING',
      })
      expect([cache.peek('kept'), cache.peek('source')]).toEqual([1, undefined])
      expect(cache.stats().disk).toMatchObject({ status: 'failing', error: { code: 'E_DISK_FULL' } })
      rmSync(filler)
      await expect
        .poll(() => cache.stats().disk, { timeout: 40_000 })
        .toMatchObject({ status: 'ok', waiting: 0 })
      await cache.close()
      const again = createCache({ disk: disk({ path }) })
      expect([await again.get('kept'), await again.get('source')]).toEqual([1, undefined])
      await again.close()
    } finally {
      await cache.close()
      execFileSync('umount', ['-l', place])
      rmSync(place, { recursive: true })
    }
  })
})
