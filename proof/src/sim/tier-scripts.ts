/**
 * The scripts of the library's tier on Redis (redis/tier-lua.ts), simulated, as far as they keep entries right: no
 * index, no sweep, no limits.
 *
 * Invariants: each public method is one atomic step; what it tells is never altered afterwards; two entries that ever
 * stood under one key have two versions.
 */
import type { EntryParts, Said, Since, Told } from './parts.ts'
import { LogScripts, without } from './log-scripts.ts'
import type { Standing, Store } from './store.ts'

/** The version of what is not there. */
export const absent = '0'

/** All that there was, in one step. */
export interface Look {
  readonly said: Said
  readonly entries: Store['entries']
  /** Of the generation that was asked for. */
  readonly ended: ReadonlyMap<string, number>
}

/** What is stored, if all stands as it was seen. */
export interface Storing {
  readonly since: Since
  /** Where the log has to end; undefined: anywhere. */
  readonly tail: number | undefined
  readonly records: readonly Omit<Told, 'n'>[]
  /** name -> version and end */
  readonly names: ReadonlyMap<string, { readonly version: string; readonly ended: number }>
  /** name -> versions of the entries that depend on it, by their keys */
  readonly sets: ReadonlyMap<string, ReadonlyMap<string, string>>
  readonly entry: EntryParts
  /** It takes the place of one that was invalidated. */
  readonly isEnded: boolean
}

export interface Stored {
  readonly isStored: boolean
  readonly said: Said
}

export interface Removing {
  readonly generation: string
  readonly rows: readonly { readonly key: string; readonly version: string; readonly isOurs: boolean }[]
}

export type Outcome = 'removed' | 'changed' | 'theirs'

export abstract class TierScripts extends LogScripts {
  /** The entry with its value. */
  value(key: string): EntryParts | undefined {
    const standing = this.store.entries.get(key)
    return standing?.hasValue === true ? standing.entry : undefined
  }

  standing(keys: readonly string[]): readonly (Standing | undefined)[] {
    return keys.map((key) => this.store.entries.get(key))
  }

  /** Keys of entries of the names, if they are of that generation, and of all that depend on one. */
  dependents(names: readonly string[], generation: string): readonly string[] {
    return [...this.store.entries.values()].flatMap(({ entry }) => {
      const isNamed = entry.generation === generation && names.includes(entry.key)
      return isNamed || entry.dependencies.some((name) => names.includes(name)) ? [entry.key] : []
    })
  }

  withPrefix(prefix: string): readonly string[] {
    return [...this.store.entries.values()].flatMap(({ entry: { key, dependencies } }) =>
      [key, ...dependencies].some((name) => name.startsWith(prefix)) ? [key] : [],
    )
  }

  look(since: Since): Look {
    const { entries } = this.store
    const refused = this.refuse(since)
    return { said: refused ?? this.tell(since.applied), entries, ended: this.#endedIn(since.generation) }
  }

  storeIf(storing: Storing): Stored {
    const { since, records, entry, isEnded } = storing
    const refused = this.refuse(since)
    if (refused !== undefined && refused.is !== 'gap') return { isStored: false, said: refused }
    const isStored = this.#isAsSeen(storing)
    if (isStored) {
      for (const record of records) this.write(record)
      if (isEnded) this.#end([entry.key], since.generation)
      this.#put(entry, since.generation)
    }
    return { isStored, said: refused ?? this.tell(since.applied) }
  }

  removeIf({ generation, rows }: Removing): readonly Outcome[] {
    const isCurrent = this.generation() === generation
    const outcomes = rows.map(({ key, version, isOurs }): Outcome => {
      if (!isOurs && !isCurrent) return 'theirs'
      return versionOf(this.store, key) === version ? 'removed' : 'changed'
    })
    const gone = rows.flatMap(({ key }, i) => (outcomes[i] === 'removed' ? [key] : []))
    this.do((store) => {
      store.entries = without(store.entries, gone)
    })
    if (isCurrent && gone.length > 0) this.#end(gone, generation)
    return outcomes
  }

  /** Loads of these keys were overtaken. */
  end(keys: readonly string[], generation: string): void {
    if (this.generation() === generation) this.#end(keys, generation)
  }

  /** Entries of these keys were invalidated, at the newest position at the latest. */
  #end(keys: readonly string[], generation: string): void {
    const at = new Map(this.#endedIn(generation))
    const n = this.store.meta?.n ?? 0
    for (const key of keys) at.set(key, n)
    this.do((store) => {
      store.ended = { generation, at }
    })
  }

  #endedIn(generation: string): ReadonlyMap<string, number> {
    const { ended } = this.store
    return ended.generation === generation ? ended.at : new Map()
  }

  #isAsSeen({ since, tail, names, sets }: Storing): boolean {
    const { store } = this
    if (tail !== undefined && tail !== store.meta?.n) return false
    const ended = this.#endedIn(since.generation)
    const isSame = [...names].every(
      ([name, seen]) => versionOf(store, name) === seen.version && (ended.get(name) ?? 0) === seen.ended,
    )
    return isSame && [...sets].every(([name, seen]) => isSameSet(seen, dependentsOf(store.entries, name)))
  }

  #put(entry: EntryParts, generation: string): void {
    this.do((store) => {
      store.sequence++
      const version = `${store.sequence}-${generation}`
      store.entries = new Map(store.entries).set(entry.key, { entry, version, hasValue: true })
    })
  }
}

/** Versions of entries that depend on a name, by their keys, of whatever generation they are. */
export function dependentsOf(entries: Store['entries'], name: string): ReadonlyMap<string, string> {
  const found = new Map<string, string>()
  for (const { entry, version } of entries.values())
    if (entry.dependencies.includes(name)) found.set(entry.key, version)
  return found
}

function versionOf({ entries }: Pick<Store, 'entries'>, key: string): string {
  return entries.get(key)?.version ?? absent
}

function isSameSet(a: ReadonlyMap<string, string>, b: ReadonlyMap<string, string>): boolean {
  return a.size === b.size && [...a].every(([key, version]) => b.get(key) === version)
}
