/**
 * A process that takes turns at some keys and gives them back, for ever, from what was built. Who has the turn of a key
 * writes its number into that key's cell of a memory that all share, and looks who was there.
 */
import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { MemoryTurns } from '../../dist/disk/memory-turns.js'
import { Nodes } from '../../dist/disk/nodes.js'
import { openSharedMemory } from '../../dist/disk/shared-memory.js'
import { openTail } from '../../dist/disk/tail.js'
import { systemClock } from '../../dist/model/clock.js'

const { path, number, places } = JSON.parse(process.argv[2])
const clock = systemClock()
const cells = new Int32Array(openSharedMemory(join(path, 'inside'), 4096).buffer)
const nodes = new Nodes({
  directory: path,
  tail: openTail(path),
  clock,
  id: randomUUID(),
  onError: () => {},
})
nodes.join()
const turns = new MemoryTurns(join(path, 'turns'), nodes)
const clash = () => Atomics.add(cells, places.clashes, 1)

/** It may take a moment until the test knows whom it killed. */
async function isDead(other) {
  for (let i = 0; i < 2000; i++) {
    if (Atomics.load(cells, places.dead + other) === 1) return true
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  return false
}

async function work(key) {
  const before = Atomics.exchange(cells, key, number)
  if (before !== 0 && !(await isDead(before))) clash()
  for (let i = Math.random() * 5; i > 0; i--) await new Promise((resolve) => setImmediate(resolve))
  if (Atomics.compareExchange(cells, key, number, 0) !== number) clash()
  Atomics.add(cells, places.turns + number, 1)
}

for (;;) {
  const key = Math.floor(Math.random() * places.keys)
  if (await turns.take(`key ${key}`)) {
    await work(key)
    await turns.release(`key ${key}`)
  }
  await new Promise((resolve) => setImmediate(resolve))
}
