import { describe, expect, test } from 'vitest'
import { record } from '../../tests/conformance/history.ts'
import { type DiskPair, DiskPlace } from '../../tests/disk-pair.ts'
import { request } from '../../tests/drain-world.ts'
import type { Job } from '../invalidation/contract.ts'
import type { Key } from './environment.ts'

const claim = { now: 0, namesMax: { scheduled: 100, background: 100 }, jobsMax: 100 }

function job(id: string, parts: Partial<Job> = {}): Job {
  const asked = request(id)
  return { ...asked, strategy: 'scheduled', priority: 2, dueAt: 0, attempts: 0, error: null, ...parts }
}

/** Turns over one bit in each row of a table that holds the text. */
async function damage(place: DiskPlace, table: string, text: string): Promise<number> {
  const rows = place.environment.table<Key>(table, table === 'jobs' ? 'numbers' : 'bytes')
  const found = [...rows.getRange()].filter(({ value }) => value.includes(text))
  await place.environment.transact(() => {
    for (const { key, value } of found) {
      const bytes = Buffer.from(value)
      bytes[bytes.length - 3] = (bytes.at(-3) ?? 0) ^ 1
      void rows.put(Buffer.isBuffer(key) ? Buffer.from(key) : key, bytes)
    }
  })
  return found.length
}

async function filled(ids: readonly string[]): Promise<{ place: DiskPlace; pair: DiskPair }> {
  const place = new DiskPlace()
  const pair = place.open()
  for (const id of ids) await pair.queue.add(job(id, { names: [`name of ${id}`] }))
  return { place, pair }
}

describe('a job that is not what was written', () => {
  const looks: [string, (pair: DiskPair) => Promise<unknown>][] = [
    ['claimed', ({ queue }) => queue.claim(claim)],
    ['listed', ({ queue }) => queue.list()],
    ['taken', ({ queue }) => queue.take('b')],
    ['cancelled', ({ queue }) => queue.remove('b', 1)],
  ]

  test.each(looks)(
    'is put aside when it is %s, and shown as failed; the others are done',
    async (_, look) => {
      const { place, pair } = await filled(['a', 'b', 'c'])
      expect(await damage(place, 'jobs', 'name of b')).toBe(1)
      await look(pair)
      const failed = { status: 'failed', error: { code: 'E_DISK_DAMAGED' } }
      expect(await pair.history.get('b')).toMatchObject({ ...failed, names: ['name of b'] })
      expect(place.errors).toMatchObject([{ error: { code: 'E_DISK_DAMAGED', details: { id: 'b' } } }])
      await pair.queue.claim(claim)
      for (const id of ['a', 'c']) expect(await pair.queue.done(record(id))).toBe(true)
      expect(await pair.queue.size()).toBe(0)
      expect(await pair.queue.claim(claim)).toEqual([])
      expect([...place.environment.table('jobsDamaged', 'numbers').getKeys()]).toEqual([2])
      expect(place.errors).toHaveLength(1)
    },
  )

  test('can be asked for again, since its record says what it was', async () => {
    const { place, pair } = await filled(['a'])
    await damage(place, 'jobs', 'name of a')
    expect(await pair.queue.claim(claim)).toEqual([])
    expect(await pair.queue.add(job('a', { names: ['name of a'] }))).toBe(true)
    expect(await pair.queue.claim(claim)).toMatchObject([{ id: 'a', names: ['name of a'] }])
  })

  test('is shown though its record is lost too', async () => {
    const { place, pair } = await filled(['a'])
    await damage(place, 'jobs', 'name of a')
    await damage(place, 'history', 'name of a')
    await pair.queue.claim(claim)
    expect(await pair.history.get('a')).toMatchObject({ names: [], error: { code: 'E_DISK_DAMAGED' } })
  })

  test('that a dead process had claimed, or that was put off, is put aside too', async () => {
    const { place, pair } = await filled(['claimed', 'put off'])
    const [, putOff] = await pair.queue.claim(claim)
    await pair.queue.release(putOff ?? job('?'), 0)
    await damage(place, 'jobs', 'name of ')
    place.kill(pair)
    const other = place.open()
    expect(await other.queue.claim(claim)).toEqual([])
    for (const id of ['claimed', 'put off']) {
      expect(await other.history.get(id)).toMatchObject({
        status: 'failed',
        error: { code: 'E_DISK_DAMAGED' },
      })
    }
    expect(await other.queue.size()).toBe(0)
  })
})

describe('a record that is not what was written', () => {
  test('is left out and told of once; the others are there', async () => {
    const place = new DiskPlace()
    const { history } = place.open()
    for (const id of ['a', 'b', 'c']) await history.put(record(id, { names: [`name of ${id}`] }))
    expect(await damage(place, 'history', 'name of b')).toBe(1)
    for (let i = 0; i < 2; i++) {
      expect((await history.list({})).records.map(({ id }) => id)).toEqual(['c', 'a'])
      expect((await history.list({ name: 'name of b' })).records).toEqual([])
      expect(await history.get('b')).toBeUndefined()
    }
    expect(place.errors).toMatchObject([{ error: { code: 'E_DISK_DAMAGED' } }])
  })

  test('is there again once it is put again, and goes with its time', async () => {
    const place = new DiskPlace()
    const { history } = place.open({ keepFor: 100 })
    await history.put(record('a', { endedAt: 0 }))
    await damage(place, 'history', 'a')
    await history.put(record('a', { endedAt: 0, attempts: 2 }))
    expect(await history.get('a')).toMatchObject({ attempts: 2 })
    await damage(place, 'history', 'a')
    await place.clock.advance(101)
    await history.put(record('b', { status: 'pending' }))
    expect(await history.get('a')).toBeUndefined()
    expect(place.environment.table('historyEnded', 'numbers').getCount()).toBe(0)
  })
})
