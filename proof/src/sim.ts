/**
 * Simulates many nodes, seed by seed, and says how far it is.
 *
 * Usage: npm run proof:sim -- [--seeds 1000] [--minutes 60] [--seed N] [--mode safety|liveness]
 *        npm run proof:sim -- --seed N --seeds 1 --mode safety     one seed again, with all that happens
 *
 * Without a mode, both take turns. Exits with 1 at the first violation, and tells its seed, the invariant and the end of what
 * happened.
 */
import { parseArgs } from 'node:util'
import { built } from './mutants.ts'
import { openParts } from './sim/parts.ts'
import type { Mode } from './sim/plan.ts'
import { runSeed, type Run } from './sim/run.ts'

const { values } = parseArgs({
  options: {
    seeds: { type: 'string' },
    minutes: { type: 'string', default: '60' },
    seed: { type: 'string' },
    mode: { type: 'string' },
    library: { type: 'string', default: built },
    going: { type: 'boolean', default: false },
  },
})
const first = Number(values.seed ?? Date.now() % 1_000_000)
const seeds = Number(values.seeds ?? (values.seed === undefined ? 1000 : 1))
const isVerbose = seeds === 1
const until = performance.now() + Number(values.minutes) * 60_000
const library = await openParts(values.library)
const began = performance.now()
const sum = { seeds: 0, answers: 0, events: 0, faults: 0, violations: 0 }

for (let seed = first; seed < first + seeds && performance.now() < until; seed++) {
  const mode = (values.mode ?? (seed % 3 === 0 ? 'liveness' : 'safety')) as Mode
  const run = await runSeed(library, { seed, mode, isVerbose })
  sum.seeds++
  sum.answers += run.answers
  sum.events += run.events
  sum.faults += run.faults
  if (isVerbose) console.log([JSON.stringify(run.plan), ...run.lines].join('\n'))
  if (run.fault !== undefined) {
    sum.violations++
    console.log(`\n${violation(run)}`)
    if (!values.going) break
  }
  tellProgress(false)
}
tellProgress(true)
process.exitCode = sum.violations === 0 ? 0 : 1

function tellProgress(isLast: boolean): void {
  if (!isLast && (!process.stdout.isTTY || sum.seeds % 10 > 0)) return
  const seconds = (performance.now() - began) / 1000
  const rate = (sum.seeds / seconds).toFixed(1)
  const text = `${sum.seeds} of ${seeds} seeds from ${first}, ${rate}/s, ${sum.events} events, ${sum.answers} answers, ${sum.faults} faults, ${sum.violations} violations`
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
