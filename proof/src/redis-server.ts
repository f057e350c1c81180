/**
 * A real redis-server in a process of its own, and one command to it without a client.
 *
 * Invariant: what was started here is ended by `kill`, and nobody else's.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as after } from 'node:timers/promises'
import { memory } from './crash/lives.ts'

export interface Server {
  readonly port: number
  readonly folder: string
  readonly child: ChildProcess
}

export async function start(
  port: number,
  folder = newFolder(),
  more: readonly string[] = [],
): Promise<Server> {
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

/** Resolves when it answers. */
async function launch({ port, folder }: Omit<Server, 'child'>, args: readonly string[]): Promise<Server> {
  const child = spawn('redis-server', args, { stdio: 'ignore' })
  const end = Date.now() + 20_000
  for (;;) {
    const answer = await ask(port, ['PING']).catch(() => '')
    if (answer.startsWith('+PONG')) return { port, folder, child }
    if (Date.now() > end) throw new Error(`redis-server on port ${port} does not answer: ${answer}`)
    await after(10)
  }
}

function newFolder(): string {
  return mkdtempSync(join(memory(), 'staleproof-server-'))
}

export async function kill({ child }: Server): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = once(child, 'exit')
  child.kill('SIGKILL')
  await ended
}

/** One command and the beginning of its answer. */
export function ask(port: number, words: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1' })
    socket.setTimeout(3000, () => socket.destroy(new Error(`no answer to ${words.join(' ')}`)))
    socket.once('error', reject)
    socket.once('data', (bytes) => {
      socket.destroy()
      resolve(bytes.toString())
    })
    const parts = words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`)
    socket.write(`*${words.length}\r\n${parts.join('')}`)
  })
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  server.close()
  await once(server, 'close')
  return port
}
