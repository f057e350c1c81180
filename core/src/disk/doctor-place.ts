/**
 * What a doctor sees of a directory from outside: its format, who has it open, where it is, what was put aside.
 */
import { existsSync, readdirSync, readFileSync, statfsSync, statSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { StaleproofError } from '../model/errors.ts'
import { formatIn, formatVersion, pathOf, refuseNetwork } from './directory.ts'
import type { Findings } from './doctor-findings.ts'
import type { Aside, NodeSeen } from './doctor-report.ts'
import { ownLife, type Life } from './life.ts'
import { idsIn, isDead } from './nodes.ts'

export const salvagedFile = 'salvaged.txt'
/** Less than both is nearly full. */
const freeMin = { bytes: 64 * 1024 ** 2, part: 0.05 }

/** @throws E_OPTIONS_INVALID; E_DISK_PATH, E_DISK_FORMAT if there is nothing that could be looked at */
export function openPlace(path: string | URL): string {
  const directory = resolve(pathOf(path, 'path'))
  if (!existsSync(directory) || !statSync(directory).isDirectory()) {
    throw refusal('E_DISK_PATH', `there is no directory ${directory} to look at`, directory)
  }
  const text = formatIn(directory)
  if (text === `staleproof ${formatVersion}\n`) return directory
  const found =
    text === undefined ? "has no file 'format'" : `is of the format ${JSON.stringify(text.slice(0, 40))}`
  const message = `${directory} ${found}: this version looks at 'staleproof ${formatVersion}' only; give another directory`
  throw refusal('E_DISK_FORMAT', message, directory)
}

export function nodesOf(directory: string, nowMs: number): NodeSeen[] {
  const own = ownLife()
  return idsIn(join(directory, 'nodes')).map((id) => {
    const file = join(directory, 'nodes', id)
    return { id, pid: pidIn(file), lives: !isDead(file, { own, nowMs }) }
  })
}

export function checkFileSystem(directory: string, findings: Findings): number {
  const { type, bavail, blocks, bsize } = statfsSync(directory)
  try {
    refuseNetwork(directory, process.platform === 'linux' ? type : 0)
  } catch (error) {
    findings.add('file-system', (error as Error).message)
  }
  const freeBytes = bavail * bsize
  const isFull = freeBytes < freeMin.bytes && bavail < blocks * freeMin.part
  if (isFull) findings.add('no-room', `${freeBytes} bytes are free`)
  return freeBytes
}

/** Data that could not be read when the directory was opened; the newest last. */
export function asidesIn(directory: string): Aside[] {
  const folder = join(directory, 'damaged')
  const names = existsSync(folder) ? readdirSync(folder) : []
  const numbers = names.filter((name) => /^\d+$/.test(name))
  return numbers
    .toSorted((a, b) => Number(a) - Number(b))
    .map((name) => {
      const why = join(folder, name, 'why.txt')
      return {
        folder: join(folder, name),
        why: existsSync(why) ? readFileSync(why, 'utf8').trim() : 'it is not known why',
        salvaged: !existsSync(join(folder, name, 'data.mdb')) || existsSync(join(folder, name, salvagedFile)),
      }
    })
}

/** Null if it cannot be told. */
function pidIn(file: string): number | null {
  try {
    return (JSON.parse(readFileSync(file, 'utf8')) as Life).pid
  } catch {
    return null
  }
}

export function refusal(code: `E_${string}`, message: string, path: string): StaleproofError {
  return new StaleproofError(code, message, { details: { path } })
}
