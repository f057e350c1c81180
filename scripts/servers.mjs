/**
 * The servers that tests and benchmarks start: installs what is missing where that is allowed, and says what to install
 * where it is not.
 *
 * Usage: node scripts/servers.mjs      (or: import { installServers } from './servers.mjs')
 *
 * Invariants: what is there is never installed again nor upgraded, and then no other program is started but those
 * themselves; the sources of apt stay as they are; what is optional never stops anything.
 */
import * as fs from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { capture, fail, root, seconds } from './programs.mjs'

/** Programs that a package of the same name brings. */
const needed = [
  { program: 'redis-server', least: 7 },
  { program: 'openssl' },
  { program: 'valkey-server', isOptional: true },
]

const cache = join(root, 'node_modules', '.cache', 'staleproof')
const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/sbin']
const apt = ['-y', '-q', '--no-install-recommends', '--no-upgrade', '-o', 'DPkg::Lock::Timeout=120']
const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', LC_ALL: 'C' }

/** Ends this process if one is missing that cannot be done without. */
export async function installServers() {
  const missing = needed.filter(({ program }) => !has(program))
  const urgent = missing.filter(({ isOptional }) => !isOptional)
  if (missing.some((server) => !isGivenUp(server)) && mayInstall()) await install(missing)
  else if (urgent.length > 0) fail(advice(urgent))
  for (const server of needed) await refuseOld(server)
}

function has(program) {
  return folders.some((folder) => folder !== '' && fs.existsSync(join(folder, program)))
}

function mayInstall() {
  return process.getuid?.() === 0 && has('apt-get')
}

async function install(missing) {
  const began = Date.now()
  process.stdout.write(`installing ${missing.map(({ program }) => program).join(', ')}… `)
  let output = await aptGet('update')
  for (const { program } of missing) output += await aptGet('install', program)
  for (const { program } of missing) if (!has(program)) output += await fromBackports(program)
  const failed = missing.filter(({ program }) => !has(program))
  for (const server of failed) giveUp(server)
  const urgent = failed.filter(({ isOptional }) => !isOptional)
  if (urgent.length > 0) fail(`failed\n${output.trim()}\n${advice(urgent)}`)
  const without = failed.map(({ program }) => `; no ${program} here: its tests are skipped`)
  console.log(`done in ${seconds(began)}${without.join('')}`)
}

async function aptGet(verb, ...args) {
  const { output } = await capture('apt-get', [verb, ...apt, ...args], { env })
  return output
}

/** The sources are those of the machine and one more, in a folder that is gone afterwards. */
async function fromBackports(program) {
  const codename = debian()
  if (codename === undefined) return ''
  const parts = fs.mkdtempSync(join(tmpdir(), 'staleproof-sources-'))
  try {
    for (const name of namesIn('/etc/apt/sources.list.d'))
      fs.symlinkSync(join('/etc/apt/sources.list.d', name), join(parts, name))
    const source = `deb http://deb.debian.org/debian ${codename}-backports main\n`
    fs.writeFileSync(join(parts, 'backports.list'), source)
    const where = ['-o', `Dir::Etc::sourceparts=${parts}`]
    return (await aptGet('update', ...where)) + (await aptGet('install', ...where, program))
  } finally {
    fs.rmSync(parts, { recursive: true })
  }
}

/** Codename of this Debian. Of Ubuntu and others that are made from it: undefined. */
function debian() {
  const text = fs.existsSync('/etc/os-release') ? fs.readFileSync('/etc/os-release', 'utf8') : ''
  return /^ID=debian$/m.test(text) ? /^VERSION_CODENAME=(\w+)$/m.exec(text)?.[1] : undefined
}

function namesIn(folder) {
  return fs.existsSync(folder) ? fs.readdirSync(folder) : []
}

/** Where an optional one is not to be had, that is not tried at every run. */
function giveUp({ program }) {
  fs.mkdirSync(cache, { recursive: true })
  fs.writeFileSync(join(cache, `no-${program}`), '')
}

function isGivenUp({ program, isOptional }) {
  return isOptional === true && fs.existsSync(join(cache, `no-${program}`))
}

function advice(servers) {
  const names = servers.map(({ program }) => program).join(' ')
  return `The tests need ${names}: install it (Debian, Ubuntu: sudo apt-get install ${names}) and run this again.`
}

async function refuseOld({ program, least = 0 }) {
  if (least === 0) return
  const { stdout } = await capture(program, ['--version'])
  const version = /v=([\d.]+)/.exec(stdout)?.[1] ?? '0'
  if (Number.parseInt(version, 10) < least)
    fail(`The tests need ${program} ${least} or newer; this is ${version}.`)
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await installServers()
