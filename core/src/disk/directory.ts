/**
 * Directory: what has to hold before a directory is opened.
 *
 * Invariants: nothing is changed in a directory that another version wrote, that is not ours, or that cannot be
 * written; what is damaged beyond opening is put aside whole, never deleted.
 *
 * Ours is what has a `format`, or none of our names. It is written before anything that could be somebody else's:
 *
 *   gate, writers, format.new   made first, and empty, or the beginning of the format's line
 *   format                      from here on it is ours
 *   all the rest
 */
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  statfsSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { StaleproofError, type ErrorCode } from '../model/errors.ts'
import { check } from './check.ts'
import { metasOf } from './meta.ts'
import { crashedOften, forgetCrashes, isFree } from './nodes.ts'
import { wrongPage } from './pages.ts'
import { writeWhole } from './whole.ts'

export const formatVersion = 1
const formatFile = 'format'
const formatLine = `staleproof ${formatVersion}\n`
const dataFiles = ['data.mdb', 'lock.mdb']
const madeFirst = ['gate', 'writers', `${formatFile}.new`]
const madeLater = [...dataFiles, 'tail', 'turns', 'nodes', 'crashes', 'values', 'damaged', 'repairing']
const formatText = /^staleproof (\d+)\n$/

/** @throws E_OPTIONS_INVALID if it is no path, nor the URL of one */
export function pathOf(given: unknown, what: string): string {
  const path = given instanceof URL ? ofUrl(given) : given
  if (typeof path === 'string' && path !== '' && !path.includes('\0')) return path
  const shown = typeof given === 'string' ? `'${given}'` : String(given)
  throw new StaleproofError(
    'E_OPTIONS_INVALID',
    `${what} is ${shown}; give the path of a directory, such as './cache', or its file: URL`,
    { details: { what, value: given } },
  )
}

/** Undefined if it is not that of a local file. */
function ofUrl(url: URL): string | undefined {
  try {
    return fileURLToPath(url)
  } catch {
    return undefined
  }
}

/**
 * The directory, made if it is not there, if a cache may be opened in it.
 * @throws E_DISK_PATH, E_DISK_READONLY, E_DISK_NETWORK, E_DISK_FORMAT
 */
export function usable(path: string): string {
  const directory = resolve(path)
  make(directory)
  refuseNetwork(directory, process.platform === 'linux' ? statfsSync(directory).type : 0)
  // In this order: another process may be making it right now.
  const taken = takenNames(directory)
  const isNew = readFormat(directory) === undefined
  if (isNew && taken.length > 0) throw foreign(directory, taken)
  const written = isNew ? 'gate' : formatFile
  writable(directory, () => closeSync(openSync(join(directory, written), 'a')))
  return directory
}

/**
 * Makes it ready to be opened; within its gate.
 * @returns why the last contents were put aside; undefined: they were not
 */
export function makeReady(directory: string, nowMs: number): string | undefined {
  if (readFormat(directory) === undefined) {
    const file = join(directory, formatFile)
    // On the medium before anything that it speaks of: without its text nobody would open that again.
    writeWhole(file, formatLine, { flush: true })
    return undefined
  }
  if (!isFree(directory, nowMs)) return undefined
  if (!isCut(directory) && !crashedOften(directory, nowMs) && !isLogWrong(directory)) return undefined
  const damage = check(directory)
  if (damage !== undefined) putAside(directory, damage)
  forgetCrashes(directory)
  return damage
}

/** Moves the data to `damaged/`, beside what is there already. @returns where it is now */
export function putAside(directory: string, why: string): string {
  const aside = join(directory, 'damaged', nextName(join(directory, 'damaged')))
  mkdirSync(aside, { recursive: true })
  for (const name of [...dataFiles, 'values']) {
    if (existsSync(join(directory, name))) renameSync(join(directory, name), join(aside, name))
  }
  writeFileSync(join(aside, 'why.txt'), `${why}\n`)
  return aside
}

function nextName(folder: string): string {
  const taken = existsSync(folder) ? readdirSync(folder).map(Number) : []
  return String(Math.max(0, ...taken.filter((n) => Number.isInteger(n))) + 1)
}

/** The version that wrote the directory; undefined if nobody did. @throws E_DISK_FORMAT */
function readFormat(directory: string): number | undefined {
  const text = formatIn(directory)
  if (text === undefined) return undefined
  const version = Number(formatText.exec(text)?.[1])
  if (version === formatVersion) return version
  const problem = Number.isNaN(version)
    ? `its file '${formatFile}' says ${JSON.stringify(text.slice(0, 40))}, which no version wrote`
    : `it is of format ${version}, and this version knows format ${formatVersion} only`
  throw refusal(
    'E_DISK_FORMAT',
    `the directory ${directory} is not opened: ${problem}; give another directory`,
    { path: directory },
  )
}

