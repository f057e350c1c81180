/**
 * A real redis-server for a test: on a port of its own, in a folder of its own.
 *
 * Invariant: whatever was started here is ended by `endServers`, and its folder removed.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { type AddressInfo, connect, createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { vi } from 'vitest'

/** PEM files of a server that is called 127.0.0.1, which certifies itself. */
export interface Certificate {
  readonly cert: string
  readonly key: string
}

export class RedisServer {
  readonly url: string
  readonly port: number
  readonly #folder = mkdtempSync(join(tmpdir(), 'staleproof-redis-'))
  readonly #options: Readonly<Record<string, string>>
  #child: ChildProcess | undefined

  constructor(port: number, options: Readonly<Record<string, string>>) {
    this.port = port
    this.url = `redis://127.0.0.1:${port}`
    this.#options = options
    started.push(this)
  }

  /** On the same port as before, in the same folder. */
  async start(): Promise<this> {
    const settings = { port: this.port, dir: this.#folder, save: '', bind: '127.0.0.1', ...this.#options }
    const args = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, String(value)])
    this.#child = spawn('redis-server', args, { stdio: 'ignore' })
    await vi.waitFor(() => answered(this.port), { timeout: 8000, interval: 10 })
    return this
  }

  async kill(): Promise<void> {
    const child = this.#child
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    const ended = once(child, 'exit')
    child.kill('SIGKILL')
    await ended
  }

  async end(): Promise<void> {
    await this.kill()
    rmSync(this.#folder, { recursive: true, force: true })
  }
}

/** @param options of redis.conf: { 'maxmemory-policy': 'noeviction' } */
export async function startRedis(options: Readonly<Record<string, string>> = {}): Promise<RedisServer> {
  return new RedisServer(await freePort(), options).start()
}

/** One that is reached by TLS, too, and shows that certificate. */
export async function startTlsRedis({ cert, key }: Certificate): Promise<{ readonly url: string }> {
  const port = await freePort()
  const files = { 'tls-cert-file': cert, 'tls-key-file': key, 'tls-auth-clients': 'no' }
  await startRedis({ 'tls-port': String(port), ...files })
  return { url: `rediss://127.0.0.1:${port}` }
}

export function makeCertificate(folder: string): Certificate {
  const files = { cert: join(folder, 'cert.pem'), key: join(folder, 'key.pem') }
  const subject = ['-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1']
  const args = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', ...subject]
  execFileSync('openssl', [...args, '-keyout', files.key, '-out', files.cert], { stdio: 'ignore' })
  return files
}

/** A way to the server on which its answers take so long. */
export async function slowWayTo(
  { port }: { readonly port: number },
  delayMs: number,
): Promise<{ readonly url: string }> {
  const way = createServer((near) => {
    const far = connect(port, '127.0.0.1')
    near.pipe(far).on('error', () => near.destroy())
    near.on('error', () => far.destroy()).on('close', () => far.destroy())
    far.on('data', (bytes) => setTimeout(() => near.write(bytes), delayMs)).on('close', () => near.destroy())
  }).listen(0, '127.0.0.1')
  await once(way, 'listening')
  ways.push(way)
  return { url: `redis://127.0.0.1:${(way.address() as AddressInfo).port}` }
}

export async function endServers(): Promise<void> {
  for (const way of ways.splice(0)) way.close()
  await Promise.all(started.splice(0).map((server) => server.end()))
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

/** One that wants a password first is there as well. */
async function answered(port: number): Promise<void> {
  const socket = connect(port, '127.0.0.1')
  try {
    await once(socket, 'connect')
    socket.write('PING\r\n')
    const [bytes] = (await once(socket, 'data')) as [Buffer]
    if (!/^(\+PONG|-NOAUTH)/.test(bytes.toString())) throw new Error(`it answers ${bytes.toString()}`)
  } finally {
    socket.destroy()
  }
}

const started: RedisServer[] = []
const ways: Server[] = []
