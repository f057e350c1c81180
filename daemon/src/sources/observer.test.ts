import { EventEmitter } from 'node:events'
import { mkdirSync, mkdtempSync, realpathSync, rmSync, watch, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock } from 'staleproof'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { Observer, type ObserverOptions } from './observer.ts'

let root: string
let trace: string[]
let observer: Observer

beforeEach(() => {
  root = realpathSync(mkdtempSync(join(tmpdir(), 'staleproof-observer-')))
  trace = []
})
afterEach(async () => {
  await observer.stop()
  rmSync(root, { recursive: true })
})

async function start(options: Partial<ObserverOptions> = {}) {
  observer = new Observer({
    root,
    clock: systemClock(),
    stabilityMs: 100,
    rescanMs: 100,
    live: true,
    isIgnored: () => false,
    changed: (kind, path, { what }) => trace.push(`${kind} ${what} ${path.slice(root.length + 1)}`),
    rootChanged: () => trace.push('root changed'),
    failed: (path, error) => trace.push(`failed ${path.slice(root.length + 1)} ${(error as Error).message}`),
    complete: () => trace.push('complete'),
    ...options,
  })
  await observer.start()
}

const at = (...steps: string[]) => join(root, ...steps)
const untilTold = (...lines: string[]) =>
  vi.waitFor(() => expect(trace).toEqual(expect.arrayContaining(lines)), { timeout: 8000, interval: 20 })

/** A system that watches and tells nothing. */
const silent = (() => Object.assign(new EventEmitter(), { close() {} })) as unknown as typeof watch

it('finds by itself what no event told', async () => {
  mkdirSync(at('x'))
  writeFileSync(at('x', 'a'), '1')
  writeFileSync(at('b'), '1')
  await start({ watch: silent })
  writeFileSync(at('x', 'a'), '2')
  rmSync(at('b'))
  mkdirSync(at('y'))
  writeFileSync(at('y', 'c'), '1')
  await untilTold('changed file x/a', 'removed file b', 'created folder y', 'created file y/c')
})

it('watches a folder before it reads it', async () => {
  const late = (...args: Parameters<typeof watch>) => {
    const watcher = watch(...args)
    // Made when the watch is there and the folder is not read yet.
    if (args[0] === at('x')) writeFileSync(at('x', 'between'), '1')
    return watcher
  }
  await start({ watch: late as typeof watch, rescanMs: 60_000 })
  mkdirSync(at('x'))
  await untilTold('created folder x', 'created file x/between')
})

it('tells what it cannot watch, and when all is well again', async () => {
  let isFull = true
  const limited = (...args: Parameters<typeof watch>) => {
    if (isFull && args[0] === at('x')) throw new Error('full')
    return watch(...args)
  }
  await start({ watch: limited as typeof watch })
  mkdirSync(at('x'))
  await untilTold('failed x full')
  isFull = false
  trace = []
  await untilTold('complete')
  writeFileSync(at('x', 'a'), '1')
  await untilTold('created file x/a')
})

it('tells nothing after its end', async () => {
  await start()
  writeFileSync(at('a'), '1')
  await observer.stop()
  expect(trace.filter((line) => line !== 'complete')).toEqual([])
  expect(observer.size).toBe(0)
})
