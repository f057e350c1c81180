/**
 * Check: whether LMDB can read all of data.mdb, and go on writing to it.
 *
 * LMDB trusts its pages: a page of garbage may end the process that comes upon it, or is skipped without a word. So each page
 * in use, and the lists of those that are free, are looked at first without LMDB (pages.ts): what it takes for free must not
 * be in use. Then another process reads all of it by LMDB, table by table: what was read is held against what each table says
 * that it has, keys have to be in order, and each has to be found when it is looked for.
 */
import { spawnSync } from 'node:child_process'
import { createRequire } from 'node:module'
import { wrongPage } from './pages.ts'

const timeoutMs = 600_000

/** Reads in one go, and so all of one moment. */
const program = `
const { open } = require(process.argv[1])
const root = open({ path: process.argv[2], readOnly: true, encoding: 'binary', maxDbs: 64, noSubdir: false })
const names = [...root.getKeys()]
if (names.length !== root.getStats().entryCount) throw new Error('tables are missing')
const tables = names.map((name) => [name, root.openDB(name, { encoding: 'binary', keyEncoding: 'binary' })])
let sum = 0
for (const [name, table] of tables) {
  let count = 0
  let last
  for (const { key, value } of table.getRange()) {
    if (last !== undefined && Buffer.compare(last, key) >= 0) throw new Error('keys of ' + name + ' are not in order')
    last = Buffer.from(key)
    count += 1
    if (value.length > 0) sum += value[0] + value[value.length - 1]
    if (!table.doesExist(last)) throw new Error('a key of ' + name + ' is not found')
  }
  const { entryCount } = table.getStats()
  if (count !== entryCount) throw new Error(name + ' has ' + entryCount + ' rows, of which ' + count + ' can be read')
}
`

/** Within the gate of the directory: it opens and closes the file. @returns what is wrong; undefined if nothing is */
export function check(directory: string): string | undefined {
  const wrong = wrongPage(directory)
  return wrong === undefined ? read(directory) : `data.mdb cannot be read: ${wrong}`
}

function read(directory: string): string | undefined {
  const lmdb = createRequire(import.meta.url).resolve('lmdb')
  const args = ['-e', program, lmdb, directory]
  const { status, signal, stderr } = spawnSync(process.execPath, args, {
    timeout: timeoutMs,
    encoding: 'utf8',
  })
  const told = stderr.split('\n').find((line) => /Error|MDB_|not found|corrupt|malloc|free\(\)/i.test(line))
  if (signal !== null) return `a process that read data.mdb was ended by ${signal}`
  if (status === 0 && told === undefined) return undefined
  return `data.mdb cannot be read: ${told?.trim() ?? `exit ${status}`}`
}
