/**
 * A real redis-server that keeps what it is told, in memory that outlives it: to be killed, and started again on it.
 */
import { mkdtempSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { freePort, launch, type Server } from 'staleproof-testbed'
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

/** A sentinel that watches the primary on that port, calls it `primary`, and needs nobody else to promote its replica. */
export async function startSentinel(primaryPort: number, downAfterMs: number): Promise<Server> {
  const [port, folder] = [await freePort(), newFolder()]
  const file = join(folder, 'sentinel.conf')
  const lines = [
    ...[
      `port ${port}`,
      `dir ${folder}`,
      'bind 127.0.0.1',
      `sentinel monitor primary 127.0.0.1 ${primaryPort} 1`,
    ],
    ...[`sentinel down-after-milliseconds primary ${downAfterMs}`, 'sentinel failover-timeout primary 20000'],
  ]
  writeFileSync(file, `${lines.join('\n')}\n`)
  return launch({ port, folder }, [file, '--sentinel'])
}

function newFolder(): string {
  return mkdtempSync(join(memory(), 'staleproof-server-'))
}
