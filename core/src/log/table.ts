/**
 * Table: hash -> position, open addressing with linear probing in typed arrays.
 *
 * 16 B a slot, at most two thirds full: 24 to 48 B a name, against 85 B in a Map.
 * Invariants: a position only grows per hash; nothing is ever removed (a whole table is dropped instead);
 * a slot is free iff its position is 0.
 */
const bytesPerSlot = 16
const fullAt = 2 / 3

/** What a table holds, without its free slots: hashes in two halves, and their positions. */
export interface TableDump {
  readonly high: Uint32Array
  readonly low: Uint32Array
  readonly positions: Float64Array
}

export class Table {
  #mask: number
  #high: Uint32Array
  #low: Uint32Array
  #positions: Float64Array
  #used = 0
  #newest = 0

  constructor(slots: number) {
    this.#mask = slots - 1
    this.#high = new Uint32Array(slots)
    this.#low = new Uint32Array(slots)
    this.#positions = new Float64Array(slots)
  }

  get size(): number {
    return this.#used
  }

  /** The greatest position ever recorded here. */
  get newest(): number {
    return this.#newest
  }

  get slots(): number {
    return this.#mask + 1
  }

  get bytes(): number {
    return this.slots * bytesPerSlot
  }

  get full(): boolean {
    return this.#used >= this.slots * fullAt
  }

  /** The position of a hash; 0 if it was never recorded. */
  get(high: number, low: number): number {
    return this.#positions[this.#slot(high, low)] as number
  }

  /** Records a position; an older one than is known changes nothing. The table must not be full. */
  raise(high: number, low: number, n: number): void {
    const slot = this.#slot(high, low)
    const known = this.#positions[slot] as number
    if (known >= n) return
    if (known === 0) {
      this.#high[slot] = high
      this.#low[slot] = low
      this.#used++
    }
    this.#positions[slot] = n
    if (n > this.#newest) this.#newest = n
  }

  dump(): TableDump {
    const dump = {
      high: new Uint32Array(this.#used),
      low: new Uint32Array(this.#used),
      positions: new Float64Array(this.#used),
    }
    let at = 0
    for (let slot = 0; slot <= this.#mask; slot++) {
      if (this.#positions[slot] === 0) continue
      dump.high[at] = this.#high[slot] as number
      dump.low[at] = this.#low[slot] as number
      dump.positions[at++] = this.#positions[slot] as number
    }
    return dump
  }

  /** The same content in twice the slots. */
  doubled(): Table {
    const larger = new Table(this.slots * 2)
    for (let slot = 0; slot <= this.#mask; slot++) {
      const n = this.#positions[slot] as number
      if (n !== 0) larger.raise(this.#high[slot] as number, this.#low[slot] as number, n)
    }
    return larger
  }

  #slot(high: number, low: number): number {
    let slot = low & this.#mask
    while (this.#positions[slot] !== 0 && (this.#low[slot] !== low || this.#high[slot] !== high)) {
      slot = (slot + 1) & this.#mask
    }
    return slot
  }
}

/** The most slots, a power of two, that fit into `bytes`. */
export function slotsWithin(bytes: number): number {
  return 2 ** Math.max(4, Math.floor(Math.log2(bytes / bytesPerSlot)))
}
