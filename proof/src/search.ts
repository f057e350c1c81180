/**
 * Looks for counterexamples for as long as one likes, and says how far it is.
 *
 * Usage: npm run proof:properties -w proof -- [--runs 10000] [--seed N] [--only <invariant>]
 *
 * A failure tells the seed and the path that bring it back, and the smallest program that fails. Exits with 1 then.
 */
import { parseArgs } from 'node:util'
import fc from 'fast-check'
import { openLibrary } from './library.ts'
import { built } from './mutants.ts'
import { properties, type Shown } from './properties.ts'

const batch = 500

const { values } = parseArgs({
  options: { runs: { type: 'string', default: '10000' }, seed: { type: 'string' }, only: { type: 'string' } },
})
const runs = Number(values.runs)
const seed = Number(values.seed ?? fc.sample(fc.integer(), 1)[0])
const library = await openLibrary(built)

console.log(`${runs} runs each, seed ${seed}`)
let failures = 0
for (const shown of properties) {
  if (values.only !== undefined && Number(values.only) !== shown.invariant) continue
  if (!(await search(shown))) failures++
}
process.exitCode = failures === 0 ? 0 : 1

/** Each batch has a seed of its own, one after the other. */
async function search({ invariant, aspect, property }: Shown): Promise<boolean> {
  const title = `${invariant}. ${aspect}`
  for (let done = 0; done < runs; done += batch) {
    const size = Math.min(batch, runs - done)
    const details = await fc.check(property(library), { numRuns: size, seed: seed + done })
    if (details.failed) {
      console.log(`\n${title}: FAILED\n${fc.defaultReportMessage(details) ?? ''}`)
      return false
    }
    if (process.stdout.isTTY) process.stdout.write(`\r${title}: ${done + size} `)
  }
  console.log(`${process.stdout.isTTY ? '\r' : ''}${title}: ${runs} runs hold`)
  return true
}
