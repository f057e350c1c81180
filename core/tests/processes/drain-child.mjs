/**
 * A process with a drain on a directory, for tests that end it: from what was built, since Node runs no TypeScript.
 *
 * It says `ready`, waits for a line, then puts in what it is told to, and drains until the queue is empty. Each name
 * that it carries out is a line of its journal, written before the run ends.
 */
import { randomUUID } from 'node:crypto'
import { appendFileSync } from 'node:fs'
import { once } from 'node:events'
import { Environment } from '../../dist/disk/environment.js'
import { DiskHistory } from '../../dist/disk/history.js'
import { Nodes } from '../../dist/disk/nodes.js'
import { DiskQueue } from '../../dist/disk/queue.js'
import { openTail } from '../../dist/disk/tail.js'
import { runningRecord } from '../../dist/invalidation/contract.js'
import { Drain } from '../../dist/invalidation/drain.js'
import { systemClock } from '../../dist/model/clock.js'

const { path, name, journal, submits = 0, hangsAt, diesAt, runs, carriesOut } = JSON.parse(process.argv[2])
const clock = systemClock()
const onError = (error) => console.error(error)

const environment = new Environment({ path, nowMs: clock.now() })
const nodes = new Nodes({
  directory: environment.path,
  tail: openTail(environment.path),
  clock,
  id: randomUUID(),
})
nodes.join()
const common = { environment, nodes, clock, onError }
const history = new DiskHistory(common)
const queue = new DiskQueue({ ...common, history })
const drain = new Drain({
  ...{ clock, queue, history, onError },
  random: () => 0.5,
  onRecord: () => undefined,
  perform: carryOut,
  strategies: { scheduled: { batch: 10 }, background: { batch: 25 } },
})

async function carryOut(request) {
  // Before the line is written: what is cut off here was not done.
  if (request.names.includes(diesAt)) process.kill(process.pid, 'SIGKILL')
  if (request.names.includes(hangsAt)) {
    console.log('hangs')
    await new Promise(() => undefined)
  }
  appendFileSync(journal, request.names.map((each) => `${each}\n`).join(''))
  const { ...record } = await history.get(request.id)
  return { ...record, ...request, status: 'completed' }
}

async function submit(i) {
  const id = `${name}-${i}`
  const strategy = i % 2 === 0 ? 'scheduled' : 'background'
  const request = {
    id,
    names: [id],
    prefix: null,
    all: false,
    strategy,
    consistency: 'strict',
    mode: 'purge',
  }
  await drain.submit({ ...request, reason: null, actor: null, requestedAt: clock.now() })
}

await drain.start()
console.log('ready')
await once(process.stdin, 'data')
for (let i = 0; i < submits; i += 50) {
  await Promise.all(Array.from({ length: Math.min(50, submits - i) }, (_, at) => submit(i + at)))
  await drain.flush()
}
if (carriesOut !== undefined) {
  const request = { id: carriesOut, names: [carriesOut], prefix: null, all: false, strategy: 'immediate' }
  const asked = {
    ...request,
    consistency: 'strict',
    mode: 'purge',
    reason: null,
    actor: null,
    requestedAt: 1,
  }
  await history.put(runningRecord({ ...asked, attempts: 1, error: null }, 1))
  console.log('hangs')
  await new Promise(() => undefined)
}
if (runs !== undefined) console.log(JSON.stringify(await drain.runNow(runs)))
while ((await queue.size()) > 0) {
  await drain.flush()
  await clock.turn()
}
await drain.close()
await queue.close()
await history.close()
nodes.leave()
await environment.close()
process.stdin.destroy()
console.log('over')
