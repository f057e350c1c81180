/**
 * Kills processes that work on a directory, at boundaries and at any moment, and checks after each death that all that
 * was acknowledged holds.
 *
 * Usage: npm run proof:crash -- [--runs 300] [--seed N] [--minutes M]
 *
 * A run is a chain of lives on one directory. Exits with 1 if anything was stale, lost or doubled, and says where the
 * directory is then.
 */
import { parseArgs } from 'node:util'
import { buildLibrary } from './build.ts'
import { type Chain, type Death, runChain, summary } from './crash/chains.ts'
import { runGroup } from './crash/groups.ts'
import { Tally } from './crash/tally.ts'
import { Stable } from './mutants.ts'

const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '300' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    minutes: { type: 'string', default: '60' },
    only: { type: 'string' },
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
console.log(`${runs} runs, seed ${seed}`)
let next = 0
await Promise.all([chains(), chains()])
console.log(`\n${tally.text()}`)
process.exitCode = tally.faults.length === 0 ? 0 : 1

async function chains(): Promise<void> {
  while (next < runs && Date.now() < until && tally.faults.length === 0) {
    const run = next++
    tally.add(await one(run, kinds[run % kinds.length] as Kind))
    process.stdout.write(`${process.stdout.isTTY ? '\r' : ''}${run + 1} runs, ${tally.text()} \n`)
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
