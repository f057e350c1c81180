import { expect, test, vi } from 'vitest'
import { record } from '../../tests/conformance/history.ts'
import { DiskPlace } from '../../tests/disk-pair.ts'
import { gate, request } from '../../tests/drain-world.ts'
import type { Job } from '../invalidation/contract.ts'

function job(id: string): Job {
  return { ...request(id), strategy: 'scheduled', priority: 2, dueAt: 0, attempts: 0, error: null }
}

const claim = { now: 0, namesMax: { scheduled: 100 }, jobsMax: 100 }

test('what is accepted, or cancelled, is on the medium before anybody is told so', async () => {
  const place = new DiskPlace()
  const { queue } = place.open()
  const flushed = [gate(), gate()]
  const flush = vi.spyOn(place.environment, 'flush')
  for (const { passed } of flushed) flush.mockImplementationOnce(() => passed)
  const told: unknown[] = []
  const added = queue.add(job('a')).then((each) => told.push(each))
  await vi.waitUntil(() => flush.mock.calls.length === 1)
  expect(told).toEqual([])
  flushed[0]?.open()
  await added
  expect(told).toEqual([true])
  const removed = queue.remove('a', 1).then((each) => told.push(each?.id))
  await vi.waitUntil(() => flush.mock.calls.length === 2)
  expect(told).toEqual([true])
  flushed[1]?.open()
  await removed
  expect(told).toEqual([true, 'a'])
})

test('jobs that come together share a flush, and what may be repeated needs none', async () => {
  const place = new DiskPlace()
  const { queue, history } = place.open()
  const flush = vi.spyOn(place.environment, 'flush')
  await Promise.all(Array.from({ length: 64 }, (_, i) => queue.add(job(`j${i}`))))
  // Each asks; those who ask together are given one and the same.
  expect(new Set(flush.mock.results.map(({ value }) => value)).size).toBe(1)
  flush.mockClear()
  const jobs = await queue.claim(claim)
  await Promise.all(jobs.map((each) => queue.begin(each, 1)))
  await Promise.all(
    jobs.map((each, i) => (i % 2 === 0 ? queue.release(each, 5) : queue.done(record(each.id)))),
  )
  await history.put(record('immediate'))
  expect(flush).not.toHaveBeenCalled()
})

test('a full directory refuses whole, and nothing of it is there', async () => {
  const place = new DiskPlace()
  const { queue, history } = place.open()
  const full = new Error('MDB_MAP_FULL')
  vi.spyOn(history, 'join').mockImplementationOnce(() => {
    throw full
  })
  await expect(queue.add(job('a'))).rejects.toMatchObject({ code: 'E_DISK_FULL' })
  expect(await queue.size()).toBe(0)
  expect(await history.get('a')).toBeUndefined()
  expect(await queue.add(job('a'))).toBe(true)
})
