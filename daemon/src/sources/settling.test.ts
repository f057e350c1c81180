import { systemClock } from 'staleproof'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { Settling } from './settling.ts'

/** What is on the disk, and what settled. */
let disk: Map<string, string>
let trace: string[]
let settling: Settling

beforeEach(() => {
  vi.useFakeTimers()
  disk = new Map()
  trace = []
  settling = new Settling({
    clock: systemClock(),
    stabilityMs: 200,
    look: async (path) => disk.get(path) ?? null,
    settled: (path, kind) => trace.push(`${path} ${kind}`),
  })
})
afterEach(() => {
  settling.stop()
  vi.useRealTimers()
})

function write(path: string, look: string, kind: 'created' | 'changed' = 'changed') {
  disk.set(path, look)
  settling.touch(path, kind, look)
}

function remove(path: string) {
  disk.delete(path)
  settling.touch(path, 'removed', null)
}

it('reports a file once it stayed as it is', async () => {
  write('a', '1')
  await vi.advanceTimersByTimeAsync(199)
  expect(trace).toEqual([])
  await vi.advanceTimersByTimeAsync(1)
  expect(trace).toEqual(['a changed'])
})

it('takes many writes for one change', async () => {
  for (let n = 0; n < 10; n++) {
    write('a', String(n), n === 0 ? 'created' : 'changed')
    await vi.advanceTimersByTimeAsync(150)
  }
  expect(trace).toEqual([])
  await vi.advanceTimersByTimeAsync(50)
  expect(trace).toEqual(['a created'])
})

it('waits for a file that grows without an event', async () => {
  write('a', '1')
  disk.set('a', '2')
  await vi.advanceTimersByTimeAsync(399)
  expect(trace).toEqual([])
  await vi.advanceTimersByTimeAsync(1)
  expect(trace).toEqual(['a changed'])
})

it('reports a file that never rests every 30 s', async () => {
  for (let n = 0; n < 650; n++) {
    write('a', String(n))
    await vi.advanceTimersByTimeAsync(100)
  }
  expect(trace).toEqual(['a changed', 'a changed'])
})

it('reports what is gone as removed, seen or not', async () => {
  remove('a')
  write('b', '1', 'created')
  disk.delete('b')
  await vi.advanceTimersByTimeAsync(200)
  expect(trace).toEqual(['a removed', 'b removed'])
})

it('takes removal and return for one change', async () => {
  remove('a')
  write('a', '2', 'created')
  await vi.advanceTimersByTimeAsync(1000)
  expect(trace).toEqual(['a changed'])
})

it('settles thousands at once, each once', async () => {
  for (let n = 0; n < 5000; n++) write(`f${n}`, '1', 'created')
  await vi.advanceTimersByTimeAsync(1000)
  expect(new Set(trace).size).toBe(5000)
  expect(trace.length).toBe(5000)
})
