/**
 * One process with a peer's cache, for the comparison (peers.ts): does what it is told, and says what it reads.
 *
 * Usage: node peer-node.js '{"peer": ..., "port": ..., "truth": ...}', started with an ipc channel.
 *
 * While it is stale-watched it reads all keys again and again, so that what it serves in the first moment after a pause
 * is seen.
 */
import { SharedTruth } from './crash/shared-truth.ts'
import { peers } from './peers/open.ts'
import { type Asked, type PeerNodeOptions, shape } from './peers/asked.ts'

const options = JSON.parse(process.argv[2] as string) as PeerNodeOptions
const truth = new SharedTruth(options.truth, shape)
let slowMs = 0
/** Reads that gave less than was demanded when they began. */
let stale = 0
const watching = { isOn: false }
// Peers whose connection breaks throw where nobody catches.
process.on('uncaughtException', () => undefined)
process.on('unhandledRejection', () => undefined)

const open = peers[options.peer]
if (open === undefined) throw new Error(`no such peer: ${options.peer}`)
const peer = await open(options.port, async (key) => {
  const version = truth.version(key)
  if (slowMs > 0) await pause(slowMs)
  return version
})

process.on('message', (asked: Asked) => void answer(asked))
process.on('disconnect', () => process.exit(0))
process.send?.({ id: 0 })

async function answer({ id, ask, ms }: Asked): Promise<void> {
  if (ask === 'slow') slowMs = ms ?? 0
  if (ask === 'watch') void watch()
  if (ask === 'unwatch') watching.isOn = false
  const value = ask === 'read' ? await readAll() : ask === 'invalidate' ? await invalidateAll() : stale
  process.send?.({ id, value })
}

async function watch(): Promise<void> {
  watching.isOn = true
  stale = 0
  // Busy, so that it is stopped in the middle of something.
  for (; watching.isOn; await turn()) stale += await readAll()
}

/** @returns how many answers were stale */
async function readAll(): Promise<number> {
  // Of what a process is in the middle of when it is stopped, nobody asks that it knows of what came meanwhile.
  const began = truth.now()
  const reads = shape.names.map(async (key) => {
    const demanded = began.demanded(key)
    const value = await inTime(peer.get(key))
    return typeof value === 'number' && value < demanded
  })
  return (await Promise.all(reads)).filter(Boolean).length
}

/** @returns how many it said were done */
async function invalidateAll(): Promise<number> {
  const done = shape.names.map(async (key) => {
    const version = truth.write(key)
    const isDone = await inTime(peer.invalidate(key).then(() => true))
    if (isDone === true) truth.demand(0, key, version)
    return isDone === true
  })
  return (await Promise.all(done)).filter(Boolean).length
}

/** What fails, or hangs, gives nothing. */
function inTime<T>(answer: Promise<T>): Promise<T | undefined> {
  return Promise.race([answer.catch(() => undefined), pause(8000).then(() => undefined)])
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
