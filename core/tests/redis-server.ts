/**
 * A real redis-server for a test: on a port of its own, in a folder of its own, ended with the test.
 *
 * Invariants: nothing of it is left when `stop` has resolved; two of them have nothing in common.
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { systemClock, systemRandom } from '../src/model/clock.ts'

export interface RedisServer {
  readonly url: string
  readonly port: number
  readonly folder: string
  readonly pid: number
  /** Ends it as told (default SIGTERM), and waits until it is gone. */
  end(signal?: NodeJS.Signals): Promise<void>
  /** Starts it again in the same folder, on the same port. */
  start(): Promise<void>
  stop(): Promise<void>
}

export type ServerProgram = 'redis-server' | 'valkey-server'

/** Whether a program is on this machine: `describe.skipIf(!isInstalled('valkey-server'))`. */
export function isInstalled(program: string): boolean {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin']
  return folders.some((folder) => folder !== '' && existsSync(join(folder, program)))
}

/** @param options more of redis.conf: { 'appendonly': 'yes' } */
export async function startRedis(
  options: Readonly<Record<string, string>> = {},
  program: ServerProgram = 'redis-server',
): Promise<RedisServer> {
  return launch(program, (port, folder) => {
    const settings = { port, dir: folder, save: '', bind: '127.0.0.1', ...options }
    return Object.entries(settings).flatMap(([name, value]) => [`--${name}`, String(value)])
  })
}

/** @param argsOf what it is started with, each time */
export async function launch(
  program: ServerProgram,
  argsOf: (port: number, folder: string) => readonly string[],
): Promise<RedisServer> {
  const folder = await mkdtemp(join(tmpdir(), 'staleproof-redis-'))
  const port = await freePort()
  let child: ChildProcess | undefined
  const start = async () => {
    child = spawn(program, argsOf(port, folder), { stdio: 'ignore' })
    const failed = new Promise<never>((_, reject) => child?.once('error', reject))
    const answer = until(() => ping(port), `${program} on port ${port}`)
    await Promise.race([answer, failed])
  }
  const end = async (signal: NodeJS.Signals = 'SIGTERM') => {
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    const ended = new Promise((resolve) => child?.once('exit', resolve))
    child.kill(signal)
    await ended
  }
  const stop = async () => {
    await end('SIGKILL')
    await rm(folder, { recursive: true, force: true })
  }
  await start()
  return {
    ...{ url: `redis://127.0.0.1:${port}`, port, folder, start, end, stop },
    get pid() {
      return child?.pid as number
    },
  }
}

/** Waits for something that comes of itself, and says what did not come. */
export async function until(holds: () => unknown, what: string, limitMs = 20_000): Promise<void> {
  const end = performance.now() + limitMs
  while (!(await holds())) {
    if (performance.now() > end) throw new Error(`after ${limitMs} ms there still is not: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

/** One that wants a password first is there as well. */
function ping(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' }, () => socket.write('PING\r\n'))
    socket.once('error', () => resolve(false))
    socket.once('data', (bytes) => {
      socket.destroy()
      resolve(/^(\+PONG|-NOAUTH)/.test(bytes.toString()))
    })
  })
}

export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0))
    })
  })
}

/** What a client of Redis is lent. */
export const surroundings = { clock: systemClock(), random: systemRandom }
