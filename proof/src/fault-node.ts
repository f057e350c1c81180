/**
 * One node under faults: a process with a cache over a real server, through a link of its own.
 *
 * Usage: node fault-node.js '{"library": ..., "url": ..., ...}' (NodeOptions); orders come in, and words go out, as lines.
 */
import { createInterface } from 'node:readline'
import { Dice } from './crash/roles.ts'
import { SharedTruth } from './crash/shared-truth.ts'
import { shape } from './faults/names.ts'
import type { NodeOptions, Order, Word } from './faults/said.ts'
import { nowMs } from './faults/said.ts'
import { Work } from './faults/work.ts'
import { openRedisLibrary } from './library.ts'

const options = JSON.parse(process.argv[2] as string) as NodeOptions
const { createCache, disk, redis, systemClock } = await openRedisLibrary(options.library)
const clock = systemClock()
/** By how much somebody set the wall clock. */
let stepMs = 0

const cache = createCache({
  redis: redis({
    ...(options.hasSentinel ? { sentinel: { name: 'primary', urls: [options.url] } } : { url: options.url }),
    ...{ lease: options.leaseMs, replicas: options.replicas, node: `node-${options.slot}`, prefix: 'faults' },
  }),
  ...(options.directory === undefined ? {} : { disk: disk({ path: options.directory }) }),
  memory: { maxEntries: options.seed % 3 === 0 ? 4 : 1000 },
  strategies: {
    lazy: { sweepEvery: '300ms' },
    scheduled: { interval: '400ms' },
    background: { interval: '250ms' },
  },
  // By wall clocks that are set: nothing of a run is dropped before it was looked at.
  history: { keepFor: '1000h', keepCount: 1_000_000 },
  clock: {
    now: () => clock.now() + stepMs,
    coarseNow: () => clock.coarseNow() + stepMs,
    monotonic: () => clock.monotonic(),
    schedule: (delayMs, work, keepAlive) => clock.schedule(delayMs, work, keepAlive),
    turn: () => clock.turn(),
  },
})

const truth = new SharedTruth(options.truth, shape(options.slots))
const work = new Work({ cache, truth, dice: new Dice(options.seed), say, options })
process.on('unhandledRejection', (error) =>
  say({ say: 'fault', text: `nobody caught: ${String((error as Error).stack)}`, at: nowMs() }),
)
const telling = setInterval(() => say({ say: 'tally', ...work.takeTally() }), 250)

createInterface({ input: process.stdin }).on('line', (line) => void obey(JSON.parse(line) as Order))
// Whoever conducts is gone.
process.stdin.on('end', () => process.exit(1))
work.begin()
say({ say: 'ready' })

async function obey(order: Order): Promise<void> {
  if (order.do === 'clock') stepMs += order.stepMs
  if (order.do === 'flood') await work.flood(order.count)
  if (order.do === 'hand on') await work.handed(order)
  if (order.do === 'rest') await work.rest().then(() => say({ say: 'rested' }))
  if (order.do === 'settle') await work.settle().then(() => say({ say: 'settled' }))
  if (order.do === 'account') await work.account(order.ids).then(() => say({ say: 'accounted' }))
  if (order.do === 'check') await work.check().then(() => say({ say: 'checked' }))
  if (order.do === 'quit') await quit()
}

async function quit(): Promise<void> {
  clearInterval(telling)
  await cache.close()
  say({ say: 'tally', ...work.takeTally() })
  process.exit(0)
}

function say(word: Word): void {
  process.stdout.write(`${JSON.stringify(word)}\n`)
}
