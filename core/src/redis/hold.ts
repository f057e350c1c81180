/**
 * Hold: the tier and the log beside it, as they were in one moment.
 *
 * Whoever decides may ask for what was not looked at: that is noted, and what was decided is worth nothing.
 * Invariant: if nothing is missing, all that was answered is what stood there in that moment.
 */
import type { LogBeside, Told } from '../consistency/contract.ts'
import type { Head, Hold } from '../tiers/contract.ts'
import { entryOf, type Standing } from './heads.ts'

export interface Seen extends Standing {
  /** Position at or after that of the last removal as invalid. */
  readonly ended: string
}

export interface SeenSet {
  readonly size: number
  /** All of them, or more than anybody looks at; undefined: they are many, and were not told. */
  readonly rows: readonly Standing[] | undefined
}

/** What is to be looked at. */
export class Wanted {
  readonly names: Set<string>
  /** Names whose dependents are asked for -> however many they are. */
  readonly sets: Map<string, boolean>

  constructor(names: Iterable<string>, sets: Iterable<[string, boolean]>) {
    this.names = new Set(names)
    this.sets = new Map(sets)
  }
}

export interface Snapshot {
  readonly names: ReadonlyMap<string, Seen>
  readonly sets: ReadonlyMap<string, SeenSet>
  readonly isCurrent: boolean
  /** Position of the newest record; undefined if it was not told. */
  readonly tail: number | undefined
}

export const nothingSeen: Snapshot = { names: new Map(), sets: new Map(), isCurrent: false, tail: undefined }

export class SnapshotHold implements Hold {
  readonly snapshot: Snapshot
  /** Records that are to be appended if the entry is stored. */
  readonly announced: Omit<Told, 'n'>[] = []
  /** Sets that were looked into. */
  readonly looked = new Set<string>()
  isMissing = false
  readonly #log: LogBeside
  readonly #wanted: Wanted

  constructor(snapshot: Snapshot, log: LogBeside, wanted: Wanted) {
    this.snapshot = snapshot
    this.#log = log
    this.#wanted = wanted
  }

  get isCurrent(): boolean {
    return this.snapshot.isCurrent && this.announced.length === 0
  }

  headOf(name: string): Head | undefined {
    return entryOf(this.#seen(name), name)
  }

  endedAt(name: string): number {
    return Number(this.#seen(name)?.ended ?? 0)
  }

  *dependentsOf(name: string): Generator<Head, void, undefined> {
    const set = this.snapshot.sets.get(name)
    if (set?.rows === undefined) {
      this.#wanted.sets.set(name, true)
      this.isMissing = true
      return
    }
    this.looked.add(name)
    for (const { head } of set.rows) {
      if (head?.dependencies.includes(name) === true && head.key !== name) yield head
    }
  }

  /** It is stored only if the log has not moved by then. */
  announce(key: string, before: (n: number) => void): number {
    this.announced.push(this.#log.own({ kind: 'change', names: [key] }, before))
    return (this.snapshot.tail ?? this.#log.applied) + this.announced.length
  }

  /** Nothing that was announced is appended. */
  disown(): void {
    for (const { nonce } of this.announced) this.#log.disown(nonce)
  }

  #seen(name: string): Seen | undefined {
    const seen = this.snapshot.names.get(name)
    if (seen === undefined) {
      this.#wanted.names.add(name)
      this.isMissing = true
    }
    return seen
  }
}
