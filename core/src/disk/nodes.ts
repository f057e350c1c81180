/**
 * Nodes: the processes that have the directory open.
 *
 * A node that is gone without having left is found by its process: on this machine, since this boot, with this id and
 * start time. Of a process in another namespace (a container) only its beats tell: a late one counts as gone.
 *
 * Invariants: a node that lives on this machine is never taken for dead; one that was killed is, at the next look.
 */
import { readFileSync, readlinkSync } from 'node:fs'
import type { Clock, Timer } from '../model/clock.ts'
import { sealed, unsealed } from './codec.ts'
import type { Environment, Table } from './environment.ts'

interface NodeRow {
  readonly id: string
  readonly pid: number
  /** Boot of the machine, and namespace in which the id counts; '' where the system does not tell. */
  readonly boot: string
  readonly space: string
  /** Start of the process, in ticks since the boot; 0 where the system does not tell. */
  readonly startTick: number
  /** ms since 1970. */
  readonly beatAt: number
}

const beatMs = 5000
/** A process that is seen by its beats only may stand still for so long. */
const lateMs = 30_000

export interface NodesParts {
  readonly environment: Environment
  readonly clock: Clock
  readonly id: string
  /** A transaction that others are to notice. */
  readonly commit: (work: () => void) => Promise<void>
  readonly onError: (error: unknown, during: string) => void
}

export class Nodes {
  readonly id: string
  readonly #environment: Environment
  readonly #clock: Clock
  readonly #commit: NodesParts['commit']
  readonly #onError: NodesParts['onError']
  readonly #table: Table<Buffer>
  readonly #self: Omit<NodeRow, 'beatAt'>
  #timer: Timer | undefined

  constructor({ environment, clock, id, commit, onError }: NodesParts) {
    this.id = id
    this.#commit = commit
    this.#environment = environment
    this.#clock = clock
    this.#onError = onError
    this.#table = environment.table('nodes', 'bytes')
    this.#self = { id, pid: process.pid, boot: bootId(), space: spaceId(), startTick: startTick(process.pid) }
  }

  /** Resolves when others can see it. Those that are gone are taken out. */
  async join(): Promise<void> {
    await this.#commit(() => {
      this.#bury()
      this.#putRow()
    })
    this.#beatLater()
  }

  async leave(): Promise<void> {
    this.#timer?.cancel()
    await this.#commit(() => void this.#table.remove(Buffer.from(this.id)))
  }

  /** How many have it open besides this one, those that died unseen included. */
  others(): number {
    let others = 0
    for (const key of this.#table.getKeys()) if (key.toString() !== this.id) others++
    return others
  }

  /** Whether the node is gone. One that was never seen is. */
  isGone(id: string): boolean {
    if (id === this.id) return false
    const bytes = this.#table.get(Buffer.from(id))
    return bytes === undefined || this.#isDead(rowOf(bytes))
  }

  #bury(): void {
    for (const { key, value } of [...this.#table.getRange()]) {
      const row = rowOf(value)
      if (row.id !== this.id && this.#isDead(row)) void this.#table.remove(Buffer.from(key))
    }
  }

  #isDead(row: NodeRow): boolean {
    if (row.boot !== this.#self.boot) return true
    if (row.space !== this.#self.space) return this.#clock.now() - row.beatAt > lateMs
    return !isAlive(row.pid) || (row.startTick !== 0 && startTick(row.pid) !== row.startTick)
  }

  #putRow(): void {
    const row: NodeRow = { ...this.#self, beatAt: this.#clock.now() }
    void this.#table.put(Buffer.from(this.id), sealed(row))
  }

  async #beat(): Promise<void> {
    const before = this.others()
    await this.#environment.transact(() => {
      this.#bury()
      this.#putRow()
    })
    if (this.others() !== before) await this.#commit(() => undefined)
  }

  #beatLater(): void {
    this.#timer = this.#clock.schedule(beatMs, () => {
      if (this.#environment.closed) return
      void this.#beat().catch((error: unknown) => this.#onError(error, 'telling that this process lives'))
      this.#beatLater()
    })
  }
}

function rowOf(bytes: Buffer): NodeRow {
  return unsealed<NodeRow>(bytes, 'the row of a process')
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    // EPERM: it lives, and is somebody else's.
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

/** Start of a process in ticks since the boot (proc(5): field 22 of stat); 0 where the system does not tell. */
function startTick(pid: number): number {
  const stat = told(() => readFileSync(`/proc/${pid}/stat`, 'latin1'))
  return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? 0)
}

function bootId(): string {
  return told(() => readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim())
}

function spaceId(): string {
  return told(() => readlinkSync('/proc/self/ns/pid'))
}

/** What the system tells, or '' where there is no such file. */
function told(ask: () => string): string {
  try {
    return ask()
  } catch {
    return ''
  }
}
