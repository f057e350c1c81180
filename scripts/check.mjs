/**
 * Everything that is checked without running the product: two parts at a time, each with its canary.
 *
 * Usage: npm run check [-- part...] [--update]
 *   part      types, lint, format, tidy, knip, packages, api; all when none is named
 *   --update  writes the snapshot of the public API instead of comparing with it
 *   --results FILE  also writes how many parts passed and failed, as JSON
 *
 * Invariant: a part that fails, or that cannot run, prints why; the others still run; the exit code is 1.
 */
import { writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { compile } from './build.mjs'
import { api } from './checks/api.mjs'
import { format } from './checks/format.mjs'
import { knip } from './checks/knip.mjs'
import { lint } from './checks/lint.mjs'
import { packages } from './checks/packages.mjs'
import { tidy } from './checks/tidy.mjs'
import { types } from './checks/types.mjs'
import { fail, seconds } from './programs.mjs'

const parts = { types, lint, format, tidy, knip, packages, api }

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { update: { type: 'boolean' }, results: { type: 'string' } },
})
const unknown = positionals.filter((name) => !Object.hasOwn(parts, name))
if (unknown.length > 0)
  fail(`no check is called ${unknown.join(', ')}; there are ${Object.keys(parts).join(', ')}`)

const began = Date.now()
const tally = { passed: 0, failed: 0 }
const waiting = Object.keys(parts).filter((name) => positionals.length === 0 || positionals.includes(name))
await compile() // What does not compile, the types check will say.

async function work() {
  for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) await check(name)
}

async function check(name) {
  const start = Date.now()
  const { code, output, detail = '' } = await verdict(name)
  const isGood = code === 0
  tally[isGood ? 'passed' : 'failed'] += 1
  console.log(
    `check ${name.padEnd(8)} ${isGood ? 'ok    ' : 'FAILED'} ${seconds(start).padStart(6)}  ${detail}`.trimEnd(),
  )
  if (!isGood) console.log(output.trim().replace(/^/gm, '  '))
}

async function verdict(name) {
  try {
    return await parts[name]({ update: values.update })
  } catch (error) {
    return { code: 1, output: `the ${name} check could not run\n${error.stack}` }
  }
}

await Promise.all([work(), work()])
console.log(`check: ${tally.passed} passed, ${tally.failed} failed in ${seconds(began)}`)
if (values.results) writeFileSync(values.results, JSON.stringify(tally))
process.exitCode = tally.failed === 0 ? 0 : 1
