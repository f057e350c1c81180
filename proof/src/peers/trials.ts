/**
 * Trials: two processes, A and B, on one Redis; 100 keys that both hold; sources change and A invalidates; how much of it
 * is stale afterwards. What a peer said failed is demanded of nobody.
 *
 * Invariant: processes and servers of a trial are gone when it has resolved.
 */
import { type ChildProcess, fork } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as after } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { memory } from '../crash/lives.ts'
import { Link } from '../faults/proxy.ts'
import { Servers } from '../faults/servers.ts'
import type { Answered, Asked } from './asked.ts'

const program = fileURLToPath(new URL('../../dist/peer-node.js', import.meta.url))
const random = () => 0.5
/** What comes back by itself is back by then. */
const recoverMs = 5000

class Process {
  readonly child: ChildProcess
  #id = 0

  constructor(peer: string, port: number, truth: string) {
    this.child = fork(program, [JSON.stringify({ peer, port, truth })], { silent: true })
    this.child.setMaxListeners(0)
  }

  ready(): Promise<number> {
    return this.#answer(0)
  }

  ask(ask: Asked['ask'], ms?: number): Promise<number> {
    const id = ++this.#id
    this.child.send({ id, ask, ...(ms === undefined ? {} : { ms }) } satisfies Asked)
    return this.#answer(id)
  }

  #answer(id: number): Promise<number> {
    return new Promise((resolve, reject) => {
      const onMessage = (answered: Answered) => {
        if (answered.id !== id) return
        this.child.off('message', onMessage)
        resolve(answered.value ?? 0)
      }
      this.child.on('message', onMessage)
      this.child.once('exit', () => reject(new Error('it ended')))
    })
  }
}

interface Stage {
  readonly a: Process
  readonly b: Process
  readonly linkOfB: Link
  readonly servers: Servers
}

/** What is written into the table. */
type Trial = (stage: Stage) => Promise<string>

export const trials: Readonly<Record<string, Trial>> = {
  async 'race: on A / on B'({ a, b }) {
    for (const process of [a, b]) await process.ask('slow', 1500)
    const reads = [a.ask('read'), b.ask('read')]
    await after(700)
    await a.ask('invalidate')
    await Promise.all(reads)
    for (const process of [a, b]) await process.ask('slow', 0)
    await after(500)
    return `${await a.ask('read')} / ${await b.ask('read')}`
  },

  'cut by RST': (stage) => cut(stage, async (link) => link.switch({ is: 'reset' })),

  'cut without a word': (stage) => cut(stage, async (link) => link.switch({ is: 'drop', direction: 'both' })),

  async 'SIGSTOP, 3 times: reads'({ a, b }) {
    let stale = 0
    for (let times = 0; times < 3; times++) {
      await warm(a, b)
      await b.ask('watch')
      await after(20 + times)
      b.child.kill('SIGSTOP')
      await a.ask('invalidate')
      // Longer than any lease.
      await after(3500)
      b.child.kill('SIGCONT')
      await after(500)
      stale += await b.ask('unwatch')
    }
    return String(stale)
  },

  async 'fail-over: on A / on B'({ a, b, servers }) {
    await warm(a, b)
    const promoted = servers.promote(600)
    await after(200)
    await a.ask('invalidate')
    await promoted
    await after(recoverMs)
    return `${await a.ask('read')} / ${await b.ask('read')}`
  },
}

async function cut({ a, b, linkOfB }: Stage, how: (link: Link) => Promise<void>): Promise<string> {
  await warm(a, b)
  await how(linkOfB)
  await after(300)
  await a.ask('invalidate')
  await after(2000)
  await linkOfB.switch({ is: 'pass' })
  await after(recoverMs)
  return String(await b.ask('read'))
}

async function warm(a: Process, b: Process): Promise<void> {
  for (const process of [a, b, a, b]) await process.ask('read')
  await after(100)
}

export async function runTrial(peer: string, trial: Trial): Promise<string> {
  const home = mkdtempSync(join(memory(), 'staleproof-peers-'))
  const servers = await Servers.open({ random })
  const server = {
    random,
    get port() {
      return servers.port
    },
  }
  const [linkOfA, linkOfB] = [await Link.open(server), await Link.open(server)]
  const [a, b] = [linkOfA, linkOfB].map(({ port }) => new Process(peer, port, join(home, 'truth'))) as [
    Process,
    Process,
  ]
  try {
    await Promise.all([a.ready(), b.ready()])
    return await trial({ a, b, linkOfB, servers })
  } catch (error) {
    return (error as Error).message
  } finally {
    for (const { child } of [a, b]) child.kill('SIGKILL')
    for (const link of [linkOfA, linkOfB]) await link.close()
    await servers.close()
    rmSync(home, { recursive: true, force: true })
  }
}
