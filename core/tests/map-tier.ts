/**
 * A tier below memory over a Map, which fails on demand: the smallest that keeps the contract.
 */
import type { EntryParts } from '../src/model/entry.ts'
import type { Tier } from '../src/tiers/contract.ts'

export class MapTier implements Tier {
  readonly name: string
  entries = new Map<string, EntryParts>()
  /** What every call fails with, while set. */
  failure: Error | undefined
  /** Deletes are answered and not carried out, while set. */
  forgetsDeletes = false
  closed = false

  constructor(name = 'lower') {
    this.name = name
  }

  async get(key: string): Promise<EntryParts | undefined> {
    this.#check()
    return this.entries.get(key)
  }

  async put(entry: EntryParts): Promise<void> {
    this.#check()
    const known = this.entries.get(entry.key)
    if (known === undefined || known.generation !== entry.generation || known.stamp <= entry.stamp) {
      this.entries.set(entry.key, { ...entry })
    }
  }

  async delete(keys: readonly string[]): Promise<number> {
    this.#check()
    if (this.forgetsDeletes) return 0
    return keys.filter((key) => this.entries.delete(key)).length
  }

  async held(keys: readonly string[]): Promise<readonly EntryParts[]> {
    this.#check()
    return keys.flatMap((key) => this.entries.get(key) ?? [])
  }

  async dependents(names: readonly string[]): Promise<readonly string[]> {
    this.#check()
    const wanted = new Set(names)
    return this.#keysWhere((name) => wanted.has(name))
  }

  async withPrefix(prefix: string): Promise<readonly string[]> {
    this.#check()
    return this.#keysWhere((name) => name.startsWith(prefix))
  }

  async close(): Promise<void> {
    this.closed = true
  }

  #keysWhere(matches: (name: string) => boolean): string[] {
    const entries = [...this.entries.values()]
    return entries
      .filter(({ key, dependencies }) => [key, ...dependencies].some(matches))
      .map(({ key }) => key)
  }

  #check(): void {
    if (this.failure !== undefined) throw this.failure
  }
}
