/**
 * The process that doctor-salvage.ts starts: writes the rows of queue and history to a file, as many as it gets.
 *
 * Usage: node salvage-child.js <directory> <file> <forward|reverse>
 */
import { appendFileSync } from 'node:fs'
import { open } from 'lmdb'

const [directory = '', into = '', order] = process.argv.slice(2)
const root = open({ path: directory, readOnly: true, encoding: 'binary', maxDbs: 64 })
for (const name of ['jobs', 'history', 'historyJournal']) {
  try {
    const table = root.openDB<Buffer, Buffer>(name, { encoding: 'binary', keyEncoding: 'binary' })
    for (const { value } of table.getRange({ reverse: order === 'reverse', snapshot: false }))
      appendFileSync(into, `${name} ${value.toString('base64')}\n`)
  } catch (error) {
    console.error(error)
    process.exitCode = 1
  }
}
