/**
 * Values in files: those that would be too large for a row.
 *
 *   values/3f/12-63     written by writer 12, its file 63; the folder is the number's lowest byte
 *   values/3f/12-63.tmp  while it is written
 *   damaged/values/     files that were not what was written
 *
 * Invariants: a file is whole, and on the medium, before a row refers to it; no two files ever have one name; a value
 * is in memory once while it is written, and once while it is read (but for text and cbor, which are decoded then).
 */
import { mkdir, open, opendir, rename, rm, stat, unlink, type FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import { StaleproofError } from '../model/errors.ts'
import { encodingOf, type Encoded } from '../bytes/encoded.ts'
import { failure } from './failure.ts'
import type { ValueFile } from '../bytes/format.ts'

/** Values longer than that are kept in files. */
export const inRowBytesMax = 256 * 1024

/** Bytes, or units of text, that are written or read at once. */
const chunk = 1024 * 1024

export function fileName({ writer, number }: Pick<ValueFile, 'writer' | 'number'>): string {
  return `${writer}-${number}`
}

export class ValueFiles {
  readonly #directory: string
  /** A number for this process that no other has or had. */
  readonly #newWriter: () => Promise<number>
  #writer: Promise<number> | undefined
  #number = 0

  constructor(directory: string, newWriter: () => Promise<number>) {
    this.#directory = directory
    this.#newWriter = newWriter
  }

  /** @throws E_DISK_FULL, E_DISK_FAILED */
  async write(value: Encoded): Promise<ValueFile> {
    this.#writer ??= this.#newWriter().catch((error: unknown) => {
      this.#writer = undefined
      throw error
    })
    const name = { writer: await this.#writer, number: ++this.#number }
    const path = this.pathOf(name)
    try {
      await mkdir(join(path, '..'), { recursive: true })
      const { length, crc } = await writeParts(`${path}.tmp`, value)
      await rename(`${path}.tmp`, path)
      return { ...name, length, crc }
    } catch (error) {
      // What is left of it the sweeper finds; the first error is the one to tell.
      await rm(`${path}.tmp`, { force: true }).catch(() => undefined)
      throw failure(error, this.#directory)
    }
  }

  /** @throws E_DISK_DAMAGED if it is not what was written, or not there; E_DISK_FAILED */
  async read(file: ValueFile): Promise<Buffer> {
    const path = this.pathOf(file)
    try {
      const handle = await open(path, 'r')
      try {
        return await readWhole(handle, file)
      } finally {
        await handle.close()
      }
    } catch (error) {
      if (!isMissing(error)) throw failure(error, this.#directory)
      throw damaged(fileName(file), 'is not there')
    }
  }

  async remove(file: Pick<ValueFile, 'writer' | 'number'>): Promise<void> {
    await this.#ifThere(unlink(this.pathOf(file)))
  }

  /** Moves it to where it is in nobody's way. */
  async setAside(file: ValueFile): Promise<void> {
    const folder = join(this.#directory, 'damaged', 'values')
    await mkdir(folder, { recursive: true })
    await this.#ifThere(rename(this.pathOf(file), join(folder, fileName(file))))
  }

  /** The names of our files in one of the 256 folders, and when it was written, ms since 1970. @throws E_DISK_FAILED */
  async *list(folder: number): AsyncGenerator<{ readonly name: string; readonly writtenAt: number }> {
    const path = join(this.#directory, 'values', hex(folder))
    const found = await this.#ifThere(opendir(path))
    if (found === undefined) return
    for await (const { name } of found) {
      if (!isOurs(folder, name)) continue
      // It may have gone since.
      const about = await this.#ifThere(stat(join(path, name)))
      if (about !== undefined) yield { name, writtenAt: about.mtimeMs }
    }
  }

  /** One that was listed. @throws E_DISK_FAILED */
  async removeListed(folder: number, name: string): Promise<void> {
    await this.#ifThere(unlink(join(this.#directory, 'values', hex(folder), name)))
  }

  /** Undefined for what is not there. */
  async #ifThere<T>(asked: Promise<T>): Promise<T | undefined> {
    try {
      return await asked
    } catch (error) {
      if (isMissing(error)) return undefined
      throw failure(error, this.#directory)
    }
  }

  pathOf(file: Pick<ValueFile, 'writer' | 'number'>): string {
    return join(this.#directory, 'values', hex(file.number & 0xff), fileName(file))
  }
}

/** Whatever else lies there somebody has put there. */
function isOurs(folder: number, name: string): boolean {
  const number = /^\d+-(\d+)(?:\.tmp)?$/.exec(name)?.[1]
  return number !== undefined && (Number(number) & 0xff) === folder
}

async function writeParts(path: string, value: Encoded): Promise<{ length: number; crc: number }> {
  const handle = await open(path, 'w')
  try {
    let [length, crc] = [0, 0]
    for (const part of partsOf(value)) {
      crc = crc32(part, crc)
      await writePart(handle, part)
      length += part.length
    }
    await handle.sync()
    return { length, crc }
  } finally {
    await handle.close()
  }
}

async function writePart(handle: FileHandle, part: Uint8Array): Promise<void> {
  for (let at = 0; at < part.length; ) {
    const { bytesWritten } = await handle.write(part, at, part.length - at)
    at += bytesWritten
  }
}

function* partsOf(value: Encoded): Generator<Uint8Array, void, undefined> {
  if ('bytes' in value) {
    for (let at = 0; at < value.length; at += chunk) yield value.bytes.subarray(at, at + chunk)
  } else if ('text' in value) {
    const { text, form } = value
    for (let at = 0, end = 0; at < text.length; at = end) {
      end = endOfPart(text, at + chunk)
      yield Buffer.from(text.slice(at, end), encodingOf[form])
    }
  }
}

/** No pair of surrogates is taken apart. */
function endOfPart(text: string, end: number): number {
  const unit = text.charCodeAt(end - 1)
  return unit >= 0xd800 && unit < 0xdc00 ? end + 1 : end
}

async function readWhole(handle: FileHandle, file: ValueFile): Promise<Buffer> {
  const { size } = await handle.stat()
  if (size !== file.length) throw damaged(fileName(file), `has ${size} bytes, and should have ${file.length}`)
  const bytes = Buffer.allocUnsafeSlow(file.length)
  let crc = 0
  for (let at = 0; at < bytes.length; ) {
    const { bytesRead } = await handle.read(bytes, at, Math.min(chunk, bytes.length - at), at)
    if (bytesRead === 0) throw damaged(fileName(file), `ends at ${at}`)
    crc = crc32(bytes.subarray(at, at + bytesRead), crc)
    at += bytesRead
  }
  if (crc !== file.crc) throw damaged(fileName(file), 'does not fit its checksum')
  return bytes
}

function damaged(name: string, problem: string): StaleproofError {
  return new StaleproofError('E_DISK_DAMAGED', `the file ${name} of a value ${problem}`, {
    details: { name },
  })
}

function isMissing(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === 'ENOENT'
}

function hex(byte: number): string {
  return byte.toString(16).padStart(2, '0')
}
