/**
 * Meta: the two pages that data.mdb begins with: which trees it has, how long it should be, who wrote it.
 *
 * Their form is that of lmdb 3.5 (mdb.c): the head of a page, 24 bytes, then MDB_meta.
 */
import { readSync } from 'node:fs'

/** MDB_db */
export interface Tree {
  readonly depth: number
  readonly branches: number
  readonly leaves: number
  readonly overflows: number
  readonly rows: number
  /** Undefined: it is empty. */
  readonly root: number | undefined
}

export interface Meta {
  readonly pageBytes: number
  readonly lastPage: number
  /** Number of the transaction that wrote it. */
  readonly transaction: number
  /** Start of the machine in which it was written; 0 where the system does not tell. */
  readonly boot: number
  readonly free: Tree
  readonly tables: Tree
}

export const treeBytes = 48
const metaBytes = 168
const magic = 0xbeefc0de
const magicAt = 24
const freeAt = 48
const tablesAt = freeAt + treeBytes
const lastPageAt = 144
const transactionAt = 152
const bootAt = 160
const pageBytesUsual = 4096

/** Those that are there. */
export function metasOf(file: number): Meta[] {
  const first = read(file, 0)
  const second = read(file, first?.pageBytes ?? pageBytesUsual)
  return [first, second].filter((meta) => meta !== undefined)
}

export function newestMeta(file: number): Meta | undefined {
  return metasOf(file).toSorted((a, b) => b.transaction - a.transaction)[0]
}

function read(file: number, at: number): Meta | undefined {
  const page = Buffer.alloc(metaBytes)
  if (readSync(file, page, 0, metaBytes, at) < metaBytes || page.readUInt32LE(magicAt) !== magic)
    return undefined
  return {
    pageBytes: page.readUInt32LE(freeAt),
    lastPage: numberIn(page, lastPageAt),
    transaction: numberIn(page, transactionAt),
    boot: numberIn(page, bootAt),
    free: treeIn(page.subarray(freeAt)),
    tables: treeIn(page.subarray(tablesAt)),
  }
}

export function treeIn(bytes: Buffer): Tree {
  const root = bytes.readBigUInt64LE(40)
  return {
    depth: bytes.readUInt16LE(6),
    branches: numberIn(bytes, 8),
    leaves: numberIn(bytes, 16),
    overflows: numberIn(bytes, 24),
    rows: numberIn(bytes, 32),
    root: root === 2n ** 64n - 1n ? undefined : Number(root),
  }
}

function numberIn(bytes: Buffer, at: number): number {
  return Number(bytes.readBigUInt64LE(at))
}
