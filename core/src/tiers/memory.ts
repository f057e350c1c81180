/**
 * Memory: entries of this process, bounded by bytes and by count.
 *
 * Who goes for room is the sieve's business (sieve.ts); expiry is not ours, since an entry past its TTL may still be in
 * grace. A hit costs one look-up in a Map and one flag, and allocates nothing.
 *
 * Invariants: a key of `slots` has its slot in the sieve and its entry in `entries` at that slot, and nothing else is
 * in either; bytes is the sum of the entries' sizes; bytes <= bytesMax and entries <= entriesMax when a call returns,
 * and when a listener is called.
 */
import type { Entry } from '../model/entry.ts'
import type { Leave, NearTier, NearTierOptions, NearUsage } from './contract.ts'
import { Sieve } from './sieve.ts'

export class MemoryTier implements NearTier {
  readonly name = 'memory'
  readonly entryBytesMax: number
  readonly #bytesMax: number
  readonly #entriesMax: number
  readonly #onLeave: Leave
  readonly #slots = new Map<string, number>()
  /** Slot -> its entry. */
  #entries: (Entry | undefined)[] = [undefined]
  #sieve = new Sieve()
  #bytes = 0
  #evictions = 0

  constructor(options: NearTierOptions) {
    this.#bytesMax = options.bytesMax
    this.#entriesMax = options.entriesMax
    this.#onLeave = options.onLeave
    this.entryBytesMax = Math.min(options.entryBytesMax, options.bytesMax)
  }

  get(key: string): Entry | undefined {
    const slot = this.#slots.get(key)
    if (slot === undefined) return undefined
    this.#sieve.use(slot)
    return this.#entries[slot]
  }

  look(key: string): Entry | undefined {
    const slot = this.#slots.get(key)
    return slot === undefined ? undefined : this.#entries[slot]
  }

  put(entry: Entry): boolean {
    // Not `>`: a size that is no number is refused too.
    if (!(entry.sizeBytes <= this.entryBytesMax)) return false
    const slot = this.#slots.get(entry.key)
    if (slot === undefined) this.#enter(entry)
    else this.#replace(slot, entry)
    return true
  }

  delete(key: string): boolean {
    const slot = this.#slots.get(key)
    if (slot === undefined) return false
    this.#remove(slot)
    return true
  }

  keys(): readonly string[] {
    return [...this.#slots.keys()]
  }

  clear(): void {
    this.#slots.clear()
    this.#entries = [undefined]
    this.#sieve = new Sieve()
    this.#bytes = 0
  }

  get usage(): NearUsage {
    return {
      entries: this.#slots.size,
      bytes: this.#bytes,
      bytesMax: this.#bytesMax,
      evictions: this.#evictions,
    }
  }

  #enter(entry: Entry): void {
    this.#bytes += entry.sizeBytes
    // Before it enters: it is the newest, and the hand must not find it.
    const evicted = this.#evict(this.#entriesMax - 1, 0)
    const slot = this.#sieve.enter()
    this.#slots.set(entry.key, slot)
    this.#entries[slot] = entry
    for (const other of evicted) this.#onLeave(other, 'evicted')
  }

  /** It keeps its place, and a put counts as a use. */
  #replace(slot: number, entry: Entry): void {
    const replaced = this.#entries[slot] as Entry
    this.#bytes += entry.sizeBytes - replaced.sizeBytes
    this.#entries[slot] = entry
    const evicted = this.#evict(this.#entriesMax, slot)
    this.#sieve.use(slot)
    // Told when everything is in place: a listener may call back.
    this.#onLeave(replaced, 'replaced')
    for (const other of evicted) this.#onLeave(other, 'evicted')
  }

  /** Makes room; whose slot is `kept` stays. @returns who had to go */
  #evict(entriesMax: number, kept: number): readonly Entry[] {
    if (this.#bytes <= this.#bytesMax && this.#slots.size <= entriesMax) return none
    const evicted: Entry[] = []
    while (this.#bytes > this.#bytesMax || this.#slots.size > entriesMax) {
      evicted.push(this.#remove(this.#sieve.victim(kept)))
    }
    this.#evictions += evicted.length
    return evicted
  }

  #remove(slot: number): Entry {
    const entry = this.#entries[slot] as Entry
    this.#slots.delete(entry.key)
    this.#entries[slot] = undefined
    this.#sieve.leave(slot)
    this.#bytes -= entry.sizeBytes
    return entry
  }
}

const none: readonly Entry[] = []
