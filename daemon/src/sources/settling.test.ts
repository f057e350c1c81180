import { systemClock } from 'staleproof'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import type { Look } from './folder.ts'
import { Settling } from './settling.ts'

/** What is on the disk, and what settled. */
let disk: Map<string, Look>
let trace: string[]
let settling: Settling
let look: (path: string) => Promise<Look | null>

beforeEach(() => {
  vi.useFakeTimers()
  disk = new Map()
  trace = []
  look = async (path) => disk.get(path) ?? null
  settling = new Settling({
    clock: systemClock(),
    stabilityMs: 200,
    look: (path) => look(path),
    settled: (path, look) => trace.push(`${path} ${look?.text ?? 'gone'}`),
    failed: (path) => trace.push(`${path} failed`),
  })
})
afterEach(() => {
  settling.stop()
  vi.useRealTimers()
})

function write(path: string, text: string) {
  disk.set(path, { text, isFolder: false, changedAt: Date.now(), isSure: true })
  settling.touch(path)
}

it('reports a file once it stayed as it is', async () => {
  write('a', '1')
  await vi.advanceTimersByTimeAsync(199)
  expect(trace).toEqual([])
  await vi.advanceTimersByTimeAsync(1)
  expect(trace).toEqual(['a 1'])
})

it('takes many writes for one change', async () => {
  for (let n = 0; n < 10; n++) {
    write('a', String(n))
    await vi.advanceTimersByTimeAsync(150)
  }
  expect(trace).toEqual([])
  await vi.advanceTimersByTimeAsync(50)
  expect(trace).toEqual(['a 9'])
})

it('waits for a file that grows without an event', async () => {
  write('a', '1')
  await vi.advanceTimersByTimeAsync(100)
  disk.set('a', { text: '2', isFolder: false, changedAt: Date.now(), isSure: true })
  await vi.advanceTimersByTimeAsync(299)
  expect(trace).toEqual([])
  await vi.advanceTimersByTimeAsync(1)
  expect(trace).toEqual(['a 2'])
})

it('needs no clock that agrees with ours', async () => {
  disk.set('a', { text: '1', isFolder: false, changedAt: Date.now() + 3_600_000, isSure: true })
  settling.touch('a')
  await vi.advanceTimersByTimeAsync(400)
  expect(trace).toEqual(['a 1'])
})

it('reports a file that never rests every 30 s', async () => {
  for (let n = 0; n < 650; n++) {
    write('a', String(n))
    await vi.advanceTimersByTimeAsync(100)
  }
  expect(trace).toHaveLength(2)
})

it('reports what is gone, seen or not', async () => {
  settling.touch('a')
  write('b', '1')
  disk.delete('b')
  await vi.advanceTimersByTimeAsync(200)
  expect(trace).toEqual(['a gone', 'b gone'])
})

it('takes removal and return for one change', async () => {
  settling.touch('a')
  write('a', '2')
  await vi.advanceTimersByTimeAsync(1000)
  expect(trace).toEqual(['a 2'])
})

it('looks again after a look that failed', async () => {
  let failures = 1
  look = async () => {
    if (failures-- > 0) throw new Error('no')
    return null
  }
  settling.touch('a')
  await vi.advanceTimersByTimeAsync(1000)
  expect(trace).toEqual(['a failed', 'a gone'])
})

it('settles thousands at once, each once', async () => {
  for (let n = 0; n < 5000; n++) write(`f${n}`, '1')
  await vi.advanceTimersByTimeAsync(1000)
  expect(new Set(trace).size).toBe(5000)
  expect(trace.length).toBe(5000)
})
