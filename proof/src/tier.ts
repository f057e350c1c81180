/**
 * A tier for the harness: a Map below memory, whose every answer waits until the harness lets it come.
 *
 * Invariants: it stores copies, taken when it was asked; an older stamp never replaces a newer one; while it is
 * down it rejects, and never answers "not there".
 */
import type { EntryParts, Tier } from 'staleproof'

/** Waits for as long as the harness wants; the label says for what. */
export type Pause = (label: string) => Promise<void>

export class MapTier implements Tier {
  readonly name = 'lower'
  readonly entries = new Map<string, EntryParts>()
  /** Copies of all that was put, in order. */
  readonly puts: EntryParts[] = []
  down = false
  readonly #pause: Pause

  constructor(pause: Pause) {
    this.#pause = pause
  }

  async get(key: string): Promise<EntryParts | undefined> {
    await this.#answer(`get ${key}`)
    const parts = this.entries.get(key)
    return parts === undefined ? undefined : { ...parts }
  }

  async put(entry: EntryParts): Promise<void> {
    const parts = copyOf(entry)
    this.puts.push(parts)
    await this.#answer(`put ${entry.key}`)
    const held = this.entries.get(parts.key)
    if (held === undefined || held.stamp <= parts.stamp) this.entries.set(parts.key, parts)
  }

  async delete(keys: readonly string[]): Promise<number> {
    await this.#answer(`delete ${keys.join(' ')}`)
    return keys.filter((key) => this.entries.delete(key)).length
  }

  async held(keys: readonly string[]): Promise<readonly EntryParts[]> {
    await this.#answer(`held ${keys.join(' ')}`)
    return keys.map((key) => this.entries.get(key)).filter((parts) => parts !== undefined)
  }

  async dependents(names: readonly string[]): Promise<readonly string[]> {
    await this.#answer(`dependents ${names.join(' ')}`)
    return this.#keysOf((name) => names.includes(name))
  }

  async withPrefix(prefix: string): Promise<readonly string[]> {
    await this.#answer(`prefix ${prefix}`)
    return this.#keysOf((name) => name.startsWith(prefix))
  }

  async close(): Promise<void> {}

  async #answer(what: string): Promise<void> {
    await this.#pause(`lower: ${what}`)
    if (this.down) throw new Error('the tier is down')
  }

  #keysOf(matches: (name: string) => boolean): string[] {
    return [...this.entries.values()]
      .filter(({ key, dependencies }) => [key, ...dependencies].some(matches))
      .map(({ key }) => key)
  }
}

/** What would reach another process: the parts, and nothing that memory goes on changing. */
function copyOf(entry: EntryParts): EntryParts {
  const { key, value, kind, policy, generation, stamp, keyStamp, storedAt, ttlMs, capAt, sizeBytes } = entry
  const { directCount, dependencies } = entry
  return {
    ...{ key, value, kind, policy, generation, stamp, keyStamp, storedAt, ttlMs, capAt, sizeBytes },
    directCount,
    dependencies: [...dependencies],
  }
}
