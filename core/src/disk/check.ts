/**
 * Check: whether LMDB can read all of data.mdb, and go on writing to it.
 *
 * LMDB trusts its pages: a page of garbage may end the process that comes upon it, or is skipped without a word. So each page
 * in use, and the lists of those that are free, are looked at first without LMDB (pages.ts): what it takes for free must not
 * be in use. Then another process reads all of it by LMDB, table by table: what was read is held against what each table says
 * that it has, keys have to be in order, and each has to be found when it is looked for.
 *
 *   it starts -> [opens] -> reads all of one moment -> [closes] -> ends     in brackets: nobody else opens, closes or writes
 *
 * It keeps the others out itself (gate.ts): the process that started it may have the directory open, too, and is kept out like
 * any other then; and whatever becomes of either, the system gives back the locks.
 *
 * Invariants: it opens, and closes if it comes so far, only while it has the gate, or was given it by who holds it; it never
 * opens for a process that is gone; it has the gate for a minute at most; what it reads is of one moment, so that others may
 * write meanwhile. Pages are looked at only while nobody writes: they move.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { createRequire } from 'node:module'
import { constants } from 'node:os'
import { join } from 'node:path'
import { StaleproofError } from '../model/errors.ts'
import { alone, gateFiles, lookMs, looksMax, toBeAlone } from './gate.ts'
import { libcModule } from './libc.ts'
import { wrongPage } from './pages.ts'

const timeoutMs = 600_000
/** So long may it have the gate: an opening, or a closing, takes some milliseconds. */
const aloneMaxS = 60
/** Its exit code if it could not get the gate: nothing is known of the data then. */
const keptOut = 9

/** Of it only what is wrong is heard. */
const heard: ('ignore' | 'pipe')[] = ['ignore', 'ignore', 'pipe']

/** It never waits for its loop: so all is read in one transaction. */
const program = `
const { constants, openSync } = require('node:fs')
const [lmdb, directory, gate] = process.argv.slice(1)
const { open } = require(lmdb)
const free = { enter: () => undefined, leave: () => undefined }
const gated = ({ koffi, doctor, files, how, looksMax, lookMs, aloneMaxS, wouldBlock, keptOut }) => {
  const { errno, load } = require(koffi)
  const libc = load(null)
  const flock = libc.func('int flock(int fd, int operation)')
  // It ends this process, even one that is stuck in LMDB.
  const alarm = libc.func('unsigned int alarm(unsigned int seconds)')
  const pause = new Int32Array(new SharedArrayBuffer(4))
  const [gateFile, writersFile] = files.map((file) => openSync(file, constants.O_RDONLY))
  const lock = (file) => {
    for (let looks = 0; looks < looksMax; looks++) {
      if (process.ppid !== doctor) process.kill(process.pid, 'SIGKILL')
      if (flock(file, how.exclusive | how.atOnce) === 0) return
      const why = errno()
      if (why !== wouldBlock) return refuse('flock: errno ' + why)
      Atomics.wait(pause, 0, 0, lookMs)
    }
    refuse('another process opens, closes or checks it, or has stopped while it wrote')
  }
  // At once: what is open is not closed without the gate.
  const refuse = (why) => {
    require('node:fs').writeSync(2, why)
    libc.func('void _exit(int status)')(keptOut)
  }
  const enter = () => {
    lock(gateFile)
    lock(writersFile)
    alarm(aloneMaxS)
  }
  const leave = () => {
    alarm(0)
    flock(writersFile, how.unlock)
    flock(gateFile, how.unlock)
  }
  return { enter, leave }
}
const { enter, leave } = gate === '' ? free : gated(JSON.parse(gate))
const read = (root) => {
  const names = [...root.getKeys()]
  const tables = names.map((name) => [name, root.openDB(name, { encoding: 'binary', keyEncoding: 'binary' })])
  if (names.length !== root.getStats().entryCount) throw new Error('tables are missing')
  let sum = 0
  for (const [name, table] of tables) {
    let count = 0
    let last
    for (const { key, value } of table.getRange()) {
      if (last !== undefined && Buffer.compare(last, key) >= 0) throw new Error('keys of ' + name + ' are not in order')
      last = Buffer.from(key)
      count += 1
      if (value.length > 0) sum += value[0] + value[value.length - 1]
      if (!table.doesExist(last)) throw new Error('a key of ' + name + ' is not found')
    }
    const { entryCount } = table.getStats()
    if (count !== entryCount) throw new Error(name + ' has ' + entryCount + ' rows, of which ' + count + ' can be read')
  }
}
const opened = () => {
  enter()
  try {
    return open({ path: directory, readOnly: true, encoding: 'binary', maxDbs: 64, noSubdir: false })
  } finally {
    leave()
  }
}
let root
try {
  root = opened()
  read(root)
} catch (error) {
  console.error(error)
  process.exitCode = 1
}
// Kept until this process is gone: it closes what is left when it exits.
enter()
if (root) root.close()
`

