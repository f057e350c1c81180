/**
 * A primary and its replica under a sentinel that promotes by itself, and what can befall them.
 *
 *   nodes -> link each -> sentinel, which says where the primary is; nodes -> primary -> replica, without links
 *
 * A primary that was stopped is killed when the other has been promoted: of two primaries at once each would promise for
 * itself. It comes back as a replica.
 *
 * Invariants: as of servers.ts.
 */
import { rmSync } from 'node:fs'
import { setTimeout as after } from 'node:timers/promises'
import { ask, freePort, kill, start, startSentinel, type Server } from '../redis-server.ts'
import { following, type ServersOptions, stopFor } from './servers.ts'
import { nowMs } from './said.ts'

/** The sentinel calls a primary down that answers nothing for so long. */
const downAfterMs = 800
const promotedMsMax = 40_000

export class Watched {
  readonly #options: ServersOptions
  readonly #sentinel: Server
  #primary: Server
  #replica: Server

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
    old.child.kill(signal)
    await this.#until(async () => (await ask(next.port, ['ROLE'])).includes('master'), 'a promotion')
    await kill(old)
    this.#primary = next
    const { replicas = 0, onLost } = this.#options
    if (replicas === 0) onLost?.(nowMs())
    this.#replica = await start(old.port, old.folder, replicaOf(next))
    await following(this.#replica)
    await this.#known()
  }

  async close(): Promise<void> {
    for (const server of [this.#sentinel, this.#primary, this.#replica]) {
      await kill(server)
      rmSync(server.folder, { recursive: true, force: true })
    }
  }

  /** The sentinel knows who is who, and could promote again. */
  async #known(): Promise<void> {
    const isKnown = async () => {
      const address = await ask(this.port, ['SENTINEL', 'GET-MASTER-ADDR-BY-NAME', 'primary'])
      const replicas = await ask(this.port, ['SENTINEL', 'REPLICAS', 'primary'])
      return (
        address.includes(`\r\n${this.#primary.port}\r\n`) && /master-link-status\r\n\$2\r\nok/.test(replicas)
      )
    }
    await this.#until(isKnown, 'a sentinel that knows the replica')
  }

  async #until(holds: () => Promise<boolean>, what: string): Promise<void> {
    const end = nowMs() + promotedMsMax
    while (!(await holds())) {
      if (nowMs() > end) throw new Error(`there is not: ${what}`)
      await after(20)
    }
  }
}

function replicaOf({ port }: Server): readonly string[] {
  return ['--replicaof', `127.0.0.1 ${port}`]
}
