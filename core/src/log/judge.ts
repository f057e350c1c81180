/**
 * Judge: whether what was made at a stamp may still be used, from all records applied so far.
 *
 * valid(e) = e.stamp >= low && no name in {e.key} + e.dependencies was invalidated after e.stamp
 *
 * A soft invalidation does not end an entry but bounds it: until its `untilMs` the entry may be served as stale.
 *
 * Invariants: a verdict only ever gets worse as records come in; an unknown past counts as invalidated.
 */
import type { LogRecord } from './contract.ts'
import { Ledger, type LedgerDump } from './ledger.ts'

/** What is to be judged: an entry, or what a flight has read so far. */
export interface Made {
  readonly key: string
  readonly stamp: number
  /** The same for its own key: its own change of that name is behind this position. */
  readonly keyStamp: number
  readonly dependencies: Iterable<string>
}

/** What a record reaches through the declared graph, itself included. */
export interface Reached {
  readonly names: readonly string[]
  readonly prefixes: readonly string[]
}

export interface Invalidated {
  /** The name through which it reached what was judged. */
  readonly name: string
  /** Position of that name's newest invalidation. */
  readonly n: number
  /** ms since 1970 until which it may be served as stale; 0: not any more. */
  readonly untilMs: number
}

/** Records remembered with who and when, for explanations. */
const recentMax = 10_000

export interface Recent {
  readonly n: number
  readonly atMs: number
  readonly by: string | null
}

/** What a judge knows, to be kept and taken in again. */
export interface JudgeDump {
  readonly hard: LedgerDump
  readonly soft: LedgerDump
  readonly softUntil: readonly (readonly [n: number, untilMs: number])[]
}

export class Judge {
  readonly #ledgerBytesMax: number
  #hard!: Ledger
  #soft!: Ledger
  /** n of a soft record -> until when; forgotten once past, which ends the grace. */
  readonly #softUntil = new Map<number, number>()
  readonly #recent = new Map<number, Recent>()

  constructor(ledgerBytesMax: number, low = 0) {
    this.#ledgerBytesMax = ledgerBytesMax
    this.#forget(low)
  }

  dump(): JudgeDump {
    return { hard: this.#hard.dump(), soft: this.#soft.dump(), softUntil: [...this.#softUntil] }
  }

  /** Takes a dump in, in place of all that is known; undefined: nothing was invalidated yet. */
  load(dump: JudgeDump | undefined): void {
    this.#forget(0)
    if (dump === undefined) return
    this.#hard.load(dump.hard)
    this.#soft.load(dump.soft)
    for (const [n, untilMs] of dump.softUntil) this.#softUntil.set(n, untilMs)
  }

  /** Takes a record in, with everything that the declared graph reaches from it. */
  record(record: LogRecord, reach: Reached): void {
    if (record.kind === 'soft') this.#recordSoft(record, reach.names)
    else for (const name of reach.names) this.#hard.record(name, record.n)
    // A soft record reaches prefixes through rules only: what it cannot name one by one ends at once.
    for (const prefix of reach.prefixes) this.#hard.recordPrefix(prefix, record.n)
    this.#remember(record)
  }

  /** Undefined if it is valid. What ends it at once is told first, then what ends it soonest. */
  verdict(made: Made): Invalidated | undefined {
    return this.#ended(made) ?? (this.#soft.size === 0 ? undefined : this.#bounded(made))
  }

  /**
   * Position of the newest invalidation that is known of `name`, soft or not; 0 if none is. It may have been
   * invalidated at or before `ledger.low` and be forgotten.
   */
  lastOf(name: string): number {
    return Math.max(this.#hard.after(this.#hard.low, name), this.#soft.after(this.#soft.low, name))
  }

  recent(n: number): Recent | undefined {
    return this.#recent.get(n)
  }

  get ledger(): { readonly names: number; readonly bytes: number; readonly low: number } {
    return {
      names: this.#hard.size + this.#soft.size,
      bytes: this.#hard.bytes + this.#soft.bytes,
      low: this.#hard.low,
    }
  }

  /**
   * The ledger keeps one position a name, so that an earlier soft record must not gain time by a later one:
   * if its time is over it becomes a hard one, else both end when it ends.
   */
  #recordSoft(record: LogRecord, names: readonly string[]): void {
    let untilMs = record.untilMs ?? 0
    for (const name of names) {
      const before = this.#soft.after(this.#soft.low, name)
      const endsMs = this.#softUntil.get(before) ?? 0
      if (before > 0 && endsMs <= record.atMs) this.#hard.record(name, before)
      else if (before > 0) untilMs = Math.min(untilMs, endsMs)
      this.#soft.record(name, record.n)
    }
    this.#softUntil.set(record.n, untilMs)
    for (const [n, endsMs] of this.#softUntil) if (endsMs <= record.atMs) this.#softUntil.delete(n)
  }

  #ended({ key, stamp, keyStamp, dependencies }: Made): Invalidated | undefined {
    const own = this.#hard.after(keyStamp, key)
    if (own > 0) return { name: key, n: own, untilMs: 0 }
    for (const name of dependencies) {
      const n = this.#hard.after(stamp, name)
      if (n > 0) return { name, n, untilMs: 0 }
    }
    return undefined
  }

  /** Of all soft records that it is older than, the one that ends it soonest. */
  #bounded({ key, stamp, keyStamp, dependencies }: Made): Invalidated | undefined {
    let first: Invalidated | undefined
    for (const name of [key, ...dependencies]) {
      const n = this.#soft.after(name === key ? keyStamp : stamp, name)
      // At `low` the ledger answers for records that it has forgotten.
      const untilMs = n > this.#soft.low ? (this.#softUntil.get(n) ?? 0) : 0
      if (n > 0 && (first === undefined || untilMs < first.untilMs)) first = { name, n, untilMs }
    }
    return first
  }

  #forget(low: number): void {
    this.#hard = new Ledger(this.#ledgerBytesMax, low)
    // Soft records matter for seconds: a sixteenth of the room is plenty, and running out of it is safe.
    this.#soft = new Ledger(this.#ledgerBytesMax / 16, low)
    this.#softUntil.clear()
    this.#recent.clear()
  }

  #remember(record: LogRecord): void {
    this.#recent.set(record.n, { n: record.n, atMs: record.atMs, by: record.by ?? null })
    if (this.#recent.size > recentMax) this.#recent.delete(this.#recent.keys().next().value as number)
  }
}
