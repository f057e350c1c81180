/**
 * Judge: whether what was made at a stamp may still be used, from all records applied so far.
 *
 * valid(e) = e.stamp >= low && no name in {e.key} + e.dependencies was invalidated after e.stamp
 *
 * A soft invalidation does not end an entry but bounds it: for the time that it was meant for the entry may be served as
 * stale. Whoever did not hear of it while that time ran gives it none: what a dump knows of soft ones has ended.
 *
 * A record that reaches very many names is wide: it is taken in at once, and written into the ledger bit by bit, by
 * whoever asks for `writing`. What it may have reached counts as invalidated by it until then.
 *
 * Invariants: what was invalidated stays so as records come in, and while they are written; an unknown past counts as
 * invalidated.
 */
import { Backlog, type Above, type Reached, type WideReach } from './backlog.ts'
import type { LogRecord } from './contract.ts'
import { Intents } from './intents.ts'
import { Ledger, type LedgerDump } from './ledger.ts'
import { Recents, type Recent, type Times, type When } from './recents.ts'

/** What is to be judged: an entry, or what a flight has read so far. */
export interface Made {
  readonly key: string
  readonly stamp: number
  /** The same for its own key: its own change of that name is behind this position. */
  readonly keyStamp: number
  readonly dependencies: Iterable<string>
}

export interface Invalidated {
  /** The name through which it reached what was judged. */
  readonly name: string
  /** Position of that name's newest invalidation. */
  readonly n: number
  /** ms since 1970 until which it may be served as stale; 0: not any more. */
  readonly untilMs: number
}

/** What a judge knows, to be kept and taken in again. */
export interface JudgeDump {
  readonly hard: LedgerDump
  readonly soft: LedgerDump
  /** When the last record came, ms since 1970; undefined: not known. */
  readonly newestMs?: number
}

/** When a grace ends, by both clocks: one stands still while the machine sleeps, the other may be set. */
interface End {
  readonly wall: number
  readonly monotonic: number
}

/** Whoever has no clock is told by none that time has passed. */
const noTimes: Times = { now: () => 0, heard: () => 0, monotonic: () => 0 }

export class Judge {
  /** Wide records that are not written yet. */
  readonly backlog: Backlog
  /** What it depends on is being written: not kept, whatever its stamp. */
  readonly intents: Intents
  readonly #ledgerBytesMax: number
  #hard!: Ledger
  #soft!: Ledger
  /** By n of a soft record; forgotten once past, which ends the grace. */
  readonly #softEnds = new Map<number, End>()
  readonly #recents: Recents
  readonly #times: Times

  constructor(ledgerBytesMax: number, above: Above, times: Times = noTimes) {
    this.#ledgerBytesMax = ledgerBytesMax
    this.backlog = new Backlog(above)
    this.intents = new Intents(above)
    this.#recents = new Recents(times)
    this.#times = times
    this.#forget()
  }

  /** What is in the ledger: wide records must have been written. */
  dump(): JudgeDump {
    const { newestMs } = this.#recents
    return { hard: this.#hard.dump(), soft: this.#soft.dump(), newestMs }
  }

  /** Takes a dump in, in place of all that is known; undefined: nothing was invalidated yet. */
  load(dump: JudgeDump | undefined): void {
    this.#forget(dump?.newestMs)
    if (dump === undefined) return
    this.#hard.load(dump.hard)
    this.#soft.load(dump.soft)
  }

  /** Takes a record in, with everything that the declared graph reaches from it. */
  record(record: LogRecord, reach: Reached): void {
    this.#remember(record)
    for (const name of reach.names) this.#write(record, name)
    this.#writePrefixes(record, reach.prefixes)
  }

  /** Takes a wide record in: what it reaches is written later. */
  recordWide(record: LogRecord, reach: WideReach): void {
    this.#remember(record)
    const replaced = this.backlog.add(record, reach)
    if (replaced === undefined || record.kind !== 'soft') return
    this.#endBoth(record.n, replaced.n)
  }

  /** Writes wide records into the ledger, name by name; several may do so at once. */
  *writing(): Generator<void, void, undefined> {
    for (let next = this.backlog.next(); next !== undefined; next = this.backlog.next()) {
      if (next.name !== undefined) this.#write(next.record, next.name)
      this.#writePrefixes(next.record, next.prefixes)
      yield
    }
  }

  /** Undefined if it is valid. What ends it at once is told first, then what ends it soonest. */
  verdict(made: Made): Invalidated | undefined {
    if (this.intents.size > 0) {
      const written = this.#beingWritten(made)
      if (written !== undefined) return written
    }
    const by = this.certain(made)
    return this.backlog.size === 0 || by?.untilMs === 0 ? by : this.#byOpen(made, by)
  }

  /**
   * The same by what is written: what an open record has only perhaps reached is left out. For what others may hold,
   * and would miss if it were taken for invalid.
   */
  certain(made: Made): Invalidated | undefined {
    return this.#ended(made) ?? (this.#soft.size === 0 ? undefined : this.#bounded(made))
  }

  /**
   * Position of the newest invalidation that is known of `name`, soft or not; 0 if none is. It may have been
   * invalidated at or before `ledger.low` and be forgotten.
   */
  lastOf(name: string): number {
    const open = this.backlog.reaching(0, name).map(({ n }) => n)
    return Math.max(this.#hard.after(this.#hard.low, name), this.#soft.after(this.#soft.low, name), ...open)
  }

  /** When a name was invalidated last, at the latest: one that was not may have been before all that is known. */
  lastWhen(name: string): When {
    return this.#recents.latest(Math.max(this.lastOf(name), this.#hard.low, this.#soft.low))
  }

  recent(n: number): Recent | undefined {
    return this.#recents.get(n)
  }

  get ledger(): { readonly names: number; readonly bytes: number; readonly low: number } {
    return {
      names: this.#hard.size + this.#soft.size,
      bytes: this.#hard.bytes + this.#soft.bytes,
      low: this.#hard.low,
    }
  }

  #write(record: LogRecord, name: string): void {
    if (record.kind === 'soft') this.#writeSoft(record, name)
    else this.#hard.record(name, record.n)
  }

  /** A soft record reaches prefixes through rules only: what it cannot name one by one ends at once. */
  #writePrefixes({ n }: LogRecord, prefixes: readonly string[]): void {
    for (const prefix of prefixes) this.#hard.recordPrefix(prefix, n)
  }

