/**
 * Pages: whether every page of data.mdb that is in use has the form that LMDB gives it, and no free one is in use.
 *
 * LMDB trusts its pages, and a page of garbage may end the process that comes upon it; here nothing is trusted. What is
 * known of the form is that of lmdb 3.5 (mdb.c): a head of 24 bytes (MDB_page_header), then nodes (MDB_node) that are
 * found by their places, in the order of their keys.
 *
 *   meta -> tree of free pages -> lists of page numbers
 *        -> tree of tables     -> tree of each table -> rows, and pages of those that are too large for theirs
 *
 * Invariants: a page is in one tree or list at most; a tree has as many pages and rows as its record says; no bytes can
 * end this process, or keep it longer than a look at each page takes.
 */
import { closeSync, existsSync, openSync, readFileSync, readSync } from 'node:fs'
import { join } from 'node:path'
import { newestMeta, treeBytes, treeIn, type Meta, type Tree } from './meta.ts'

const pageSizes = new Set([4096, 8192, 16_384, 32_768, 65_536])
const headBytes = 24
const nodeBytes = 8
const depthMax = 32
const freePages = 'the free pages'
const numberBytes = 8
/** Kinds of pages, and of nodes. */
const branch = 1
const leaf = 2
const overflow = 4
const onPages = 1
const isTable = 2

interface Node {
  readonly low: number
  readonly flags: number
  readonly key: Buffer
  /** What stands behind the key. */
  readonly rest: Buffer
}

/**
 * @param only tables, if they are all that is to be looked at, as far as they are there
 * @returns what is wrong; undefined if nothing is, or if it cannot be told which state LMDB would read
 */
export function wrongPage(directory: string, only?: readonly string[]): string | undefined {
  const file = openSync(join(directory, 'data.mdb'), 'r')
  try {
    const meta = newestMeta(file)
    // After a start of the machine LMDB goes back to what was flushed.
    if (meta === undefined || meta.boot === 0 || meta.boot !== bootNumber()) return undefined
    const walk = new Walk(file, meta)
    if (only === undefined) walk.all()
    else walk.some(only)
    return undefined
  } catch (error) {
    return (error as Error).message
  } finally {
    closeSync(file)
  }
}

class Walk {
  readonly #file: number
  readonly #meta: Meta
  /** By page: whether it is in a tree, or in a list of free ones. */
  readonly #taken: Uint8Array

  constructor(file: number, meta: Meta) {
    if (!pageSizes.has(meta.pageBytes)) throw new Error(`it has pages of ${meta.pageBytes} bytes`)
    this.#file = file
    this.#meta = meta
    this.#taken = new Uint8Array(meta.lastPage + 1)
    this.#taken.fill(1, 0, 2)
  }

