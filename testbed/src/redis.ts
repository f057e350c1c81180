/**
 * A plain redis-server, which may be ended and started again: on a port of its own, in a folder of its own.
 *
 * Invariants: nothing of it is left when `stop` has resolved; two of them have nothing in common.
 */
import { rm } from 'node:fs/promises'
import { kill, launch, newPlace, type Place, type Server, type ServerProgram } from './server.ts'

/** More of redis.conf: { 'appendonly': 'yes' } */
export type Settings = Readonly<Record<string, string>>

export class RedisServer {
  readonly url: string
  readonly #place: Place
  readonly #args: readonly string[]
  #server: Server | undefined

  /** It is not started yet. */
  constructor(place: Place, args: readonly string[]) {
    this.url = `redis://127.0.0.1:${place.port}`
    this.#place = place
    this.#args = args
  }

  get port(): number {
    return this.#place.port
  }

  /** Of its process. */
  get pid(): number {
    return this.#server?.child.pid as number
  }

  /** Also again, in the same folder, on the same port. */
  async start(): Promise<void> {
    this.#server = await launch(this.#place, this.#args)
  }

  /** Ends it as told, and waits until it is gone. */
  async end(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    if (this.#server !== undefined) await kill(this.#server, signal)
  }

  async stop(): Promise<void> {
    await this.end('SIGKILL')
    await rm(this.#place.folder, { recursive: true, force: true })
  }
}

export async function startRedis(settings: Settings = {}, program?: ServerProgram): Promise<RedisServer> {
  const place = await newPlace(program)
  const all = { port: place.port, dir: place.folder, save: '', bind: '127.0.0.1', ...settings }
  const args = Object.entries(all).flatMap(([name, value]) => [`--${name}`, String(value)])
  const server = new RedisServer(place, args)
  await server.start()
  return server
}
