/**
 * Looks: how a watched folder looked when all that had changed in it was told of, kept in a file for the next life.
 *
 *   first line    what it is of: folder, globs, real path, generation of the log
 *   other lines   position of the log, and rows: [path, look], or [path] of what is gone; later rows win
 *   a line        CRC-32 of the rest, a space, JSON
 *
 * Invariants: a row is written once the invalidation that told of it is durable, and tells no more than that did; so
 * whatever is lost of the end of the file, or is older than it could be, is told of once more, and nothing is left
 * out; the file is replaced whole or not at all; one that speaks of positions that the log does not have is no use.
 */
import { createHash } from 'node:crypto'
import { appendFileSync, mkdirSync } from 'node:fs'
import { open, readFile, rename } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { crc32 } from 'node:zlib'
import type { Clock, Position } from 'staleproof'
import type { Log } from '../config/log.ts'
import { isGone, type Look } from './folder.ts'

export interface LooksOptions {
  /** Where the files of all watched folders are. */
  readonly folder: string
  /** Of the newest invalidation that is in force. */
  readonly position: () => Position
  readonly clock: Clock
  readonly log: Log
  /** The folder as it is configured, and its globs: of others nothing is known. */
  readonly watched: { readonly path: string; readonly ignore: readonly string[] }
  /** What was told of last, with the real path of the folder; undefined while that is not known. */
  readonly now: () =>
    | { readonly path: string; readonly entries: Iterable<[path: string, look: Look]> }
    | undefined
}

/** What was kept of the last life. */
export interface Kept {
  /** Real path of the folder then. */
  readonly path: string
  readonly rows: ReadonlyMap<string, string>
}

type Row = readonly [path: string, text?: string]

interface Header {
  readonly version: 1
  readonly watched: LooksOptions['watched']
  readonly path: string
  readonly generation: string
}

interface Rows {
  readonly n: number
  readonly rows: readonly Row[]
}

const rowsPerLine = 1000
/** After so many rows were added, or as many as there are files, the file is written anew. */
const addedMin = 10_000
const retryAfterMs = 30_000

export class Looks {
  readonly #options: LooksOptions
  readonly #file: string
  /** Changes told of that are not known to be durable. */
  #outstanding = 0
  #rows: Row[] = []
  #added = 0
  #live = 0
  /** The file has to be written anew before anything is added to it. */
  #isDue = true
  #triedAt = Number.NEGATIVE_INFINITY
  #writing: Promise<void> | undefined

  constructor(options: LooksOptions) {
    this.#options = options
    const of = JSON.stringify(options.watched)
    this.#file = join(options.folder, createHash('sha256').update(of).digest('hex').slice(0, 16))
  }