/** What its `format` says, empty if that is not a file; undefined if there is none. */
export function formatIn(directory: string): string | undefined {
  const file = join(directory, formatFile)
  const about = statSync(file, { throwIfNoEntry: false })
  if (about?.isFile() !== true) return about && ''
  return readFileSync(file, 'latin1')
}

/** Names of ours that only a directory with a format may have, or that have what we never write to them. */
function takenNames(directory: string): string[] {
  const strange = madeFirst.filter((name) => !isOfFirstOpening(join(directory, name)))
  return [...strange, ...madeLater.filter((name) => existsSync(join(directory, name)))]
}

/** Whether it is as a first opening leaves it, wherever that is ended. */
function isOfFirstOpening(file: string): boolean {
  try {
    return statSync(file).size <= formatLine.length && formatLine.startsWith(readFileSync(file, 'latin1'))
  } catch {
    return !existsSync(file)
  }
}

function foreign(directory: string, names: readonly string[]): StaleproofError {
  const message = `the directory ${directory} holds ${names.join(', ')}, and no file '${formatFile}' says that a cache made that; give a directory of its own`
  return refusal('E_DISK_FORMAT', message, { path: directory })
}

function make(directory: string): void {
  try {
    makeWithParents(directory)
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    if (isReadOnly(code)) throw readOnly(directory, cause)
    throw refusal('E_DISK_PATH', `${directory} cannot be made: ${String(cause)}; give a directory`, {
      path: directory,
      cause,
    })
  }
  if (!statSync(directory).isDirectory())
    throw refusal('E_DISK_PATH', `${directory} is not a directory; give one`, { path: directory })
}

/** Not `recursive`: where nothing can be made, as in /proc, Node tries for ever (20.20). */
function makeWithParents(directory: string): void {
  if (existsSync(directory)) return
  makeWithParents(dirname(directory))
  try {
    mkdirSync(directory)
  } catch (error) {
    // Another process was faster.
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
}

function writable(directory: string, attempt: () => void): void {
  try {
    attempt()
  } catch (cause) {
    throw isReadOnly((cause as NodeJS.ErrnoException).code) ? readOnly(directory, cause) : cause
  }
}

function isReadOnly(code: string | undefined): boolean {
  return code === 'EACCES' || code === 'EPERM' || code === 'EROFS'
}

function readOnly(directory: string, cause: unknown): StaleproofError {
  const message = `the directory ${directory} cannot be written (${(cause as Error).message}); a cache writes what it holds: change its rights, or give another`
  return refusal('E_DISK_READONLY', message, { path: directory, cause })
}

/** Types of file systems that reach over a network, where shared memory and locks are not (statfs(2), linux/magic.h). */
const networks = new Map([
  [0x6969, 'NFS'],
  [0x517b, 'SMB'],
  [0xfe534d42, 'SMB'],
  [0xff534d42, 'CIFS'],
  [0x01021997, '9p'],
  [0x00c36400, 'Ceph'],
  [0x5346414f, 'AFS'],
])

/** @param type of the file system, as statfs(2) tells it */
export function refuseNetwork(directory: string, type: number): void {
  const network = networks.get(type >>> 0)
  if (network === undefined) return
  throw refusal(
    'E_DISK_NETWORK',
    `the directory ${directory} is on a network file system (${network}), where processes share no memory and locks do not hold; give one on a local disk`,
    { path: directory },
  )
}

/**
 * Whether the file is shorter than it should be, if only so long that it does not say: LMDB maps it into memory and trusts it.
 * It may be in order all the same, if its last pages are free.
 */
function isCut(directory: string): boolean {
  const file = join(directory, 'data.mdb')
  const size = existsSync(file) ? statSync(file).size : 0
  if (size === 0) return false
  const fd = openSync(file, 'r')
  try {
    const metas = metasOf(fd)
    return metas.length === 0 || metas.some(({ pageBytes, lastPage }) => size < (lastPage + 1) * pageBytes)
  } finally {
    closeSync(fd)
  }
}

/**
 * What the log has lost nobody would miss, and what it said was invalid would be served. It is small, and looked at each
 * time; a page of anything else that cannot be read costs what is on it.
 */
function isLogWrong(directory: string): boolean {
  return existsSync(join(directory, 'data.mdb')) && wrongPage(directory, ['log', 'snapshots']) !== undefined
}

interface Refused {
  readonly path: string
  readonly cause?: unknown
}

function refusal(code: ErrorCode, message: string, { path, cause }: Refused): StaleproofError {
  return new StaleproofError(code, message, { cause, details: { path } })
}
