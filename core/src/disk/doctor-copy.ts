/**
 * Copy: a data.mdb of its own pages, row by row.
 *
 * Where bytes of a row were changed, bytes between the rows may have been, too: those by which LMDB finds its way, and
 * those that tell which pages are free. A repair of rows would write by them. So it is done in a copy.
 *
 * Invariant: the file is replaced at once, by a copy that is whole and on the medium.
 */
import { mkdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { open, type Database } from 'lmdb'

const folderName = 'repairing'
const sliceMax = 5000

/** Of a directory that nobody has open, and all of which can be read. */
export async function copyData(directory: string): Promise<void> {
  const folder = join(directory, folderName)
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder)
  const from = open<Buffer, string>({ path: directory, readOnly: true, encoding: 'binary', maxDbs: 64 })
  const to = open<Buffer, string>({ path: folder, encoding: 'binary', maxDbs: 64 })
  const options = { encoding: 'binary', keyEncoding: 'binary' } as const
  // All at once: to open a table ends what is being read.
  const names = [...from.getKeys()]
  const tables = names.map((name) => from.openDB<Buffer, Buffer>(name, options))
  for (const [i, table] of tables.entries()) {
    const copy = to.openDB<Buffer, Buffer>(names[i] as string, options)
    for (const slice of slicesOf(table)) {
      to.transactionSync(() => {
        for (const { key, value } of slice) void copy.put(key, value)
      })
    }
  }
  await from.close()
  await to.flushed
  await to.close()
  rmSync(join(directory, 'lock.mdb'), { force: true })
  renameSync(join(folder, 'data.mdb'), join(directory, 'data.mdb'))
  rmSync(folder, { recursive: true, force: true })
}

function* slicesOf(
  table: Database<Buffer, Buffer>,
): Generator<{ key: Buffer; value: Buffer }[], void, undefined> {
  let last: Buffer | undefined
  for (;;) {
    const start = last === undefined ? {} : { start: last, offset: 1 }
    const range = table.getRange({ ...start, limit: sliceMax })
    const slice = Array.from(range, ({ key, value }) => ({
      key: Buffer.from(key),
      value: Buffer.from(value),
    }))
    yield slice
    last = slice.at(-1)?.key
    if (slice.length < sliceMax) return
  }
}
