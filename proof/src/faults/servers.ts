/**
 * A real redis-server with a replica, and what can befall them: stops, kills, restarts that lose a tail, promotions.
 *
 *   nodes -> link each -> primary -> link between -> replica
 *
 * A promotion comes when the primary is dead: of two primaries at once each would promise for itself. What the replica
 * has not got by then is lost.
 *
 * Invariants: one primary at a time; only servers that were started here are ended; nothing is left after `close`.
 */
import { readdirSync, rmSync, statSync, truncateSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as after } from 'node:timers/promises'
import { ask, freePort, kill, start, type Server } from '../redis-server.ts'
import { Link, type Random } from './proxy.ts'

export class Servers {
  readonly #random: Random
  #primary: Server
  #replica: Server | undefined
  #between: Link | undefined

  private constructor(primary: Server, random: Random) {
    this.#primary = primary
    this.#random = random
  }

  static async open(random: Random): Promise<Servers> {
    const servers = new Servers(await start(await freePort()), random)
    await servers.#addReplica()
    return servers
  }

  /** Of whoever is the primary. */
  get port(): number {
    return this.#primary.port
  }

  ask(...words: readonly string[]): Promise<string> {
    return ask(this.#primary.port, words)
  }

  async pause(ms: number): Promise<void> {
    const { child } = this.#primary
    child.kill('SIGSTOP')
    await after(ms)
    child.kill('SIGCONT')
  }

  /** @param lostBytes of the end of its log on disk */
  async restart(downMs: number, lostBytes = 0): Promise<void> {
    const { port, folder } = this.#primary
    await kill(this.#primary)
    if (lostBytes > 0) loseTail(folder, lostBytes)
    await after(downMs)
    this.#primary = await start(port, folder)
  }

  /** What the primary acknowledges in the last `lostMs` of its life, the replica does not get. */
  async promote(lostMs: number): Promise<void> {
    const replica = this.#replica
    if (replica === undefined) return
    await this.#between?.switch({ is: 'drop', direction: 'both' })
    await after(lostMs)
    const old = this.#primary
    await kill(old)
    await ask(replica.port, ['REPLICAOF', 'NO', 'ONE'])
    this.#primary = replica
    this.#replica = undefined
    await this.#between?.close()
    rmSync(old.folder, { recursive: true, force: true })
    await this.#addReplica()
  }

  async close(): Promise<void> {
    await this.#between?.close()
    for (const server of [this.#primary, this.#replica]) {
      if (server === undefined) continue
      await kill(server)
      rmSync(server.folder, { recursive: true, force: true })
    }
  }

  /** Resolves when it follows. */
  async #addReplica(): Promise<void> {
    this.#between = await Link.open({ port: this.#primary.port, random: this.#random })
    const follow = ['--replicaof', `127.0.0.1 ${this.#between.port}`]
    const replica = await start(await freePort(), undefined, follow)
    const end = Date.now() + 10_000
    while (!(await ask(replica.port, ['INFO', 'replication'])).includes('master_link_status:up')) {
      if (Date.now() > end) throw new Error('the replica does not come up')
      await after(20)
    }
    this.#replica = replica
  }
}

/** Of the newest piece of the append-only file. */
function loseTail(folder: string, lostBytes: number): void {
  const home = join(folder, 'appendonlydir')
  const pieces = readdirSync(home).filter((name) => name.endsWith('.incr.aof'))
  for (const name of pieces) {
    const path = join(home, name)
    truncateSync(path, Math.max(0, statSync(path).size - lostBytes))
  }
}
