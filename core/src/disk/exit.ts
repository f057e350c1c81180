/**
 * Exit: lets a process end while LMDB is in the middle of a transaction.
 *
 * LMDB's thread waits there for work that this thread does, and Node, when it exits, waits for that thread: neither
 * would ever end; and if LMDB's own listener of `exit` comes first, it frees what its thread still uses (lmdb 3.5). What is
 * not committed is not done, as after a crash, and nobody was told that it was. So the process ends at once then, with
 * its code, and without calling other listeners of `exit`: who wants more closes the cache. Node tells of an error that
 * nobody caught after that, and so it is told here.
 */
import { writeSync } from 'node:fs'
import { inspect } from 'node:util'
import { libc } from './libc.ts'

/** How many environments are in a transaction now. */
let writing = 0
let isListening = false
let uncaught: unknown

/** Around each transaction. */
export function enterTransaction(): void {
  if (!isListening) listen()
  writing++
}

export function leaveTransaction(): void {
  writing--
}

function listen(): void {
  isListening = true
  process.prependListener('exit', endNow)
  process.on('uncaughtExceptionMonitor', (error) => {
    uncaught = error
  })
}

function endNow(code: number): void {
  if (writing === 0) return
  if (uncaught !== undefined) writeSync(2, `Uncaught ${inspect(uncaught)}\n`)
  if (process.platform !== 'win32') libc().func('void _exit(int status)')(code)
  process.kill(process.pid, 'SIGKILL')
}
