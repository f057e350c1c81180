/**
 * Tiers that hold nothing: for a cache without memory, and as the quietest peer in tests.
 */
import type { Entry, EntryParts } from '../model/entry.ts'
import type { NearTier, NearUsage, Tier } from './contract.ts'

export class NoopNearTier implements NearTier {
  readonly name = 'memory'
  readonly entryBytesMax = 0
  readonly usage: NearUsage = { entries: 0, bytes: 0, bytesMax: 0, evictions: 0 }

  get(): undefined {}
  look(): undefined {}
  put(_entry: Entry): boolean {
    return false
  }
  delete(): boolean {
    return false
  }
  keys(): readonly string[] {
    return []
  }
  clear(): void {}
}

export class NoopTier implements Tier {
  readonly name: string

  constructor(name = 'noop') {
    this.name = name
  }

  async get(): Promise<undefined> {}
  async put(_entry: EntryParts): Promise<void> {}
  async delete(): Promise<number> {
    return 0
  }
  async held(): Promise<readonly EntryParts[]> {
    return []
  }
  async dependents(): Promise<readonly string[]> {
    return []
  }
  async withPrefix(): Promise<readonly string[]> {
    return []
  }
  async close(): Promise<void> {}
}