/** Nobody else has to do with the directory until this returns. @returns what is wrong; undefined if nothing is */
export function check(directory: string): string | undefined {
  const wrong = wrongPage(directory)
  if (wrong !== undefined) return unreadable(wrong)
  const { file, args, stdio } = readerWithin(directory)
  return wrongIn(directory, spawnSync(file, args, { timeout: timeoutMs, encoding: 'utf8', stdio }))
}

/** The same within `alone`, while this process goes on. */
export async function checkWithin(directory: string): Promise<string | undefined> {
  const wrong = wrongPage(directory)
  if (wrong !== undefined) return unreadable(wrong)
  const { file, args, stdio } = readerWithin(directory)
  return wrongIn(directory, await endOf(spawn(file, args, { timeout: timeoutMs, stdio })))
}

/**
 * The same while others go on; if some have it open (`isLive`), pages are read by LMDB only.
 * @throws E_DISK_FAILED if the others leave no gap to open or close it in
 */
export async function checkBeside(directory: string, isLive: boolean): Promise<string | undefined> {
  const wrong = isLive ? undefined : await alone(directory, () => wrongPage(directory))
  if (wrong !== undefined) return unreadable(wrong)
  const { file, args } = reader(directory, gateBeside(directory))
  return wrongIn(directory, await endOf(spawn(file, args, { timeout: timeoutMs, stdio: heard })))
}

interface End {
  readonly status: number | null
  readonly signal: NodeJS.Signals | null
  readonly stderr: string
}

function endOf(child: ChildProcess): Promise<End> {
  let stderr = ''
  child.stderr?.on('data', (bytes: Buffer) => (stderr += bytes.toString()))
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (status, signal) => resolve({ status, signal, stderr }))
  })
}

function reader(directory: string, gate: string) {
  const lmdb = createRequire(import.meta.url).resolve('lmdb')
  return { file: process.execPath, args: ['-e', program, lmdb, directory, gate] }
}

/** It has the locks of this process, too: they last until both have ended. */
function readerWithin(directory: string) {
  return { ...reader(directory, ''), stdio: [...heard, ...toBeAlone(directory)] }
}

/** What it needs to keep others out by itself; on Windows there is no gate. */
function gateBeside(directory: string): string {
  if (process.platform === 'win32') return ''
  const wouldBlock = constants.errno.EWOULDBLOCK
  const limits = { looksMax, lookMs, aloneMaxS, wouldBlock, keptOut }
  return JSON.stringify({ koffi: libcModule(), doctor: process.pid, ...gateFiles(directory), ...limits })
}

function wrongIn(directory: string, { status, signal, stderr }: End): string | undefined {
  if (status === keptOut) throw notEntered(directory, stderr)
  const told = stderr.split('\n').find((line) => /Error|MDB_|not found|corrupt|malloc|free\(\)/i.test(line))
  if (signal !== null) return `a process that read data.mdb was ended by ${signal}`
  if (status === 0 && told === undefined) return undefined
  return unreadable(told?.trim() ?? `exit ${status}`)
}

function notEntered(directory: string, why: string): StaleproofError {
  return new StaleproofError(
    'E_DISK_FAILED',
    `${directory} could not be entered by the process that reads it (${why}); wait for who has it, or end it ('fuser ${join(directory, 'gate')}' tells who has it open)`,
    { details: { path: directory } },
  )
}

function unreadable(why: string): string {
  return `data.mdb cannot be read: ${why}`
}
