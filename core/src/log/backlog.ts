/**
 * Backlog: wide records, which reach more names than one tick should write into the ledger.
 *
 *   record --> open: judged by what is above a name --> written, in slices --> closed: judged by the ledger
 *
 * What an open record reaches is not known by name. But whether it may have reached one name can be told from there:
 * above it, among all that it is declared to depend on, would be a target of the record.
 *
 * Invariants: whatever an open record reaches counts as reached, and perhaps more; a record is closed when all that it
 * reaches is in the ledger; declared edges may come while one is open, and go only while none is, so that what led to
 * a name when the record came leads to it still.
 */
import type { LogRecord } from './contract.ts'

/** What a record reaches through the declared graph, itself included. */
export interface Reached {
  readonly names: Iterable<string>
  readonly prefixes: readonly string[]
}

/** The same of a wide record, found while it is asked for; undefined: nothing was found for a while. */
export interface WideReach extends Reached, Iterable<string | undefined> {
  readonly targets: Reached
}

/** The name and all that it is declared to depend on; undefined if that cannot be told quickly. */
export type Above = (name: string) => Iterable<string> | undefined

interface Open {
  readonly record: LogRecord
  readonly reach: WideReach
  readonly names: ReadonlySet<string>
  readonly left: Iterator<string | undefined, void>
}

export class Backlog {
  readonly #above: Above
  /** In the order in which they came; the first is being written. */
  #open: Open[] = []

  constructor(above: Above) {
    this.#above = above
  }

  get size(): number {
    return this.#open.length
  }

  /** Position of the first open record; Infinity if none is. */
  get oldest(): number {
    return this.#open[0]?.record.n ?? Infinity
  }

  /** Position of the last open record; 0 if none is. */
  get newest(): number {
    return this.#open.at(-1)?.record.n ?? 0
  }

  /** @returns the record that it takes the place of: one of the same kind and targets, if that was not begun */
  add(record: LogRecord, reach: WideReach): LogRecord | undefined {
    const same = this.#open.find((other, place) => place > 0 && isSame(other, { record, reach }))
    this.#open = this.#open.filter((other) => other !== same)
    this.#open.push({ record, reach, names: new Set(reach.targets.names), left: reach[Symbol.iterator]() })
    return same?.record
  }

  /** Forgets the open records: all that is known is about to be replaced. */
  clear(): void {
    this.#open = []
  }

  /** What is to be written next: a name, or undefined for a while; at the end of a record its prefixes. */
  next(): { record: LogRecord; name: string | undefined; prefixes: readonly string[] } | undefined {
    const first = this.#open[0]
    if (first === undefined) return undefined
    const { record, reach } = first
    const { done, value } = first.left.next()
    if (done !== true) return { record, name: value, prefixes: [] }
    this.#open.shift()
    return { record, name: undefined, prefixes: reach.prefixes }
  }

  /** The open records after `n` that may have reached the name. */
  reaching(n: number, name: string): LogRecord[] {
    const later = this.#open.filter(({ record }) => record.n > n)
    if (later.length === 0) return []
    const above = this.#above(name)
    const reaching = above === undefined ? later : later.filter((open) => speaksOf(open, above))
    return reaching.map(({ record }) => record)
  }
}

function speaksOf({ names, reach }: Open, above: Iterable<string>): boolean {
  for (const name of above) {
    if (names.has(name) || reach.targets.prefixes.some((prefix) => name.startsWith(prefix))) return true
  }
  return false
}

function isSame(a: Pick<Open, 'record' | 'reach'>, b: Pick<Open, 'record' | 'reach'>): boolean {
  if ((a.record.kind === 'soft') !== (b.record.kind === 'soft')) return false
  return identityOf(a.reach.targets) === identityOf(b.reach.targets)
}

function identityOf({ names, prefixes }: Reached): string {
  return JSON.stringify([[...names], prefixes])
}
