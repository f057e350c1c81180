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
import type { Promotion } from './logged.ts'
import { type Fault, Link, type Random } from './proxy.ts'
import { nowMs } from './said.ts'

export interface ServersOptions {
  readonly random: Random
  /** That nodes wait for, so that what was acknowledged is not lost with the primary. Default 0. */
  readonly replicas?: number
  /** What was acknowledged until then may be lost. */
  readonly onLost?: (at: number) => void
  readonly onPromoted?: (promotion: Promotion) => void
}

export class Servers {
  readonly #options: ServersOptions
  #primary: Server
  #replica: Server | undefined
  #between: Link | undefined

  private constructor(primary: Server, options: ServersOptions) {
    this.#primary = primary
    this.#options = options
  }

  static async open(options: ServersOptions): Promise<Servers> {
    const servers = new Servers(await start(await freePort()), options)
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

  async flush(): Promise<void> {
    await this.ask('FLUSHALL')
    this.#options.onLost?.(nowMs())
  }

  async pause(ms: number): Promise<void> {
    await stopFor(this.#primary, ms)
  }

  async pauseReplica(ms: number): Promise<void> {
    if (this.#replica !== undefined) await stopFor(this.#replica, ms)
  }

  /** Between primary and replica. What was swallowed never comes, so that the connection is made anew then. */
  async disturb(fault: Fault, ms: number): Promise<void> {
    await this.#between?.switch(fault)
    await after(ms)
    if (fault.is === 'drop') await this.#between?.switch({ is: 'reset' })
    await this.#between?.switch({ is: 'pass' })
    await this.#followed()
  }

  /** @param lostBytes of the end of its log on disk */
  async restart(downMs: number, lostBytes = 0): Promise<void> {
    const { port, folder } = this.#primary
    await kill(this.#primary)
    if (lostBytes > 0) loseTail(folder, lostBytes)
    await after(downMs)
    this.#primary = await start(port, folder)
    if (lostBytes > 0) this.#options.onLost?.(nowMs())
    // Nothing is acknowledged before it is there again.
    if ((this.#options.replicas ?? 0) > 0) await this.#followed()
  }

  /** What the primary acknowledges in the last `lostMs` of its life, the replica does not get. */
  async promote(lostMs: number): Promise<void> {
    const replica = this.#replica
    if (replica === undefined) return
    await this.#between?.switch({ is: 'drop', direction: 'both' })
    await after(lostMs)
    const old = this.#primary
    await kill(old)
    while (!(await ask(replica.port, ['REPLICAOF', 'NO', 'ONE'])).startsWith('+OK')) await after(10)
    await this.#tellOf(replica)
    this.#primary = replica
    this.#replica = undefined
    await this.#between?.close()
    rmSync(old.folder, { recursive: true, force: true })
    await this.#addReplica()
  }

  /** Before anybody has asked it: then a generation begins, and its log is another. */
  async #tellOf(promoted: Server): Promise<void> {
    const { replicas = 0, onLost, onPromoted } = this.#options
    if (replicas === 0) return onLost?.(nowMs())
    const meta = await ask(promoted.port, ['HMGET', '{faults}:meta', 'generation', 'n'])
    const [, , generation, , n] = meta.split('\r\n')
    if (n !== undefined && /^\d+$/.test(n)) onPromoted?.({ generation: generation as string, n: Number(n) })
  }

  async close(): Promise<void> {
    await this.#between?.close()
    for (const server of [this.#primary, this.#replica]) {
      if (server === undefined) continue
      await kill(server)
      rmSync(server.folder, { recursive: true, force: true })
    }
  }

  async #followed(): Promise<void> {
    const end = Date.now() + 20_000
    while (!(await this.ask('INFO', 'replication')).includes('state=online')) {
      if (Date.now() > end) throw new Error('the replica does not come back')
      await after(20)
    }
  }

  /** Resolves when it follows. */
  async #addReplica(): Promise<void> {
    this.#between = await Link.open({ port: this.#primary.port, random: this.#options.random })
    const follow = ['--replicaof', `127.0.0.1 ${this.#between.port}`]
    const replica = await start(await freePort(), undefined, follow)
    await following(replica)
    this.#replica = replica
  }
}

export async function stopFor({ child }: Server, ms: number): Promise<void> {
  child.kill('SIGSTOP')
  await after(ms)
  child.kill('SIGCONT')
}

/** Resolves when it has what its primary has. */
export async function following({ port }: Server): Promise<void> {
  const end = Date.now() + 20_000
  while (!(await ask(port, ['INFO', 'replication'])).includes('master_link_status:up')) {
    if (Date.now() > end) throw new Error('the replica does not come up')
    await after(20)
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
