/**
 * A real server in the place of the simulated one: started here, with its clock set before each step, and with the faults
 * of the simulated one.
 *
 * A restart or promotion is another replication id, with what the replica had by then put back in place of what is there:
 * who replays a run knows beforehand which states will be asked for again, and keeps those (`keep`).
 */
import { rmSync } from 'node:fs'
import { Redis as Client } from 'ioredis'
import { prefix } from './driver.ts'
import { freePort, kill, start, type Server } from '../redis-server.ts'

/** Everything that is held, with the time that it has left. */
const dumpScript = `
local all = {}
for _, key in ipairs(redis.call('KEYS', '*')) do
  all[#all + 1] = key
  all[#all + 1] = math.max(0, redis.call('PTTL', key))
  all[#all + 1] = redis.call('DUMP', key)
end
return all
`

const restoreScript = `
redis.call('FLUSHALL')
for i = 1, #ARGV, 3 do redis.call('RESTORE', ARGV[i], ARGV[i + 1], ARGV[i + 2]) end
`

export class RealServer {
  readonly url: string
  readonly #server: Server
  readonly #client: Client
  /** step -> all that was held after it */
  readonly #kept = new Map<number, (string | number | Buffer)[]>()

  private constructor(server: Server) {
    this.#server = server
    this.url = `redis://127.0.0.1:${server.port}`
    this.#client = new Client(this.url)
  }

  static async open(): Promise<RealServer> {
    const settings = ['--appendonly', 'no', '--enable-debug-command', 'local']
    return new RealServer(await start(await freePort(), undefined, settings))
  }

  /** As it was in the beginning. */
  async clear(): Promise<void> {
    this.#kept.clear()
    await this.flush()
    await this.keep(0)
  }

  /** What is held now can be put back: it is what was held after that step. */
  async keep(step: number): Promise<void> {
    this.#kept.set(step, (await this.#client.callBuffer('EVAL', dumpScript, 0)) as (string | Buffer)[])
  }

  async promote(step: number): Promise<void> {
    const all = this.#kept.get(step)
    if (all === undefined) throw new Error(`what was held after step ${step} was not kept`)
    await this.#client.call('EVAL', restoreScript, 0, ...all)
    await this.#client.call('DEBUG', 'CHANGE-REPL-ID')
  }

  async flush(): Promise<void> {
    await this.#client.flushall()
  }

  /** @param part of the log, by the end of its name */
  async delete(part: 'log' | 'snapshot' | 'nodes' | `e:${string}` | `turn:${string}`): Promise<void> {
    await this.#client.del(`${prefix}:${part}`)
  }

  generation(): Promise<string | null> {
    return this.#client.hget(`${prefix}:meta`, 'generation')
  }

  async close(): Promise<void> {
    this.#client.disconnect()
    await kill(this.#server)
    rmSync(this.#server.folder, { recursive: true, force: true })
  }
}