  /** Undefined if nothing was kept that can be relied on. */
  async load(): Promise<Kept | undefined> {
    const [header, ...lines] = linesOf(await this.#read()) as [Header | undefined, ...Rows[]]
    const { generation, n } = this.#options.position()
    if (header === undefined || !this.#isOfThis(header) || header.generation !== generation) return undefined
    if (lines.some((line) => line.n > n)) return undefined
    const rows = new Map<string, string>()
    for (const [path, text] of lines.flatMap((line) => line.rows)) {
      if (text === undefined) rows.delete(path)
      else rows.set(path, text)
    }
    return { path: header.path, rows }
  }

  /** A change is told of, of everything if no path is given. @returns to be called once that is durable */
  telling(path?: string, look?: Look | null): () => void {
    this.#outstanding += 1
    return () => {
      this.#outstanding -= 1
      if (path !== undefined) this.#add(path, look ?? null)
      this.#writeIfDue()
    }
  }

  /** Everything is to be written anew as soon as all that was told of is durable. */
  renew(): void {
    this.#isDue = true
    this.#writeIfDue()
  }

  /** Resolves when what is durable until now is in the file, or cannot be written. */
  async kept(): Promise<void> {
    await this.#writing
    this.#append()
  }

  async #read(): Promise<string> {
    try {
      return await readFile(this.#file, 'utf8')
    } catch (err) {
      if (!isGone(err)) this.#complain(err)
      return ''
    }
  }

  #isOfThis({ version, watched }: Header): boolean {
    return version === 1 && JSON.stringify(watched) === JSON.stringify(this.#options.watched)
  }

  #add(path: string, look: Look | null): void {
    // One more change might look the same: as long as it is not known, it is told of at the next start.
    if (look !== null && !look.isSure) return
    if (this.#rows.length === 0) queueMicrotask(() => this.#append())
    this.#rows.push(look === null ? [path] : [path, textOf(look)])
  }

  #append(): void {
    if (this.#writing !== undefined || this.#rows.length === 0) return
    const rows = this.#rows.splice(0)
    if (this.#isDue) return
    try {
      appendFileSync(this.#file, lineOf({ n: Math.floor(this.#options.position().n), rows }))
      this.#added += rows.length
      this.#isDue = this.#added > Math.max(addedMin, this.#live)
      this.#writeIfDue()
    } catch (error) {
      this.#isDue = true
      this.#complain(error)
    }
  }

  #writeIfDue(): void {
    const { clock, now } = this.#options
    if (!this.#isDue || this.#outstanding > 0 || this.#writing !== undefined) return
    if (clock.now() - this.#triedAt < retryAfterMs) return
    const folder = now()
    if (folder === undefined) return
    this.#rows = []
    this.#isDue = false
    const rows = [...folder.entries].flatMap(([path, look]) =>
      look.isSure ? [[path, textOf(look)] as const] : [],
    )
    this.#writing = this.#write(folder.path, rows).finally(() => {
      this.#writing = undefined
      this.#append()
    })
  }

  async #write(path: string, rows: readonly Row[]): Promise<void> {
    try {
      await this.#replace(path, rows)
      this.#added = 0
      this.#live = rows.length
      this.#triedAt = Number.NEGATIVE_INFINITY
    } catch (error) {
      this.#isDue = true
      this.#triedAt = this.#options.clock.now()
      this.#complain(error)
    }
  }

  async #replace(path: string, rows: readonly Row[]): Promise<void> {
    const { watched, position, folder } = this.#options
    const { generation, n } = position()
    mkdirSync(folder, { recursive: true })
    const file = await open(`${this.#file}.new`, 'w')
    try {
      await file.appendFile(lineOf({ version: 1, watched, path, generation }))
      for (let at = 0; at < rows.length; at += rowsPerLine) {
        await file.appendFile(lineOf({ n: Math.floor(n), rows: rows.slice(at, at + rowsPerLine) }))
      }
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(`${this.#file}.new`, this.#file)
  }

  #complain(err: unknown): void {
    const { log, watched } = this.#options
    const folder = dirname(this.#file)
    log.error(
      { err, watched: watched.path, folder },
      'cannot keep how a folder looks; after a restart all of it counts as changed',
    )
  }
}

export interface Difference {
  readonly kind: 'changed' | 'created' | 'removed'
  readonly path: string
  readonly what: 'file' | 'folder' | 'unknown'
  /** Null: it is gone. */
  readonly look: Look | null
}

/** What happened between two looks at a folder. */
export function differences(
  before: ReadonlyMap<string, string>,
  now: Iterable<[string, Look]>,
): Difference[] {
  const found: Difference[] = []
  const gone = new Map(before)
  for (const [path, look] of now) {
    const old = gone.get(path)
    gone.delete(path)
    if (old === textOf(look)) continue
    const what = old === undefined || whatOf(old) === whatOf(textOf(look)) ? whatOf(textOf(look)) : 'unknown'
    found.push({ kind: old === undefined ? 'created' : 'changed', path, what, look })
  }
  for (const [path, old] of gone) found.push({ kind: 'removed', path, what: whatOf(old), look: null })
  return found
}

/** The look of a file without the number of its device, which a restart of the machine may change. */
function textOf({ isFolder, text }: Look): string {
  return isFolder ? '/' : text.slice(text.indexOf(':') + 1)
}

function whatOf(text: string): 'file' | 'folder' {
  return text === '/' ? 'folder' : 'file'
}

function lineOf(content: Header | Rows): string {
  const json = JSON.stringify(content)
  return `${crc32(json).toString(16)} ${json}\n`
}

/** Up to the first that is not what was written. */
function linesOf(text: string): unknown[] {
  const lines: unknown[] = []
  for (const line of text.split('\n')) {
    const space = line.indexOf(' ')
    const json = line.slice(space + 1)
    if (space < 1 || line.slice(0, space) !== crc32(json).toString(16)) break
    lines.push(JSON.parse(json))
  }
  return lines
}
