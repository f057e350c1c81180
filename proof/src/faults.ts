/**
 * Several processes on a real server, and all that can befall them: stale answers are looked for in every read.
 *
 * Usage: npm run proof:faults -- [--minutes 1] [--seed N] [--nodes 4] [--lease 600] [--only 'SIGSTOP,FLUSHALL'] [--shown]
 *
 * Runs of two minutes, one after the other, each with the next seed. --shown: each fault as it is made. Exits with 1 if
 * anything was wrong.
 */
import { parseArgs } from 'node:util'
import { buildLibrary } from './build.ts'
import { runFaults } from './faults/run.ts'
import { entries, type Toll } from './faults/toll.ts'
import { Stable } from './mutants.ts'

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '1' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    nodes: { type: 'string', default: '4' },
    lease: { type: 'string', default: '600' },
    only: { type: 'string' },
    shown: { type: 'boolean', default: false },
  },
})
const runSecondsMax = 120
const end = Date.now() + Number(values.minutes) * 60_000
let shownAt = Date.now()

await buildLibrary()
const library = new Stable('faults').original
for (let seed = Number(values.seed); Date.now() < end; seed++) {
  const seconds = Math.min(runSecondsMax, (end - Date.now()) / 1000)
  console.log(`seed ${seed}, ${values.nodes} nodes, ${Math.round(seconds)} s`)
  const toll = await runFaults({
    ...{ library, seed, seconds, onFault: show },
    ...{ nodes: Number(values.nodes), leaseMs: Number(values.lease) },
    ...(values.only === undefined ? {} : { only: values.only.split(',') }),
  })
  console.log(`${toll.text()}\n  ${entries(toll.struckBy)}`)
  for (const fault of toll.faults) console.log(`  ${fault}`)
  if (toll.faults.length === 0) continue
  process.exitCode = 1
  break
}

function show(text: string, toll: Toll): void {
  if (values.shown) console.log(`  ${text}`)
  if (Date.now() - shownAt < 10_000) return
  shownAt = Date.now()
  console.log(`  ${toll.text()}`)
}
