/**
 * The door to `lmdb` of a library under proof: every transaction and every flush has its boundaries.
 *
 * Invariant: what one handle is asked to do is done in the order in which it was asked, as without the door.
 */
import { createRequire } from 'node:module'
import { watcher, type Watcher } from './boundaries.ts'

type Done = (error?: Error | null) => void

/** What is changed of a handle. */
interface Root {
  childTransaction<T>(work: () => T): Promise<T>
  transactionSync<T>(work: () => T): T
  sync(done: Done): void
}

type Open = (options: { path: string }) => Root

// It is the library's package, not one of ours.
const require = createRequire(new URL('../../core/package.json', import.meta.url))
const lmdb = require('lmdb') as { open: Open }

export const open: Open = (options) => {
  const root = lmdb.open(options)
  const by = watcher()
  if (by === undefined) return root
  watchTransactions(root, by)
  watchFlushes(root, { by, directory: options.path })
  return root
}

function watchTransactions(root: Root, by: Watcher): void {
  const transact = root.childTransaction.bind(root)
  const transactNow = root.transactionSync.bind(root)
  let before: Promise<unknown> = Promise.resolve()
  const whole = <T>(work: () => T) => {
    const done = work()
    by.at?.('within a transaction')
    return done
  }
  root.childTransaction = <T>(work: () => T): Promise<T> => {
    by.at?.('before a transaction')
    const begin = () => transact(() => whole(work))
    const done = by.pass === undefined ? begin() : before.then(() => passed(by, begin))
    before = done.catch(() => undefined)
    return done.then((result) => {
      by.at?.('after a transaction')
      return result
    })
  }
  root.transactionSync = <T>(work: () => T): T => {
    by.at?.('before a transaction at once')
    const result = transactNow(() => whole(work))
    by.at?.('after a transaction at once')
    return result
  }
}

async function passed<T>(by: Watcher, begin: () => Promise<T>): Promise<T> {
  await by.pass?.('transaction')
  try {
    return await begin()
  } finally {
    by.ended?.()
  }
}

function watchFlushes(root: Root, { by, directory }: { by: Watcher; directory: string }): void {
  const sync = root.sync.bind(root)
  const flush = (done: Done) => {
    by.at?.('before a flush')
    const flushing = by.flushing?.(directory)
    sync((error) => {
      if (!error) flushing?.flushed()
      by.at?.('after a flush')
      done(error)
    })
  }
  root.sync = (done) => {
    if (by.pass === undefined) return flush(done)
    const passed = by.pass('flush')
    const later = async () => {
      await passed
      flush((error) => {
        by.ended?.()
        done(error)
      })
    }
    void later()
  }
}
