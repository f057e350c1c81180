/**
 * Memory: entries of this process, bounded by bytes and by count, the least recently used going first.
 *
 * The store is lru-cache; expiry is not its business, since an entry past its TTL may still be in grace.
 */
import { LRUCache } from 'lru-cache'
import type { Entry } from '../model/entry.ts'
import type { NearTier, NearTierOptions, NearUsage } from './contract.ts'

export class MemoryTier implements NearTier {
  readonly name = 'memory'
  readonly entryBytesMax: number
  readonly #entries: LRUCache<string, Entry>
  readonly #bytesMax: number
  #evictions = 0

  constructor(options: NearTierOptions) {
    this.#bytesMax = options.bytesMax
    this.entryBytesMax = Math.min(options.entryBytesMax, options.bytesMax)
    this.#entries = new LRUCache<string, Entry>({
      // lru-cache allocates its lists up front when given a count: without one they grow with the content.
      ...(Number.isFinite(options.entriesMax) ? { max: options.entriesMax } : {}),
      maxSize: options.bytesMax,
      sizeCalculation: (entry) => Math.max(1, entry.sizeBytes),
      dispose: (entry, _key, reason) => {
        if (reason === 'evict') this.#evictions++
        if (reason === 'evict') options.onLeave(entry, 'evicted')
        else if (reason === 'set') options.onLeave(entry, 'replaced')
      },
    })
  }

  get(key: string): Entry | undefined {
    return this.#entries.get(key)
  }

  look(key: string): Entry | undefined {
    return this.#entries.peek(key)
  }

  put(entry: Entry): boolean {
    if (entry.sizeBytes > this.entryBytesMax) return false
    this.#entries.set(entry.key, entry)
    return true
  }

  delete(key: string): boolean {
    return this.#entries.delete(key)
  }

  keys(): readonly string[] {
    return [...this.#entries.keys()]
  }

  clear(): void {
    this.#entries.clear()
  }

  get usage(): NearUsage {
    return {
      entries: this.#entries.size,
      bytes: this.#entries.calculatedSize,
      bytesMax: this.#bytesMax,
      evictions: this.#evictions,
    }
  }
}
