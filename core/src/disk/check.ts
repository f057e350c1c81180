/**
 * Check: whether LMDB can read all of data.mdb, and go on writing to it.
 *
 * LMDB trusts its pages: a page of garbage may end the process that comes upon it, or is skipped without a word. So each page
 * in use, and the lists of those that are free, are looked at first without LMDB (pages.ts): what it takes for free must not
 * be in use. Then another process (check-child.ts) reads all of it by LMDB, table by table: what was read is held against what
 * each table says that it has, keys have to be in order, and each has to be found when it is looked for.
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
import { join } from 'node:path'
import { StaleproofError } from '../model/errors.ts'
import { began, childProgram, keptOut } from './child.ts'
import { alone, toBeAlone } from './gate.ts'
import { libc } from './libc.ts'
import { wrongPage } from './pages.ts'

const timeoutMs = 600_000

/** Of it only what is wrong is heard. */
const heard: ('ignore' | 'pipe')[] = ['ignore', 'ignore', 'pipe']

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
  const { file, args } = readerBeside(directory)
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

function reader(directory: string, ...doctor: string[]) {
  return { file: process.execPath, args: [childProgram('check-child'), directory, ...doctor] }
}

/** It has the locks of this process, too: they last until both have ended. */
function readerWithin(directory: string) {
  return { ...reader(directory), stdio: [...heard, ...toBeAlone(directory)] }
}

/** It keeps others out by itself; on Windows there is no gate. */
function readerBeside(directory: string) {
  if (process.platform === 'win32') return reader(directory)
  // What it lacks is not to be taken for damage.
  libc()
  return reader(directory, String(process.pid))
}

function wrongIn(directory: string, { status, signal, stderr }: End): string | undefined {
  if (status === keptOut) throw notEntered(directory, stderr)
  if (!stderr.includes(began)) throw notStarted(directory, stderr)
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

/** What it lacks is not to be taken for damage. */
function notStarted(directory: string, why: string): StaleproofError {
  return new StaleproofError(
    'E_DISK_FAILED',
    `the process that is to read ${directory} did not start (${why.trim() || 'it said nothing'}); see to that first: nothing was changed`,
    { details: { path: directory } },
  )
}

function unreadable(why: string): string {
  return `data.mdb cannot be read: ${why}`
}