  /**
   * The ledger keeps one position a name, so that an earlier soft record must not gain time by a later one:
   * if its time is over it becomes a hard one, else both end when the first of them ends. A wide one may be written
   * when the later one has been.
   */
  #writeSoft({ n }: LogRecord, name: string): void {
    const other = this.#soft.after(this.#soft.low, name)
    if (other > 0 && other < n && this.#untilOf(other) === 0) this.#hard.record(name, other)
    else if (other > 0) this.#endBoth(Math.max(n, other), Math.min(n, other))
    this.#soft.record(name, n)
  }

  /** The newer one stands for both of them. */
  #endBoth(newer: number, older: number): void {
    const [a, b] = [this.#softEnds.get(newer), this.#softEnds.get(older)]
    if (a === undefined || b === undefined) this.#softEnds.delete(newer)
    else
      this.#softEnds.set(newer, {
        wall: Math.min(a.wall, b.wall),
        monotonic: Math.min(a.monotonic, b.monotonic),
      })
  }

  /** By the wall clock as it stands now; 0: it is over. */
  #untilOf(n: number): number {
    const end = this.#softEnds.get(n)
    if (end === undefined) return 0
    const now = this.#times.now()
    const leftMs = Math.min(end.wall - now, end.monotonic - this.#times.monotonic())
    return leftMs > 0 ? now + leftMs : 0
  }

  #beingWritten({ key, dependencies }: Made): Invalidated | undefined {
    for (const name of [key, ...dependencies]) {
      const intent = this.intents.reaching(name)
      if (intent !== undefined) return { name, n: intent.n, untilMs: 0 }
    }
    return undefined
  }

  #ended({ key, stamp, keyStamp, dependencies }: Made): Invalidated | undefined {
    const { newest } = this.#hard
    if (keyStamp >= newest && stamp >= newest) return undefined
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
      first = this.#sooner(first, name, this.#soft.after(name === key ? keyStamp : stamp, name))
    }
    return first
  }

  /** The same of the records that are not written, and of `first`. */
  #byOpen(
    { key, stamp, keyStamp, dependencies }: Made,
    first: Invalidated | undefined,
  ): Invalidated | undefined {
    let soonest = first
    for (const name of [key, ...dependencies]) {
      for (const { kind, n } of this.backlog.reaching(name === key ? keyStamp : stamp, name)) {
        if (kind !== 'soft') return { name, n, untilMs: 0 }
        soonest = this.#sooner(soonest, name, n)
      }
    }
    return soonest
  }

  #sooner(first: Invalidated | undefined, name: string, n: number): Invalidated | undefined {
    if (n === 0) return first
    // At `low` the ledger answers for records that it has forgotten.
    const untilMs = n > this.#soft.low ? this.#untilOf(n) : 0
    return first === undefined || untilMs < first.untilMs ? { name, n, untilMs } : first
  }

  /** @param newestMs when the last of the records came that are forgotten, if that is known */
  #forget(newestMs?: number): void {
    this.#hard = new Ledger(this.#ledgerBytesMax)
    // Soft records matter for seconds: a sixteenth of the room is plenty, and running out of it is safe.
    this.#soft = new Ledger(this.#ledgerBytesMax / 16)
    this.#softEnds.clear()
    this.#recents.forget(newestMs)
    this.backlog.clear()
  }

  #remember(record: LogRecord): void {
    this.#recents.add(record)
    if (record.kind !== 'soft') return
    // The first came first: one that ends before those that came before it goes with them.
    for (const n of this.#softEnds.keys()) {
      if (this.#untilOf(n) > 0) break
      this.#softEnds.delete(n)
    }
    const { atMs, untilMs = 0, leftMs = Infinity } = record
    const [now, monotonic] = [this.#times.now(), this.#times.monotonic()]
    // By a clock that is ahead of this one it would be served for longer than was promised.
    const forMs = Math.min(untilMs - now, untilMs - atMs, leftMs)
    this.#softEnds.set(record.n, { wall: now + forMs, monotonic: monotonic + forMs })
  }
}
