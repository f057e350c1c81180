/**
 * Checks the models of the protocol between machines, and tells of each case how it ended.
 *
 * Usage: npm run proof:model -- [--case name] [--states max]
 *
 * A case is named as in the table; without a name all of them are checked. Violations are shown with their traces:
 * those of rules that are switched off have to be there. Exits with 1 if a case did not end as it has to; a search that
 * was cut short at `max` states says so, and counts as neither.
 */
import { parseArgs } from 'node:util'
import { type Case, cases } from './model/cases.ts'
import type { Verdict } from './model/checker.ts'

const { values } = parseArgs({
  options: { case: { type: 'string' }, states: { type: 'string', default: '8000000' } },
})
const statesMax = Number(values.states)
const chosen = cases.filter(({ name }) => values.case === undefined || name === values.case)
const width = Math.max(...cases.map(({ name }) => name.length))
if (chosen.length === 0) {
  console.error(`no case is called ${values.case}; there are:\n${cases.map(({ name }) => name).join('\n')}`)
  process.exitCode = 1
}

for (const one of chosen) {
  const began = performance.now()
  const verdict = one.run({ statesMax, progress: (states) => tellProgress(one, states) })
  if (process.stdout.isTTY) process.stdout.write('\r')
  console.log(line(one, verdict, performance.now() - began))
  if (verdict.outcome !== one.expected && verdict.outcome !== 'cut short') process.exitCode = 1
}

function tellProgress({ name }: Case, states: number): void {
  if (process.stdout.isTTY)
    process.stdout.write(`\r${name.padEnd(width)} ${String(states).padStart(9)} states`)
}

function line(
  { name, what, expected }: Case,
  { outcome, states, broken, trace }: Verdict,
  ms: number,
): string {
  const cells = [name.padEnd(width), `${states}`.padStart(9), `${ms.toFixed(0)} ms`.padStart(11)]
  const surprise = outcome === expected || outcome === 'cut short' ? '' : ' (UNEXPECTED)'
  const text = `${cells.join(' ')}  ${outcome.toUpperCase()}${surprise}${what === '' ? '' : `  ${what}`}`
  if (trace === undefined) return text
  return [
    text,
    `    ${broken}`,
    ...trace.map((move, at) => `    ${String(at + 1).padStart(2)}. ${move}`),
  ].join('\n')
}
