/**
 * A primary and its replica under a sentinel that promotes by itself, and what can befall them.
 *
 *   nodes -> link each -> sentinel, which says where the primary is; nodes -> primary -> replica, without links
 *
 * A primary that was stopped is killed when the other has been promoted, and comes back as a replica: of two primaries at
 * once each would promise for itself. On a busy machine the sentinel may take one for dead that is alive, and promote the
 * other beside it: for that nothing is promised, and the run is void (`hasSplit`).
 *
 * Invariants: as of servers.ts.
 */
import { rmSync } from 'node:fs'
import { setTimeout as after } from 'node:timers/promises'
import { ask, freePort, kill, start, startSentinel, type Server } from '../redis-server.ts'
import { following, type ServersOptions, stopFor } from './servers.ts'
import { nowMs } from './said.ts'

/** The sentinel calls a primary down that answers nothing for so long. */
const downAfterMs = 1500
const lookEveryMs = 30
const promotedMsMax = 40_000

export class Watched {
  readonly #options: ServersOptions
  readonly #sentinel: Server
  #primary: Server
  #replica: Server
  /** A primary that is dead or stopped, and serves nobody any more. */
  #gone: Server | undefined
  /** There were two primaries at once. */
  hasSplit = false
  #isClosed = false

  private constructor(
    options: ServersOptions,
    [primary, replica, sentinel]: readonly [Server, Server, Server],
  ) {
    this.#options = options
    this.#primary = primary
    this.#replica = replica
    this.#sentinel = sentinel
  }

  static async open(options: ServersOptions): Promise<Watched> {
    const primary = await start(await freePort())
    const replica = await start(await freePort(), undefined, replicaOf(primary))
    await following(replica)
    const watched = new Watched(options, [primary, replica, await startSentinel(primary.port, downAfterMs)])
    await watched.#known()
    void watched.#look()
    return watched
  }

  /** Of the sentinel. */
  get port(): number {
    return this.#sentinel.port
  }

  ask(...words: readonly string[]): Promise<string> {
    return ask(this.#primary.port, words)
  }

  async flush(): Promise<void> {
    await this.ask('FLUSHALL')
    this.#options.onLost?.(nowMs())
  }

  /** For less than what makes the sentinel promote another. */
  pause(ms: number): Promise<void> {
    return stopFor(this.#primary, ms)
  }

  pauseSentinel(ms: number): Promise<void> {
    return stopFor(this.#sentinel, ms)
  }

  /** Resolves when the other was promoted, and this one follows it. */
  async failOver(signal: 'SIGKILL' | 'SIGSTOP'): Promise<void> {
    const [old, next] = [this.#primary, this.#replica]
    this.#gone = old
    old.child.kill(signal)
    await this.#until(async () => (await isPrimary(next)) && (await this.#isNamed(next)), 'a promotion')
    await kill(old)
    this.#primary = next
    const { replicas = 0, onLost } = this.#options
    if (replicas === 0) onLost?.(nowMs())
    this.#replica = await start(old.port, old.folder, replicaOf(next))
    this.#gone = undefined
    await following(this.#replica)
    await this.#known()
  }

  async close(): Promise<void> {
    this.#isClosed = true
    for (const server of [this.#sentinel, this.#primary, this.#replica]) {
      await kill(server)
      rmSync(server.folder, { recursive: true, force: true })
    }
  }

  /** The sentinel knows who is who, and could promote again. */
  async #known(): Promise<void> {
    const isKnown = async () => {
      const replicas = await ask(this.port, ['SENTINEL', 'REPLICAS', 'primary'])
      return /master-link-status\r\n\$2\r\nok/.test(replicas) && this.#isNamed(this.#primary)
    }
    await this.#until(isKnown, 'a sentinel that knows the replica')
  }

  async #isNamed({ port }: Server): Promise<boolean> {
    const address = await ask(this.port, ['SENTINEL', 'GET-MASTER-ADDR-BY-NAME', 'primary'])
    return address.includes(`\r\n${port}\r\n`)
  }

  async #look(): Promise<void> {
    while (!this.#isClosed && !this.hasSplit) {
      // One and the same, while a dead one is not started again yet.
      const both = [...new Set([this.#primary, this.#replica])].filter((server) => server !== this.#gone)
      const primaries = await Promise.all(both.map((server) => isPrimary(server).catch(() => false)))
      const isNews = both.every((server) => server !== this.#gone)
      this.hasSplit = isNews && both.length > 1 && primaries.every((is) => is)
      await after(lookEveryMs)
    }
  }

  async #until(holds: () => Promise<boolean>, what: string): Promise<void> {
    const end = nowMs() + promotedMsMax
    while (!this.hasSplit && !(await holds().catch(() => false))) {
      if (nowMs() > end) throw new Error(`there is not: ${what}`)
      await after(20)
    }
  }
}

async function isPrimary({ port }: Server): Promise<boolean> {
  return (await ask(port, ['ROLE'])).includes('master')
}

function replicaOf({ port }: Server): readonly string[] {
  return ['--replicaof', `127.0.0.1 ${port}`]
}
