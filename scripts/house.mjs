/**
 * The front door of the house: installs what is missing, builds what changed, then does what was asked.
 * Needs Node and npm only: it is plain JavaScript and imports no package, since none may be there yet. What else tests
 * need is installed before them (servers.mjs).
 *
 * Usage: node scripts/house.mjs <start|test|check|build|bench|demo|coverage> [args...]
 *
 * Invariants: packages are installed again only when package-lock.json differs from the one they were
 * installed from (its hash is kept inside node_modules); the exit code is that of what was run.
 */
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { compile } from './build.mjs'
import { fail, npm, root, run, seconds } from './programs.mjs'
import { installServers } from './servers.mjs'

const modules = join(root, 'node_modules')
const cache = join(modules, '.cache', 'staleproof')
const installedFrom = join(modules, '.staleproof-lock')
const vitest = join(modules, 'vitest', 'vitest.mjs')

const verbs = { start, test, check, build, bench, demo, coverage }

/** Node that is too old fails far from the cause; say it here, in one line. */
function refuseOldNode() {
  const [major, minor] = process.versions.node.split('.').map(Number)
  if (major > 20 || (major === 20 && minor >= 19)) return
  fail(`Staleproof needs Node 20.19 or newer; this is ${process.version}.`)
}

async function start(args) {
  await install()
  await buildOrStop('daemon')
  const daemon = join(root, 'daemon', 'dist', 'main.js')
  if (!existsSync(daemon)) fail('there is no daemon to start yet: daemon/src/main.ts is missing')
  return run(process.execPath, [daemon, 'serve', ...args])
}

/** Checks, then tests, and a last line that counts both. A failed check does not keep the tests from running. */
async function test(args) {
  const tally = { passed: 0, failed: 0 }
  await install()
  await installServers()
  const results = (name) => join(cache, `${name}-${process.pid}.json`)
  const checked = await script('check.mjs', ['--results', results('check')])
  count(tally, take(results('check')), checked)
  const json = ['--reporter=default', '--reporter=json', `--outputFile.json=${results('tests')}`]
  const tested = await run(process.execPath, [vitest, 'run', ...json, ...args])
  count(tally, outcome(take(results('tests'))), tested)
  console.log(`\n${tally.passed} passed, ${tally.failed} failed`)
  return tally.failed === 0 ? 0 : 1
}

async function check(args) {
  await install()
  return script('check.mjs', args)
}

async function build() {
  await install()
  await buildOrStop()
  return 0
}

async function bench(args) {
  await install()
  const isForAll = args.every((arg) => arg.startsWith('-')) && !args.includes('--help')
  if (isForAll || args.includes('redis')) await installServers()
  await buildOrStop('bench')
  return workspace('bench', 'bench', args)
}

async function demo(args) {
  await install()
  await buildOrStop('examples/gallery')
  return workspace('examples/gallery', 'demo', args)
}

async function coverage(args) {
  await install()
  await installServers()
  await buildOrStop()
  return run(process.execPath, [vitest, 'run', '--coverage', ...args])
}

async function install() {
  if (existsSync(installedFrom) && readFileSync(installedFrom, 'utf8') === fingerprint()) return
  const began = Date.now()
  process.stdout.write('installing packages… ')
  // Not `npm ci`: it refuses a lock file without the optional packages of every platform, and a registry
  // that does not carry them all cannot write one. `--no-save` takes the lock file as it is and leaves it so.
  const how = ['install', '--no-save', '--include=dev', '--no-audit', '--no-fund', '--loglevel=error']
  const { code, output } = await npm(how)
  if (code !== 0) fail(`failed\n${output}`)
  mkdirSync(cache, { recursive: true })
  writeFileSync(installedFrom, fingerprint())
  console.log(`done in ${seconds(began)}`)
}

function fingerprint() {
  return createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .digest('hex')
}

async function buildOrStop(...projects) {
  const began = Date.now()
  const { code, output } = await compile(...projects)
  if (code !== 0) fail(`the build failed\n${output}`)
  if (Date.now() - began > 1000) console.log(`built in ${seconds(began)}`)
}

function script(name, args) {
  return run(process.execPath, [join(root, 'scripts', name), ...args])
}

function workspace(folder, name, args) {
  const manifest = JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8'))
  if (!manifest.scripts?.[name]) fail(`${folder} has no script "${name}" yet`)
  const cli = process.env.npm_execpath ?? fail(`run this as: npm run ${name}`)
  return run(process.execPath, [cli, 'run', '--silent', name, '-w', folder, '--', ...args])
}

/** Reads a report and removes it. A program that died before writing one has none. */
function take(file) {
  if (!existsSync(file)) return undefined
  const report = JSON.parse(readFileSync(file, 'utf8'))
  rmSync(file)
  return report
}

/** A file of tests that fails without a failed test, since it cannot be loaded, counts as one failure. */
function outcome({ numPassedTests = 0, testResults = [] } = {}) {
  const failures = testResults.map(({ status, assertionResults }) => {
    const failed = assertionResults.filter((test) => test.status === 'failed').length
    return Math.max(failed, status === 'failed' ? 1 : 0)
  })
  return { passed: numPassedTests, failed: failures.reduce((sum, failed) => sum + failed, 0) }
}

/** A program that failed without a report, or whose report counts no failure, counts as one failure. */
function count(tally, report, code) {
  tally.passed += report?.passed ?? 0
  tally.failed += Math.max(report?.failed ?? 0, code === 0 ? 0 : 1)
}

refuseOldNode()
const [verb = '', ...args] = process.argv.slice(2)
if (!Object.hasOwn(verbs, verb))
  fail(`usage: node scripts/house.mjs <${Object.keys(verbs).join('|')}> [args...]`)
process.exitCode = await verbs[verb](args)
