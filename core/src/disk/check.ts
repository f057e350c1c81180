/**
 * Check: whether LMDB can read all of its file, and write to it.
 *
 * LMDB trusts its pages: a page of garbage may end the process that reads it, or that looks there for pages that are
 * free. So another process reads them all, and if nobody has the directory open it takes some of the free ones.
 */
import { spawnSync } from 'node:child_process'
import { createRequire } from 'node:module'

const timeoutMs = 300_000

/** Run by processes of their own: reads every row of every table. */
const read = `
const { open } = require(process.argv[1])
const options = { path: process.argv[2], encoding: 'binary', maxDbs: 64, noSubdir: false }
const root = open({ ...options, readOnly: true })
let bytes = 0
// All at once: to open a table ends what is being read.
const names = [...root.getKeys()]
for (const name of names) {
  if (typeof name !== 'string') continue
  const table = root.openDB(name, { encoding: 'binary', keyEncoding: 'binary' })
  for (const { value } of table.getRange({ snapshot: false })) bytes += value.length + value[value.length - 1]
}
`

/** Writes rows of some pages, and removes them. */
const write = `
const { open } = require(process.argv[1])
const table = open({ path: process.argv[2], maxDbs: 64, noSubdir: false }).openDB('check', { encoding: 'binary' })
for (let i = 0; i < 20; i++) table.putSync(i, Buffer.alloc(64 * 1024))
for (let i = 0; i < 20; i++) table.removeSync(i)
`

/**
 * What is wrong, or undefined. Takes about a second for a million entries.
 * @param how write: only if nobody has the directory open
 */
export function check(directory: string, how: 'read' | 'write'): string | undefined {
  const wrong = run(read, directory)
  return wrong ?? (how === 'write' ? run(write, directory) : undefined)
}

function run(program: string, directory: string): string | undefined {
  const lmdb = createRequire(import.meta.url).resolve('lmdb')
  const { status, signal, stderr } = spawnSync(process.execPath, ['-e', program, lmdb, directory], {
    timeout: timeoutMs,
    encoding: 'utf8',
  })
  if (status === 0) return undefined
  const what = program === read ? 'read' : 'wrote to'
  if (signal !== null) return `a process that ${what} data.mdb was ended by ${signal}`
  const why = stderr.split('\n').find((line) => /Error|MDB_/.test(line))
  return `data.mdb cannot be ${what === 'read' ? what : 'written'}: ${why ?? `exit ${status}`}`
}
