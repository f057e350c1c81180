/**
 * A directory beneath the log of others: a tier of this node alone, and what it owes that log.
 *
 * Entries carry the generation and the stamps of that log, and are judged by it after they were read, so that a node which
 * was away for long serves nothing old: it knows what came meanwhile before it serves at all. Processes of one machine
 * may share it.
 *
 *   outbox   sequence -> sealed change, which was in force here before it could be appended
 *
 * Invariant: from here on nothing is known of the directory's own log: what was kept under it is never served again.
 */
import type { Beneath, BeneathParts } from '../backing/contract.ts'
import type { Change, ChangeOutbox, KeptChange } from '../log/contract.ts'
import type { DiskState } from '../model/backing.ts'
import { sealed, unsealed } from '../bytes/codec.ts'
import type { Environment, Table } from './environment.ts'
import { openDirectory, type Opened, type Sizes } from './open.ts'
import { DiskTier } from './tier.ts'

export class DiskBeneath implements Beneath {
  readonly tier: DiskTier
  readonly outbox: ChangeOutbox
  readonly #opened: Opened

  constructor(sizes: Sizes, parts: BeneathParts) {
    this.#opened = openDirectory(sizes, parts)
    const { environment } = this.#opened
    endOwnGeneration(environment)
    this.outbox = new DiskOutbox(environment, parts.onError)
    const { logOf } = parts
    const log = {
      get generation() {
        return logOf().generation
      },
      get applied() {
        return logOf().applied
      },
      isCurrent: true,
      catchUp: () => undefined,
      commit: <T>(work: () => T) => environment.transact(work),
      // What leaves this tier leaves this node's only.
      put: () => logOf().applied,
    }
    this.tier = new DiskTier({ ...parts, ...sizes, environment, log, isShared: () => false })
  }

  get state(): DiskState {
    const { environment, nodes } = this.#opened
    const { usage, sweep } = this.tier
    const putAside = environment.putAside ?? null
    const others = nodes.others()
    return { name: 'disk', status: 'ok', error: null, putAside, others, waiting: 0, usage, sweep }
  }

  /** The tier was closed before. */
  async close(): Promise<void> {
    const { environment, nodes, tail } = this.#opened
    await environment.flush()
    await environment.close()
    nodes.leave()
    tail.close()
  }
}

/** When the directory is opened by itself again it must not trust what nobody told it of. */
function endOwnGeneration(environment: Environment): void {
  const meta = environment.table<Buffer>('meta', 'bytes')
  const key = Buffer.from('generation')
  if (meta.get(key) !== undefined) environment.transactNow(() => void meta.remove(key))
}

class DiskOutbox implements ChangeOutbox {
  readonly #environment: Environment
  readonly #rows: Table<number>
  readonly #onError: (error: unknown, during: string) => void

  constructor(environment: Environment, onError: (error: unknown, during: string) => void) {
    this.#environment = environment
    this.#rows = environment.table('outbox', 'numbers')
    this.#onError = onError
  }

  get kept(): readonly KeptChange[] {
    return [...this.#rows.getRange()].flatMap(({ key: id, value }) => this.#read(id, value))
  }

  async keep(change: Change): Promise<number> {
    const id = await this.#environment.transact(() => {
      const [last = 0] = this.#rows.getKeys({ reverse: true, limit: 1 })
      void this.#rows.put(last + 1, sealed(change))
      return last + 1
    })
    await this.#environment.flush()
    return id
  }

  async drop(ids: readonly number[]): Promise<void> {
    await this.#environment.transact(() => {
      for (const id of ids) void this.#rows.remove(id)
    })
  }

  /** What it said cannot be known: everything may have been meant. */
  #read(id: number, value: Buffer): KeptChange[] {
    try {
      return [{ id, change: unsealed<Change>(value, `change ${id} of the outbox`) }]
    } catch (error) {
      this.#onError(error, 'reading the outbox: everything counts as invalidated')
      return [{ id, change: { kind: 'invalidate', names: [], prefixes: [''] } }]
    }
  }
}
