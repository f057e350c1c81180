/**
 * Check: whether LMDB can read all of its file.
 *
 * LMDB trusts its pages: a page of garbage may end the process that reads it. So another process reads them all.
 */
import { spawnSync } from 'node:child_process'
import { createRequire } from 'node:module'

const timeoutMs = 300_000

/** Run by a process of its own: reads every row of every table. */
const program = `
const { open } = require(process.argv[1])
const root = open({ path: process.argv[2], readOnly: true, encoding: 'binary', maxDbs: 64 })
let bytes = 0
// All at once: to open a table ends what is being read.
const names = [...root.getKeys()]
for (const name of names) {
  if (typeof name !== 'string') continue
  let table
  for (const dupSort of [false, true]) {
    try { table = root.openDB(name, { encoding: 'binary', keyEncoding: 'binary', dupSort }); break } catch {}
  }
  if (table === undefined) throw new Error('the table ' + name + ' cannot be opened')
  for (const { value } of table.getRange({ snapshot: false })) bytes += value.length + value[value.length - 1]
}
`

/** What is wrong, or undefined. Takes about a second for a million entries. */
export function check(directory: string): string | undefined {
  const lmdb = createRequire(import.meta.url).resolve('lmdb')
  const run = spawnSync(process.execPath, ['-e', program, lmdb, directory], {
    timeout: timeoutMs,
    encoding: 'utf8',
  })
  if (run.status === 0) return undefined
  if (run.signal !== null) return `a process that read data.mdb was ended by ${run.signal}`
  const lines = run.stderr.split('\n').filter((line) => /Error|MDB_/.test(line))
  return `data.mdb cannot be read: ${lines[0] ?? `exit ${run.status}`}`
}
