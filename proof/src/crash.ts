/**
 * Kills processes that work on a directory, at boundaries and at any moment, and checks after each death that all that
 * was acknowledged holds.
 *
 * Usage: npm run proof:crash -- [--runs 300] [--seed N] [--minutes M] [--only boundary|moment|power|group]
 *        npm run proof:crash -- --every [--steps 30] [--seed N] [--only power]
 *
 * A run is a chain of lives on one directory. With --every it is every boundary of one short life, one by one. Exits with 1 if anything was stale, lost or doubled, and says where the
 * directory is then.
 */
import { parseArgs } from 'node:util'
import { buildLibrary } from './build.ts'
import { type Chain, type Death, runChain, summary } from './crash/chains.ts'
import { runEvery } from './crash/every.ts'
import { runGroup } from './crash/groups.ts'
import { Tally } from './crash/tally.ts'
import { Stable } from './mutants.ts'

const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '300' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    minutes: { type: 'string', default: '60' },
    only: { type: 'string' },
    every: { type: 'boolean', default: false },
    steps: { type: 'string', default: '30' },
  },
})
const runs = Number(values.runs)
const seed = Number(values.seed)
const until = Date.now() + Number(values.minutes) * 60_000
/** Of a process that is alone, of one and its machine, or of one among three. */
type Kind = Death | 'group'
const kinds: readonly Kind[] =
  values.only === undefined ? ['boundary', 'power', 'group', 'moment'] : [values.only as Kind]
const tally = new Tally()

await buildLibrary()
const library = new Stable('crash').original
let begun = 0
let ended = 0
if (values.every) await everyBoundary()
else {
  console.log(`${runs} runs, seed ${seed}`)
  await Promise.all([chains(), chains()])
}
console.log(`\n${tally.text()}`)
process.exitCode = tally.faults.length === 0 ? 0 : 1

async function everyBoundary(): Promise<void> {
  const steps = Number(values.steps)
  const isPowerLost = values.only === 'power'
  console.log(`every boundary of ${steps} steps, seed ${seed}`)
  await runEvery({ library, seed, steps, isPowerLost, onChain: counted })
}

function counted(chain: Chain): void {
  tally.add(chain)
  ended++
  process.stdout.write(`${process.stdout.isTTY ? '\r' : ''}${ended} runs, ${tally.text()} \n`)
}

async function chains(): Promise<void> {
  while (begun < runs && Date.now() < until && tally.faults.length === 0) {
    const run = begun++
    counted(await one(run, kinds[run % kinds.length] as Kind))
  }
}

async function one(run: number, kind: Kind): Promise<Chain> {
  if (kind === 'group') {
    const group = await runGroup({ library, seed: seed + run * 1000, size: 3, kills: 6 })
    const chain = { ...summary(group.lives.lines), ...group }
    if (group.faults.length === 0) group.lives.remove()
    return chain
  }
  // Every boundary comes, from the first on.
  const first = 1 + ((run * 7) % 97)
  return runChain({ library, seed: seed + run * 1000, death: kind, lives: 8, first, stride: 43 })
}
