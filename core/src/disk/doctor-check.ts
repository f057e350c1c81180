/**
 * Whether all of data.mdb can be read, table by table: by another process, which a page of garbage may end.
 *
 * LMDB trusts its pages, and may skip what it cannot follow without a word. So what was read is held against what each
 * table says that it has; keys have to be in order, and each has to be found when it is looked for.
 */
import { spawnSync } from 'node:child_process'
import { createRequire } from 'node:module'
import { alone } from './gate.ts'

const timeoutMs = 600_000

/** Reads in one go, and so all of one moment. */
const program = `
const { open } = require(process.argv[1])
const root = open({ path: process.argv[2], readOnly: true, encoding: 'binary', maxDbs: 64 })
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

/** @returns what is wrong; undefined if nothing is */
export function checkData(directory: string): Promise<string | undefined> {
  // It opens and closes the file.
  return alone(directory, () => check(directory))
}

function check(directory: string): string | undefined {
  const lmdb = createRequire(import.meta.url).resolve('lmdb')
  const args = ['-e', program, lmdb, directory]
  const { status, signal, stderr } = spawnSync(process.execPath, args, {
    timeout: timeoutMs,
    encoding: 'utf8',
  })
  const told = stderr.split('\n').find((line) => /Error|MDB_|not found|corrupt|malloc|free\(\)/i.test(line))
  if (signal !== null) return `a process that read it was ended by ${signal}`
  if (status === 0 && told === undefined) return undefined
  return told?.trim() ?? `a process that read it ended with ${status}`
}
