/**
 * A place of a case: where a backing is opened, by one node or by several at once.
 *
 * A node is what one process is to it: it lends what a cache would, and keeps what it was told.
 * Invariant: two places have nothing in common; all nodes of a place are closed when its case ends.
 */
import { randomUUID } from 'node:crypto'
import type { Backing, BackingParts } from '../backing/contract.ts'
import type { Change, Log, LogRecord, LogState } from '../log/contract.ts'
import { systemClock, systemRandom } from '../model/clock.ts'
import type { Answer, SharedTier } from '../tiers/contract.ts'
import { policy } from './entries.ts'

/** What the cases need of a backing. */
export interface OpenedBacking extends Pick<Backing, 'log' | 'close'> {
  readonly shared?: SharedTier | undefined
}

/**
 * Opens a backing at a place, as a process of its own would. At a place that was never named before there is nothing;
 * what is opened at the same place shares what is there.
 */
export type OpenBacking = (parts: BackingParts, place: string) => Answer<OpenedBacking>

/** Keeps the records themselves, so that a dump shows all that is known. */
export class Witness implements LogState {
  readonly records: LogRecord[] = []
  /** Positions of records that were appended by the node itself. */
  readonly own: number[] = []
  /** Called with each record when it is applied. */
  onApply: ((record: LogRecord) => void) | undefined

  get size(): number {
    return this.records.length
  }

  /** Positions of all that is known, in the order in which it came. */
  get positions(): number[] {
    return this.records.map(({ n }) => n)
  }

  apply(record: LogRecord, isOwn: boolean): void {
    this.records.push(record)
    if (isOwn) this.own.push(record.n)
    this.onApply?.(record)
  }

  dump(): unknown {
    return structuredClone(this.records)
  }

  declared(): unknown {
    return []
  }

  missing(): readonly Change[] {
    return []
  }

  load(dump: unknown): void {
    this.records.splice(0, this.records.length, ...((dump as LogRecord[] | undefined) ?? []))
  }
}

export interface Node extends OpenedBacking {
  readonly witness: Witness
}

/** All that was appended before is applied. */
export async function caughtUp(log: Log): Promise<void> {
  log.catchUp()
  await log.membership?.refresh()
}

export class Place {
  readonly #name = randomUUID()
  readonly #open: OpenBacking
  readonly #nodes = new Set<Node>()

  constructor(open: OpenBacking) {
    this.#open = open
  }

  async open(): Promise<Node> {
    const witness = new Witness()
    const backing = await this.#open(lent(witness), this.#name)
    const { log, shared } = backing
    const node = { witness, log, shared, close: () => backing.close() }
    this.#nodes.add(node)
    await caughtUp(log)
    return node
  }

  async end(node: Node): Promise<void> {
    if (!this.#nodes.delete(node)) return
    await node.shared?.close()
    await node.close()
  }

  async close(): Promise<void> {
    for (const node of this.#nodes) await this.end(node)
  }
}

function lent(state: LogState): BackingParts {
  return {
    clock: systemClock(),
    state,
    policyOf: (name) => ({ ...policy, name }),
    isInUse: () => false,
    isInvalid: () => false,
    isCertainlyInvalid: () => false,
    queue: { sizeMax: undefined },
    history: { keepFor: '1h', keepCount: 1000 },
    random: systemRandom,
    boundMs: 5000,
    onError: () => undefined,
    onNode: () => undefined,
    onReached: () => undefined,
    onWritten: () => undefined,
  }
}
