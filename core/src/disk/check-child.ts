/**
 * The process that check.ts starts: reads all of data.mdb by LMDB, table by table, and says what is wrong.
 *
 * Usage: node check-child.js <directory> [pid of who started it, if it has to get the gate itself]
 *
 * Invariants: it never waits for its loop, so that all is read in one transaction; it opens, and closes, only while it has the
 * gate, or was given it (check.ts); what keeps it from the gate ends it at once, for what is open is not closed without.
 */
import { writeSync } from 'node:fs'
import { open, type Database, type RootDatabase } from 'lmdb'
import { began, keptOut } from './child.ts'
import { exclusive, gateFiles, lock, lookMs, looksMax, unlock } from './gate.ts'
import { libc } from './libc.ts'

type Tables = RootDatabase<Buffer, string>

/** So long may it have the gate: an opening, or a closing, takes some milliseconds. */
const aloneMaxS = 60
const pause = new Int32Array(new SharedArrayBuffer(4))

/** First and last byte of a value: to copy them is to touch its pages. */
const ends = Buffer.alloc(2)

const [directory = '', doctor] = process.argv.slice(2)
const files = doctor === undefined ? [] : gateFiles(directory)

function enter(): void {
  try {
    for (const file of files) take(file)
  } catch (error) {
    refuse((error as Error).message)
  }
  alarm(aloneMaxS)
}

function leave(): void {
  alarm(0)
  for (const file of files.toReversed()) lock(file, unlock)
}

function take(file: number): void {
  for (let looks = 0; looks < looksMax; looks++) {
    if (process.ppid !== Number(doctor)) process.kill(process.pid, 'SIGKILL')
    if (lock(file, exclusive)) return
    Atomics.wait(pause, 0, 0, lookMs)
  }
  refuse('another process opens, closes or checks it, or has stopped while it wrote')
}

function refuse(why: string): void {
  writeSync(2, why)
  libc().func('void _exit(int status)')(keptOut)
}

/** It ends this process, even one that is stuck in LMDB. */
function alarm(seconds: number): void {
  if (files.length > 0) libc().func('unsigned int alarm(unsigned int seconds)')(seconds)
}

function opened(): Tables {
  enter()
  writeSync(2, began)
  try {
    return open({ path: directory, readOnly: true, encoding: 'binary', maxDbs: 64, noSubdir: false })
  } finally {
    leave()
  }
}

function read(root: Tables): void {
  const names = [...root.getKeys()]
  // Opened all at once: to open a table ends what is being read.
  const tables = names.map((name) =>
    root.openDB<Buffer, Buffer>(name, { encoding: 'binary', keyEncoding: 'binary' }),
  )
  if (names.length !== entryCount(root)) throw new Error('tables are missing')
  for (const [i, table] of tables.entries()) readTable(names[i] as string, table)
}

function readTable(name: string, table: Database<Buffer, Buffer>): void {
  let count = 0
  let last: Buffer | undefined
  for (const { key, value } of table.getRange()) {
    if (last !== undefined && Buffer.compare(last, key) >= 0)
      throw new Error(`keys of ${name} are not in order`)
    last = Buffer.from(key)
    count += 1
    value.copy(ends, 0, 0, 1)
    value.subarray(-1).copy(ends, 1)
    if (!table.doesExist(last)) throw new Error(`a key of ${name} is not found`)
  }
  if (count !== entryCount(table))
    throw new Error(`${name} has ${entryCount(table)} rows, of which ${count} can be read`)
}

function entryCount(table: Pick<Tables, 'getStats'>): number {
  return (table.getStats() as { entryCount: number }).entryCount
}

let root: Tables | undefined
try {
  root = opened()
  read(root)
} catch (error) {
  console.error(error)
  process.exitCode = 1
}
// Kept until this process is gone: it closes what is left when it exits.
enter()
void root?.close()
