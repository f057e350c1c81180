/**
 * Ledger: what was invalidated, and when.
 *
 * name -> n means "whatever was made from `name` at or before n is stale"; a prefix speaks of every name that
 * begins with it. Below `low` the ledger knows nothing, so that whatever was made below is stale too.
 *
 *        older table              younger table
 *   |-- full, read only --|--- written, half full ---|
 *   low                                        newest position
 *
 * When the younger is full and the budget is spent, the older is forgotten: `low` rises to its newest position
 * and the younger takes its place. No list of ages is kept, and nothing is ever removed one by one.
 *
 * Invariants: n only grows per name; what is forgotten raises `low` to at least its n; `low` only grows.
 */
import { hashed, hashName } from './hash.ts'
import { slotsWithin, Table, type TableDump } from './table.ts'

const slotsAtStart = 1024
// They differ in bits that no UTF-16 unit has: else a name would be taken for a prefix.
const nameSeed = 0x1_0000
const prefixSeed = 0x2_0000

/** What a ledger knows, to be kept and taken in again. */
export interface LedgerDump {
  readonly low: number
  /** The older first. */
  readonly tables: readonly TableDump[]
  /** Length of a prefix, and its newest position. */
  readonly prefixes: readonly (readonly [length: number, n: number])[]
}

export class Ledger {
  #young: Table
  #old: Table | undefined
  readonly #slotsMax: number
  #low: number
  /** length of a prefix -> newest position of a prefix of that length: few lengths, looked at newest first. */
  readonly #prefixes = new Map<number, number>()
  #newestPrefix = 0
  #newest = 0

  /** @param bytesMax both tables together; @param low positions below are unknown */
  constructor(bytesMax: number, low = 0) {
    this.#slotsMax = slotsWithin(bytesMax / 2)
    this.#young = new Table(Math.min(slotsAtStart, this.#slotsMax))
    this.#low = low
  }

  get low(): number {
    return this.#low
  }

  /** Names and prefixes held. One that stands in both tables counts twice. */
  get size(): number {
    return this.#young.size + (this.#old?.size ?? 0)
  }

  get bytes(): number {
    return this.#young.bytes + (this.#old?.bytes ?? 0)
  }

  /** What was made at this position or later is not spoken of. */
  get newest(): number {
    return Math.max(this.#newest, this.#low)
  }

  record(name: string, n: number): void {
    hashName(name, nameSeed)
    this.#raise(n)
  }

  /** Every name that begins with `prefix`; '' is every name. */
  recordPrefix(prefix: string, n: number): void {
    hashName(prefix, prefixSeed)
    this.#raise(n)
    this.#prefixes.set(prefix.length, Math.max(n, this.#prefixes.get(prefix.length) ?? 0))
    this.#newestPrefix = Math.max(n, this.#newestPrefix)
  }

  /** Position of the newest invalidation of `name` if it is after `n`; else 0. Below `low` everything is after. */
  after(n: number, name: string): number {
    if (n < this.#low) return this.#low
    hashName(name, nameSeed)
    const own = this.#position()
    const newest = this.#newestPrefix > n ? Math.max(own, this.#byPrefix(n, name)) : own
    return newest > n ? newest : 0
  }

  dump(): LedgerDump {
    const tables = this.#old === undefined ? [this.#young] : [this.#old, this.#young]
    return { low: this.#low, tables: tables.map((table) => table.dump()), prefixes: [...this.#prefixes] }
  }

  /** Takes in what another ledger knew; to be called on one that knows nothing. With less room, `low` is higher. */
  load({ low, tables, prefixes }: LedgerDump): void {
    this.#low = Math.max(this.#low, low)
    for (const [length, n] of prefixes) {
      this.#prefixes.set(length, n)
      this.#newestPrefix = Math.max(n, this.#newestPrefix)
    }
    for (const { high, low: lowHalf, positions } of tables) {
      for (let at = 0; at < positions.length; at++) {
        hashed.high = high[at] as number
        hashed.low = lowHalf[at] as number
        this.#raise(positions[at] as number)
      }
    }
  }

  #byPrefix(n: number, name: string): number {
    let newest = 0
    for (const [length, position] of this.#prefixes) {
      if (position <= n || position <= newest || length > name.length) continue
      hashName(name, prefixSeed, length)
      newest = Math.max(newest, this.#position())
    }
    return newest
  }

  #position(): number {
    const { high, low } = hashed
    return Math.max(this.#young.get(high, low), this.#old?.get(high, low) ?? 0)
  }

  #raise(n: number): void {
    const { high, low } = hashed
    if (n > this.#newest) this.#newest = n
    if (this.#young.full) this.#makeRoom()
    this.#young.raise(high, low, n)
  }

  #makeRoom(): void {
    if (this.#young.slots < this.#slotsMax) {
      this.#young = this.#young.doubled()
      return
    }
    if (this.#old !== undefined) this.#low = Math.max(this.#low, this.#old.newest)
    this.#old = this.#young
    this.#young = new Table(this.#slotsMax)
    for (const [length, position] of this.#prefixes) {
      if (position <= this.#low) this.#prefixes.delete(length)
    }
  }
}
