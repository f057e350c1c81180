/**
 * A real redis-server that keeps what it is told, in memory that outlives it: to be killed, and started again on it.
 */
import { mkdtempSync } from 'node:fs'
import { join } from 'node:path'
import { launch, type Server } from 'staleproof-testbed'
import { memory } from './crash/lives.ts'

export { ask, freePort, kill, type Server } from 'staleproof-testbed'

export function start(port: number, folder = newFolder(), more: readonly string[] = []): Promise<Server> {
  const settings = {
    ...{ port, dir: folder, save: '', bind: '127.0.0.1', appendonly: 'yes', 'repl-diskless-sync-delay': 0 },
    ...{ 'repl-timeout': 60, 'aof-load-truncated': 'yes' },
  }
  const args = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, String(value)])
  return launch({ port, folder }, [...args, ...more])
}

function newFolder(): string {
  return mkdtempSync(join(memory(), 'staleproof-server-'))
}
