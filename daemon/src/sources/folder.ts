/**
 * A folder as a source sees it: whether it can be watched, and whether it is still the same one.
 */
import { constants, type Stats } from 'node:fs'
import { access, lstat, readdir, realpath, stat } from 'node:fs/promises'
import { StaleproofError } from 'staleproof'

export interface Folder {
  /** Absolute, with all symbolic links resolved. */
  readonly path: string
  /** Differs for another folder of the same path: replaced, unmounted, mounted over. */
  readonly identity: string
}

/** @throws E_SOURCE_FOLDER_MISSING, E_SOURCE_FOLDER_UNREADABLE */
export async function openFolder(configured: string): Promise<Folder> {
  try {
    const path = await realpath(configured)
    const identity = await identityOf(path)
    if (identity === null) throw unreadable(configured, 'it is not a folder')
    await access(path, constants.R_OK | constants.X_OK)
    await readdir(path)
    return { path, identity }
  } catch (cause) {
    if (cause instanceof StaleproofError) throw cause
    throw folderError(configured, cause as NodeJS.ErrnoException)
  }
}

/** Null if there is no folder (any more). */
export async function identityOf(path: string): Promise<string | null> {
  const stats = await ifThere(stat(path))
  return stats?.isDirectory() ? `${stats.dev}:${stats.ino}:${stats.birthtimeMs}` : null
}

/** What a file or folder looks like, to compare with another look; null if it is gone. */
export async function lookAt(path: string): Promise<string | null> {
  const stats = await ifThere(lstat(path))
  return stats === null ? null : looks(stats)
}

export function looks({ ino, size, mtimeMs }: Stats): string {
  return `${ino}:${size}:${mtimeMs}`
}

/** Names in a folder; none if it is gone. */
export async function entriesOf(path: string): Promise<string[]> {
  return (await ifThere(readdir(path))) ?? []
}

async function ifThere<T>(looking: Promise<T>): Promise<T | null> {
  try {
    return await looking
  } catch {
    // Gone, or out of our reach, which is the same to whoever watches: there is nothing to compare with.
    return null
  }
}

function folderError(path: string, cause: NodeJS.ErrnoException): StaleproofError {
  if (cause.code !== 'ENOENT') return unreadable(path, cause.message, cause)
  const message = `the folder ${path} is to be watched but does not exist; create it, or take it out of sources.files`
  return new StaleproofError('E_SOURCE_FOLDER_MISSING', message, { cause, details: { path } })
}

function unreadable(path: string, why: string, cause?: unknown): StaleproofError {
  const message = `the folder ${path} is to be watched but cannot be read: ${why}`
  return new StaleproofError('E_SOURCE_FOLDER_UNREADABLE', message, { cause, details: { path } })
}
