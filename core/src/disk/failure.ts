/**
 * Failures of the disk, told apart by what can be done about them.
 *
 *   E_DISK_FULL      no room; goes on by itself when there is some
 *   E_DISK_DAMAGED   bytes that are not what was written
 *   E_DISK_FAILED    anything else that the disk or LMDB says
 */
import { StaleproofError } from '../model/errors.ts'

/** Codes of LMDB (lmdb.h). */
const mapFull = -30792
const damaged = new Set([-30797, -30796, -30793])

/** The error as one of ours; one of ours already, or of a caller's work, stays as it is. */
export function failure(error: unknown, path: string): unknown {
  if (error instanceof StaleproofError || !(error instanceof Error)) return error
  const { code, message } = error as NodeJS.ErrnoException & { code?: unknown }
  if (isFull(code, message)) {
    return new StaleproofError(
      'E_DISK_FULL',
      `nothing can be written to ${path}: the disk, or its quota, is full (${message}); make room, and it goes on by itself`,
      { cause: error, details: { path } },
    )
  }
  if (damaged.has(Number(code)) || /MDB_(CORRUPTED|PAGE_NOTFOUND|INVALID)/.test(message)) {
    return new StaleproofError(
      'E_DISK_DAMAGED',
      `the directory ${path} holds bytes that are not what was written (${message}); 'staleproof doctor' repairs what can be repaired`,
      { cause: error, details: { path } },
    )
  }
  if (!isOfLmdb(code, message)) return error
  return new StaleproofError('E_DISK_FAILED', `the disk failed at ${path}: ${message}`, {
    cause: error,
    details: { path, code },
  })
}

function isFull(code: unknown, message: string): boolean {
  return (
    Number(code) === mapFull ||
    [28, 122, 'ENOSPC', 'EDQUOT'].includes(code as number | string) ||
    /MDB_MAP_FULL|No space left|ENOSPC|quota/i.test(message)
  )
}

/** LMDB gives its own codes below zero, and those of the system as numbers; Node gives those of the system as text. */
function isOfLmdb(code: unknown, message: string): boolean {
  return typeof code === 'number' || /^E[A-Z]+$/.test(String(code)) || /MDB_|Commit failed/.test(message)
}
