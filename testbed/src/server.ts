/**
 * A server in a process of its own, that speaks the protocol of Redis.
 *
 * Invariants: it answers when `launch` has resolved, and is gone when `kill` has; it does not outlive this process.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdtemp } from 'node:fs/promises'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { ask } from './ask.ts'
import { until } from './until.ts'

export type ServerProgram = 'redis-server' | 'valkey-server'

export interface Place {
  readonly port: number
  readonly folder: string
  /** Default redis-server. */
  readonly program?: ServerProgram | undefined
}

export interface Server extends Place {
  readonly child: ChildProcess
}

/** One that nobody else has. */
export async function newPlace(program?: ServerProgram): Promise<Place> {
  return { port: await freePort(), folder: await mkdtemp(join(tmpdir(), 'staleproof-server-')), program }
}

const living = new Set<ChildProcess>()

/** @param args all that it is started with: that it is in its place is theirs to say */
export async function launch(place: Place, args: readonly string[]): Promise<Server> {
  const { port, program = 'redis-server' } = place
  const child = spawn(program, args, { stdio: 'ignore' })
  endWithThisProcess(child)
  let failure: Error | undefined
  child.once('error', (error) => (failure = error))
  child.once('exit', (code) => (failure ??= new Error(`${program} on port ${port} ended with ${code}`)))
  const isThere = () => {
    if (failure !== undefined) throw failure
    return answers(port)
  }
  await until(isThere, `${program} on port ${port}`)
  return { ...place, child }
}

export async function kill(
  { child }: Pick<Server, 'child'>,
  signal: NodeJS.Signals = 'SIGKILL',
): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = once(child, 'exit')
  child.kill(signal)
  await ended
}

/** Whether a program is on this machine: `describe.skipIf(!isInstalled('valkey-server'))`. */
export function isInstalled(program: string): boolean {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin']
  return folders.some((folder) => folder !== '' && existsSync(join(folder, program)))
}

/** One that nobody has now. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

/** One that wants a password first is there as well. */
async function answers(port: number): Promise<boolean> {
  return /^(\+PONG|-NOAUTH)/.test(await ask(port, ['PING']).catch(() => ''))
}

function endWithThisProcess(child: ChildProcess): void {
  if (living.size === 0) process.once('exit', endAll)
  living.add(child)
  child.once('exit', () => {
    living.delete(child)
    if (living.size === 0) process.off('exit', endAll)
  })
}

function endAll(): void {
  for (const child of living) child.kill('SIGKILL')
}
