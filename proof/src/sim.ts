/**
 * Simulates many nodes, seed by seed, and says how far it is.
 *
 * Usage: npm run proof:sim -- [--seeds 1000] [--minutes 60] [--seed N] [--mode safety|liveness]
 *        npm run proof:sim -- --seed N --seeds 1 --mode safety     one seed again, with all that happens
 *        npm run proof:sim -- --real [--seeds 500]     each seed once more on a real redis-server: are the answers the same?
 *        npm run proof:sim -- --mutants [--seeds 500] [--only name]     how long it takes to find each mistake made on purpose
 *
 * Without a mode, both take turns. Exits with 1 at the first violation or difference, and tells its seed, the invariant or
 * the step, and the end of what happened; or if a mistake is not found.
 */
import { parseArgs } from 'node:util'
import { Stable } from './mutants.ts'
import { CrossCheck } from './sim/cross-check.ts'
import { breedSimulated, hunt, modeOf, openSimulated } from './sim/hunt.ts'
import { simulatedMutations } from './sim/mutations.ts'
import type { Mode } from './sim/plan.ts'
import { RealServer } from './sim/real-server.ts'
import { runSeed, type Run } from './sim/run.ts'

const { values } = parseArgs({
  options: {
    seeds: { type: 'string' },
    minutes: { type: 'string', default: '60' },
    seed: { type: 'string' },
    mode: { type: 'string' },
    real: { type: 'boolean', default: false },
    mutants: { type: 'boolean', default: false },
    only: { type: 'string', default: '' },
    going: { type: 'boolean', default: false },
  },
})
const first = Number(values.seed ?? (values.mutants ? 1 : Date.now() % 1_000_000))
const isBatch = values.seed === undefined || values.mutants || values.real
const seeds = Number(values.seeds ?? (isBatch ? 1000 : 1))
const isVerbose = seeds === 1
const until = performance.now() + Number(values.minutes) * 60_000
const began = performance.now()
const stable = new Stable(`sim-${process.pid}`)
const sum = { seeds: 0, steps: 0, answers: 0, events: 0, faults: 0, violations: 0 }

try {
  if (values.mutants) await findMutants()
  else if (values.real) await runOnReal()
  else await runSeeds()
} finally {
  stable.close()
}
process.exitCode = sum.violations === 0 ? 0 : 1

async function runSeeds(): Promise<void> {
  const library = await openSimulated(stable)
  await forEachSeed(async (seed) => {
    const run = await runSeed(library, { seed, mode: chosenMode(seed), isVerbose })
    if (isVerbose) console.log([JSON.stringify(run.plan), ...run.lines].join('\n'))
    count(run)
    return run.fault === undefined ? undefined : violation(run)
  })
}

async function runOnReal(): Promise<void> {
  const server = await RealServer.open()
  const check = await CrossCheck.open(stable, server)
  try {
    await forEachSeed(async (seed) => {
      const { run, steps, difference } = await check.check({ seed, mode: chosenMode(seed) })
      count(run)
      sum.steps += steps
      return difference === undefined ? undefined : `seed ${seed}: ${difference.toString()}`
    })
  } finally {
    await check.close()
    await server.close()
  }
}

async function findMutants(): Promise<void> {
  for (const mutation of simulatedMutations.filter(({ name }) => name.includes(values.only))) {
    const from = performance.now()
    const { seeds: took, run } = await hunt(breedSimulated(stable, mutation), first, seeds)
    const seconds = ((performance.now() - from) / 1000).toFixed(1)
    const what =
      run === undefined ? `not in ${took} seeds` : `seed ${run.plan.seed}, invariant ${run.fault?.invariant}`
    if (run === undefined) sum.violations++
    console.log(`${mutation.name}: ${what}, ${seconds} s`)
  }
}

/** @param work what is wrong with a seed */
async function forEachSeed(work: (seed: number) => Promise<string | undefined>): Promise<void> {
  for (let seed = first; seed < first + seeds && performance.now() < until; seed++) {
    const wrong = await work(seed)
    sum.seeds++
    if (wrong !== undefined) {
      sum.violations++
      console.log(`\n${wrong}`)
      if (!values.going) break
    }
    tellProgress(false)
  }
  tellProgress(true)
}

function chosenMode(seed: number): Mode {
  return (values.mode ?? modeOf(seed)) as Mode
}

function count({ answers, events, faults }: Run): void {
  sum.answers += answers
  sum.events += events
  sum.faults += faults
}

function tellProgress(isLast: boolean): void {
  if (!isLast && (!process.stdout.isTTY || sum.seeds % 10 > 0)) return
  const seconds = (performance.now() - began) / 1000
  const rate = (sum.seeds / seconds).toFixed(1)
  const steps = values.real ? `, ${sum.steps} steps on the real server` : ''
  const text = `${sum.seeds} of ${seeds} seeds from ${first}, ${rate}/s, ${sum.events} events, ${sum.answers} answers, ${sum.faults} faults${steps}, ${sum.violations} ${values.real ? 'differences' : 'violations'}`
  process.stdout.write(process.stdout.isTTY && !isLast ? `\r${text} ` : `${text}\n`)
}

function violation({ plan: { seed, mode }, fault, lines }: Run): string {
  const tail = isVerbose ? [] : lines.slice(-40)
  const again = `npm run proof:sim -- --seed ${seed} --mode ${mode}`
  return [
    ...tail,
    `seed ${seed}: invariant ${fault?.invariant} at ${fault?.at.toFixed(2)}: ${fault?.text}`,
    again,
  ].join('\n')
}
