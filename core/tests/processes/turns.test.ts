/**
 * Processes that take turns in shared memory, and are killed over it: real ones, running what was built.
 */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, expect, it, vi } from 'vitest'
import { openSharedMemory } from '../../src/disk/shared-memory.ts'
import { directory } from '../directories.ts'

const program = fileURLToPath(new URL('turns-child.mjs', import.meta.url))
/** Cells of the memory: who has the turn of each key, who is dead, how often two had one turn, turns that each has had. */
const places = { keys: 2, dead: 100, clashes: 200, turns: 300 }
const children: ChildProcess[] = []

afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL')
})

it('two processes that live never have one turn at once, and the turns of those that are killed go on', async () => {
  const path = directory()
  const memory = openSharedMemory(join(path, 'inside'), 4096)
  const cells = new Int32Array(memory.buffer)
  let count = 0
  const start = () => {
    const number = ++count
    const child = fork(program, [JSON.stringify({ path, number, places })])
    children.push(child)
    return { number, child }
  }
  const turnsOf = (number: number) => Atomics.load(cells, places.turns + number)
  const living = [start(), start(), start()]
  for (let round = 0; round < 8; round++) {
    const before = living.map(({ number }) => turnsOf(number))
    // Also the turns that a killed one had: else nobody would come to all keys any more.
    const haveMore = () => living.every(({ number }, i) => turnsOf(number) > (before[i] as number) + 20)
    await vi.waitFor(() => expect(haveMore()).toBe(true), { timeout: 20_000, interval: 5 })
    const { number, child } = living.shift() as ReturnType<typeof start>
    child.kill('SIGKILL')
    await once(child, 'exit')
    Atomics.store(cells, places.dead + number, 1)
    living.push(start())
  }
  for (const { child } of living) {
    child.kill('SIGKILL')
    await once(child, 'exit')
  }
  expect(Atomics.load(cells, places.clashes)).toBe(0)
  memory.close()
})
