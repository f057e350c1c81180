/**
 * What a source sees of a folder and of what is inside: whether it can be watched, and what it looks like.
 */
import { constants } from 'node:fs'
import { access, lstat, readdir, realpath, stat } from 'node:fs/promises'
import { StaleproofError } from 'staleproof'

export interface Folder {
  /** Absolute, with all symbolic links resolved. */
  readonly path: string
  /** Differs for another folder of the same path: replaced, unmounted, mounted over. */
  readonly identity: string
}

/** What a file or folder is like, to compare with another look. */
export interface Look {
  readonly isFolder: boolean
  /** Of a file: differs once it was written to or replaced. Of a folder: differs once it was replaced. */
  readonly text: string
  /** ms since 1970, by the clock of the file system. */
  readonly changedAt: number
  /** False if it changed so shortly before that one more change might have the same time. */
  readonly isSure: boolean
}

/** @throws E_SOURCE_FOLDER_MISSING, E_SOURCE_FOLDER_UNREADABLE */
export async function openFolder(configured: string): Promise<Folder> {
  try {
    const path = await realpath(configured)
    const identity = await identityOf(path)
    if (identity === null) throw unreadable(configured, 'it is not a folder')
    await access(path, constants.R_OK | constants.X_OK)
    return { path, identity }
  } catch (cause) {
    if (cause instanceof StaleproofError) throw cause
    throw folderError(configured, cause as NodeJS.ErrnoException)
  }
}

/** Of the folder that a path leads to; null if there is none (any more). */
export async function identityOf(path: string): Promise<string | null> {
  const stats = await ifThere(stat(path))
  return stats?.isDirectory() ? `${stats.dev}:${stats.ino}:${stats.birthtimeMs}` : null
}

/** Longest steps in which file systems tell the time: of those that tell fractions of seconds, and of others (FAT). */
const stepMs = { fine: 100, coarse: 2100 }

/** Null if it is gone. */
export async function lookAt(path: string): Promise<Look | null> {
  const lookedAt = Date.now()
  const stats = await ifThere(lstat(path))
  if (stats === null) return null
  const { dev, ino, size, mtimeMs, ctimeMs, birthtimeMs } = stats
  const isFolder = stats.isDirectory()
  // A time of change cannot be set back, as that of modification can.
  const text = isFolder ? `${dev}:${ino}:${birthtimeMs}` : `${dev}:${ino}:${size}:${mtimeMs}:${ctimeMs}`
  const isSure = lookedAt - ctimeMs >= (ctimeMs % 1000 === 0 ? stepMs.coarse : stepMs.fine)
  return { isFolder, text, changedAt: ctimeMs, isSure }
}

/** Names in a folder; none if it is gone. @throws if it cannot be read */
export async function namesIn(path: string): Promise<string[]> {
  return (await ifThere(readdir(path))) ?? []
}

async function ifThere<T>(looking: Promise<T>): Promise<T | null> {
  try {
    return await looking
  } catch (error) {
    if (isGone(error)) return null
    throw error
  }
}

export function isGone(error: unknown): boolean {
  return ['ENOENT', 'ENOTDIR', 'ESTALE'].includes((error as NodeJS.ErrnoException).code ?? '')
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