  all(): void {
    const free: Buffer[] = []
    this.#walk(this.#meta.free, freePages, (node) => free.push(this.#value(node)))
    for (const [name, tree] of this.#tables()) this.#walk(tree, `the table ${name}`, () => undefined)
    for (const list of free) this.#takeFree(list)
  }

  some(names: readonly string[]): void {
    for (const [name, tree] of this.#tables()) {
      if (names.includes(name)) this.#walk(tree, `the table ${name}`, () => undefined)
    }
  }

  #tables(): (readonly [name: string, tree: Tree])[] {
    const tables: (readonly [string, Tree])[] = []
    this.#walk(this.#meta.tables, 'the tables', (node) => {
      if (node.flags !== isTable || node.rest.length < treeBytes) throw new Error('a table has no tree')
      tables.push([nameIn(node.key), treeIn(node.rest)])
    })
    return tables
  }

  #walk(tree: Tree, name: string, onRow: (node: Node) => void): void {
    const { root, depth: bottom } = tree
    if (root === undefined) return
    if (bottom > depthMax) throw new Error(`${name}: ${bottom} pages lie one above the other`)
    const seen = { branches: 0, leaves: 0, overflows: 0, rows: 0 }
    const order = name === freePages ? byNumber : byBytes
    let last: Buffer | undefined
    const visitRow = (node: Node): void => {
      if (last !== undefined && order(last, node.key) >= 0)
        throw new Error(`keys of ${name} are not in order`)
      last = node.key
      seen.rows++
      if ((node.flags & onPages) !== 0) seen.overflows += this.#takeOverflow(node)
      onRow(node)
    }
    const visit = (page: number, depth: number): void => {
      const isLeaf = depth === bottom
      seen[isLeaf ? 'leaves' : 'branches']++
      for (const node of this.#nodes(page, isLeaf ? leaf : branch)) {
        if (isLeaf) visitRow(node)
        else visit(pageIn(node), depth + 1)
      }
    }
    visit(root, 1)
    for (const what of ['branches', 'leaves', 'overflows', 'rows'] as const) {
      if (seen[what] !== tree[what])
        throw new Error(`${name}: ${seen[what]} ${what} are there, and ${tree[what]} should be`)
    }
  }

  /** Nodes of a page of that kind, in their order. */
  #nodes(number: number, kind: number): Node[] {
    this.#take(number, 'is in use twice')
    const { pageBytes } = this.#meta
    const page = this.#read(number, 1)
    const [lower, upper] = [page.readUInt16LE(20), page.readUInt16LE(22)]
    const isForm = page.readUInt16LE(18) === kind && lower % 2 === 0
    if (!isForm || lower > upper || upper > pageBytes - headBytes)
      throw new Error(`page ${number} has not the form of one`)
    if (lower === 0) throw new Error(`page ${number} is empty`)
    return Array.from({ length: lower / 2 }, (_, i) => {
      const at = page.readUInt16LE(headBytes + 2 * i)
      if (at < upper || at + headBytes + nodeBytes > pageBytes) throw new Error(`page ${number}: node ${i}`)
      return nodeIn(page.subarray(headBytes + at), { kind, number })
    })
  }

  #take(page: number, why: string): void {
    if (!(page > 1 && page <= this.#meta.lastPage)) throw new Error(`there is no page ${page}`)
    if (this.#taken[page] === 1) throw new Error(`page ${page} ${why}`)
    this.#taken[page] = 1
  }

  /** @returns how many pages the value has: those that it needs at least, since others may have been there before */
  #takeOverflow(node: Node): number {
    const { page, count } = pagesOf(node)
    if (count > this.#meta.lastPage || headBytes + node.low > count * this.#meta.pageBytes)
      throw new Error(`a value of ${node.low} bytes is on ${count} pages`)
    for (let i = 0; i < count; i++) this.#take(page + i, 'is in use twice')
    const head = this.#read(page, 1)
    if (head.readUInt16LE(18) !== overflow || head.readUInt32LE(20) !== count)
      throw new Error(`page ${page} has not the form of one`)
    return count
  }

  #value(node: Node): Buffer {
    const { low, flags, rest } = node
    if ((flags & onPages) === 0) return Buffer.from(rest.subarray(0, low))
    const { page, count } = pagesOf(node)
    return this.#read(page, count).subarray(headBytes, headBytes + low)
  }

  /** A list begins with its length; 0: nothing, -n: as many pages from the next number on. */
  #takeFree(list: Buffer): void {
    const numbers = Array.from({ length: list.length / numberBytes }, (_, i) =>
      Number(list.readBigInt64LE(i * numberBytes)),
    )
    const [length = 0, ...pages] = numbers
    if (!(length >= 0 && length <= pages.length)) throw new Error('a list of free pages is cut')
    for (let i = 0; i < length; i++) {
      const entry = pages[i] as number
      if (entry === 0) continue
      const [from, count] = entry > 0 ? [entry, 1] : [pages[++i] as number, -entry]
      if (count > this.#meta.lastPage) throw new Error(`${count} pages are said to be free`)
      for (let j = 0; j < count; j++) this.#take(from + j, 'is in use, and free')
    }
  }

  /** Pages that lie one after the other, of which the first has the head. */
  #read(number: number, count: number): Buffer {
    const { pageBytes } = this.#meta
    const bytes = Buffer.allocUnsafe(count * pageBytes)
    const length = readSync(this.#file, bytes, 0, bytes.length, number * pageBytes)
    if (length < bytes.length) throw new Error(`the file ends before page ${number}`)
    if (Number(bytes.readBigUInt64LE(0)) !== number) throw new Error(`page ${number} has another number`)
    return bytes
  }
}

function nodeIn(bytes: Buffer, { kind, number }: { kind: number; number: number }): Node {
  const flags = bytes.readUInt16LE(4)
  const keyLength = bytes.readUInt16LE(6)
  const low = bytes.readUInt32LE(0)
  const restLength = kind === branch ? 0 : (flags & onPages) === 0 ? low : 3 * numberBytes
  const isWhole = nodeBytes + keyLength + restLength <= bytes.length
  if (!isWhole || (kind === leaf && flags > isTable)) throw new Error(`page ${number}: a node is not whole`)
  const key = bytes.subarray(nodeBytes, nodeBytes + keyLength)
  return { low, flags, key, rest: bytes.subarray(nodeBytes + keyLength, nodeBytes + keyLength + restLength) }
}

/** The package writes names with a zero at their end, or without. */
function nameIn(key: Buffer): string {
  return key.toString('latin1').replace(/\0$/, '')
}

/** MDB_ovpage */
function pagesOf({ rest }: Node): { page: number; count: number } {
  return { page: Number(rest.readBigUInt64LE(0)), count: Number(rest.readBigUInt64LE(16)) }
}

/** A node of a branch has 48 bits for the number of its page. */
function pageIn({ low, flags }: Node): number {
  return low + flags * 2 ** 32
}

function byBytes(a: Buffer, b: Buffer): number {
  return Buffer.compare(a, b)
}

function byNumber(a: Buffer, b: Buffer): number {
  return a.length === numberBytes && b.length === numberBytes
    ? Number(a.readBigUInt64LE(0) - b.readBigUInt64LE(0))
    : 0
}

/** As LMDB reads the id of this start of the machine; 0 where there is none. */
function bootNumber(): number {
  const file = '/proc/sys/kernel/random/boot_id'
  return existsSync(file) ? Number.parseInt(readFileSync(file, 'latin1'), 16) : 0
}
