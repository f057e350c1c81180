/**
 * A redis-server for a measurement: on a port of its own, nothing kept on the disk, ended with this process at the latest.
 */
import { spawn } from 'node:child_process'
import { connect, createServer } from 'node:net'
import { turn } from './rounds.ts'

export interface Server {
  readonly port: number
  stop(): void
}

export async function startServer(): Promise<Server> {
  const port = await freePort()
  const child = spawn('redis-server', ['--port', String(port), '--bind', '127.0.0.1', '--save', ''], {
    stdio: 'ignore',
  })
  let failure: unknown
  child.once('error', (error) => (failure = error))
  child.once('exit', (code) => (failure ??= new Error(`redis-server ended with code ${String(code)}`)))
  const stop = () => void child.kill()
  process.once('exit', stop)
  while (!(await answers(port))) {
    if (failure !== undefined) throw new Error('redis-server cannot be started', { cause: failure })
    await turn()
  }
  return { port, stop }
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.write('PING\r\n'))
    socket.once('error', () => resolve(false))
    socket.once('data', (bytes) => {
      socket.destroy()
      resolve(bytes.toString().startsWith('+PONG'))
    })
  })
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number }
      server.close(() => resolve(port))
    })
  })
}
