/**
 * The door to `node:fs/promises` of a library under proof: whatever changes a file has its boundaries.
 */
import * as fs from 'node:fs/promises'
import { watcher } from './boundaries.ts'

export * from 'node:fs/promises'

export const open: typeof fs.open = async (...how) => {
  const handle = await fs.open(...how)
  if (how[1] !== 'w') return handle
  watcher()?.at?.('after making a file')
  const sync = handle.sync.bind(handle)
  handle.sync = () => around('flushing a file', sync)
  return handle
}
export const rename: typeof fs.rename = (...names) => around('renaming a file', () => fs.rename(...names))
export const unlink: typeof fs.unlink = (path) => around('removing a file', () => fs.unlink(path))

async function around<T>(what: string, work: () => Promise<T>): Promise<T> {
  watcher()?.at?.(`before ${what}`)
  const done = await work()
  watcher()?.at?.(`after ${what}`)
  return done
}
