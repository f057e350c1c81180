/**
 * Several processes on a real server, and all that can befall them: stale answers are looked for in every read.
 *
 * Usage: npm run proof:faults -- [--minutes 1] [--seed N] [--nodes 4] [--lease 600] [--only 'SIGSTOP; FLUSHALL'] [--shown]
 *                                [--replicas 1] [--directories | --no-directories] [--sentinel]
 *        npm run proof:faults -- --mutants [--minutes 1] [--seed N] [--only name]
 *
 * --only: faults, or mutants, of these names. Runs of two minutes, one after the other, each with the next seed. --shown: each
 * fault as it is made. --replicas: that nodes wait for, 0 or 1. --directories: each node has one beneath. What of the two is
 * not said follows from the seed. --sentinel: nodes ask a sentinel where their server is, and it promotes the replica. Exits
 * with 1 if anything was wrong. --mutants: the same on copies of the library with a mistake in each, so long at most, and exits
 * with 1 if one is not found.
 */
import { parseArgs } from 'node:util'
import { buildLibrary } from './build.ts'
import { faultMutations } from './faults/mutations.ts'
import { runFaults } from './faults/run.ts'
import { type Setting, settingOf, settingText } from './faults/setting.ts'
import { entries, type Toll } from './faults/toll.ts'
import { Stable } from './mutants.ts'

const { values } = parseArgs({
  allowNegative: true,
  options: {
    minutes: { type: 'string', default: '1' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    nodes: { type: 'string', default: '4' },
    lease: { type: 'string', default: '600' },
    only: { type: 'string' },
    shown: { type: 'boolean', default: false },
    replicas: { type: 'string' },
    directories: { type: 'boolean' },
    sentinel: { type: 'boolean', default: false },
    mutants: { type: 'boolean', default: false },
  },
})
const runSecondsMax = 120
const end = Date.now() + Number(values.minutes) * 60_000
let shownAt = Date.now()

await buildLibrary()
const stable = new Stable('faults')
if (values.mutants) await huntMutants()
else await runAll()
// Node 20 may run for ever at its end when sockets were reset (seen once, in what cleans up its handles).
process.exit()

async function runAll(): Promise<void> {
  for (let seed = Number(values.seed); Date.now() < end; seed++) {
    const seconds = Math.min(runSecondsMax, (end - Date.now()) / 1000)
    const setting = settingOf(seed, given())
    console.log(`seed ${seed}, ${values.nodes} nodes, ${settingText(setting)}, ${Math.round(seconds)} s`)
    const toll = await runFaults({
      ...{ library: stable.original, seed, seconds, onFault: show, ...setting },
      ...{ nodes: Number(values.nodes), leaseMs: Number(values.lease) },
      ...(values.only === undefined ? {} : { only: listed(values.only) }),
    })
    console.log(`${toll.text()}\n  ${entries(toll.struckBy)}`)
    const wrong = [...toll.faults, ...toll.late]
    for (const fault of wrong) console.log(`  ${fault}`)
    if (wrong.length === 0) continue
    process.exitCode = 1
    break
  }
}

function listed(names: string): string[] {
  return names.split(';').map((name) => name.trim())
}

function given(): Partial<Setting> {
  const { replicas, directories, sentinel } = values
  return {
    ...(replicas === undefined ? {} : { replicas: Number(replicas) }),
    ...(directories === undefined ? {} : { hasDirectories: directories }),
    hasSentinel: sentinel,
  }
}

async function huntMutants(): Promise<void> {
  const only = values.only === undefined ? undefined : listed(values.only)
  for (const { mutation, by, where } of faultMutations) {
    if (only?.includes(mutation.name) === false) continue
    const began = Date.now()
    const seconds = Number(values.minutes) * 60
    const toll = await runFaults({
      library: stable.breed(mutation.name, [mutation]),
      seed: Number(values.seed),
      seconds,
      only: by,
      calmMs: 1500,
      ...{ replicas: 0, hasDirectories: false, ...where },
    })
    const [first] = [...toll.faults, ...toll.late]
    if (first === undefined) process.exitCode = 1
    const spent = Math.round((Date.now() - began) / 1000)
    console.log(
      `${mutation.name}: ${first === undefined ? 'NOT FOUND' : 'found'} in ${spent} s: ${first ?? toll.text()}`,
    )
  }
}

function show(text: string, toll: Toll): void {
  if (values.shown) console.log(`  ${text}`)
  if (Date.now() - shownAt < 10_000) return
  shownAt = Date.now()
  console.log(`  ${toll.text()}`)
}
