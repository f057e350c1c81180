/**
 * Directories that earlier versions wrote: each is kept as it was, and opened by this one.
 */
import { cpSync, readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { TestClock } from '../clock.ts'
import { directory } from '../directories.ts'
import { createCache } from '../../src/cache/cache.ts'
import { disk } from '../../src/disk.ts'

const fixtures = fileURLToPath(new URL('../fixtures/', import.meta.url))
const formats = readdirSync(fixtures).filter((name) => name.startsWith('format-'))

it('there are some', () => expect(formats).toContain('format-1'))

describe.each(formats)('a directory of %s', (format) => {
  it('is opened with all that was in it', async () => {
    const path = directory()
    cpSync(`${fixtures}${format}`, path, { recursive: true })
    const clock = new TestClock(Date.UTC(2027, 0, 1))
    const policies = { kept: { ttl: '3650d', maxTtl: '3650d' } } as const
    const cache = createCache({ disk: disk({ path, maxBytes: '10mb' }), clock, policies })
    const value = { at: new Date(0), map: new Map([['a', 1n]]), set: new Set([1]), none: undefined }
    expect(await cache.get('bytes')).toEqual(Buffer.from('bytes'))
    expect(await cache.get('text')).toBe('tëxt')
    expect(await cache.get('object')).toEqual(value)
    expect(await cache.get('large')).toEqual(Buffer.alloc(300_000, 7))
    expect([await cache.get('page'), await cache.get('thumb:1')]).toEqual(['page of tëxt', 'thumb'])
    expect(await cache.get('stale')).toBeUndefined()

    const { records } = await cache.invalidations.list()
    expect(records.map(({ reason, status }) => [reason, status])).toEqual([['waits', 'pending']])
    await cache.invalidate(['file:/a', 'file:/c', 'photo:7'])
    const gone = ['page', 'thumb:1', 'exif:7'].map((key) => cache.get(key))
    expect(await Promise.all(gone)).toEqual([undefined, undefined, undefined])
    expect(await cache.get('text')).toBe('tëxt')
    await cache.close()
  })
})
