/**
 * Past: what is known of entries that left memory.
 *
 *   ended     name -> how and by what its last entry went: for explanations, and to refuse what was made from an
 *             entry that was invalidated meanwhile, though the name itself was not
 *   overtaken name -> by what its last load was that was not kept for that reason, and handed out all the same: the same
 *             of those, which never were entries
 *   lineage   name -> what its last entry was made from: whoever still depends on the name carries that
 *
 * All are bounded, the least recently used going first; `low` rises then: of departures up to there nothing is
 * known any more, and who began before is taken for overtaken.
 *
 * Invariant: for n >= low, `endedAt(name) > n` if an entry of that name, or what was loaded of it and handed out, was
 * found invalid by what came after n.
 */
import { LRUCache } from 'lru-cache'
import type { Log } from '../log/contract.ts'
import type { Invalidated, Judge } from '../log/judge.ts'
import type { Clock } from '../model/clock.ts'
import type { Entry } from '../model/entry.ts'
import type { Departure } from '../model/event.ts'

/** How an entry went. */
export interface Gone {
  readonly why: Departure
  /** ms since 1970. */
  readonly atMs: number
  /** What ended it, if it was invalidated. */
  readonly by: Invalidated | null
  /** Position of the newest invalidation that ended an entry of this name, this one or one before; 0: none. */
  readonly endedN: number
}

interface Lineage {
  readonly dependencies: readonly string[]
  /** Position at which they were good: when the entry left, or is about to come. */
  readonly n: number
}

const endedMax = 50_000
/** Names in all lineages together. */
const lineageMax = 500_000

/** Bounded by size and not by `max`, for which all slots would be there from the start: most caches need few. */
const grownTo = (entriesMax: number) => ({ maxSize: entriesMax, sizeCalculation: () => 1 })

export interface PastParts {
  readonly judge: Judge
  readonly clock: Clock
  readonly log: Pick<Log, 'applied'>
}

export class Past {
  /** Position up to which departures may have been forgotten. */
  low = 0
  readonly #parts: PastParts
  readonly #ended = new LRUCache<string, Gone>({
    ...grownTo(endedMax),
    dispose: ({ endedN }, _name, reason) => {
      if (reason === 'evict') this.#forgetUpTo(endedN)
    },
  })
  readonly #overtaken = new LRUCache<string, number>({
    ...grownTo(endedMax),
    dispose: (n, _name, reason) => {
      if (reason === 'evict') this.#forgetUpTo(n)
    },
  })
  readonly #lineages = new LRUCache<string, Lineage>({
    maxSize: lineageMax,
    sizeCalculation: ({ dependencies }) => dependencies.length + 1,
    dispose: (_lineage, _name, reason) => {
      if (reason === 'evict') this.#forgetUpTo(this.#parts.log.applied)
    },
  })

  constructor(parts: PastParts) {
    this.#parts = parts
  }

  /** Nothing is known any more of departures up to that position. */
  forget(n: number): void {
    this.#ended.clear()
    this.#overtaken.clear()
    this.#lineages.clear()
    this.low = n
  }

  left({ key, dependencies }: Entry, { why, by }: Pick<Gone, 'why' | 'by'>): void {
    if (by !== null || why !== 'replaced') this.#end(key, { why, by })
    // Whoever has inherited from what was invalidated is invalid too.
    if (why === 'evicted' || why === 'expired') this.expect(key, dependencies)
  }

  /** An entry of this name comes: what was made from the last one may have been invalidated while there was none. */
  replace(key: string): void {
    const lineage = this.#lineages.get(key)
    if (lineage === undefined) return
    this.#lineages.delete(key)
    const { n, dependencies } = lineage
    const by = this.#parts.judge.verdict({ key, stamp: n, keyStamp: n, dependencies })
    if (by !== undefined) this.#end(key, { why: 'replaced', by })
  }

  /** `name` is about to be stored with these dependencies: whoever comes to depend on it from now on inherits them. */
  expect(name: string, dependencies: readonly string[]): void {
    this.replace(name)
    if (dependencies.length > 0) this.#lineages.set(name, { dependencies, n: this.#parts.log.applied })
  }

  /** What was loaded was overtaken at `n`: who was given it all the same may make something of it, and name it. */
  overtaken(name: string, n: number): void {
    this.#overtaken.set(name, Math.max(this.#overtaken.peek(name) ?? 0, n))
  }

  lineageOf(name: string): readonly string[] {
    return this.#lineages.get(name)?.dependencies ?? []
  }

  gone(name: string): Gone | undefined {
    return this.#ended.peek(name)
  }

  /** Position of the newest invalidation that ended an entry of this name, or overtook a load of it; 0: none is known. */
  endedAt(name: string): number {
    return Math.max(this.#ended.peek(name)?.endedN ?? 0, this.#overtaken.peek(name) ?? 0)
  }

  /** An entry that was pushed out does not undo that one before it was invalidated. */
  #end(key: string, { why, by }: Pick<Gone, 'why' | 'by'>): void {
    const before = this.#ended.peek(key)?.endedN ?? 0
    const endedN = Math.max(before, by?.n ?? 0)
    this.#ended.set(key, { why, by, atMs: this.#parts.clock.coarseNow(), endedN })
  }

  #forgetUpTo(n: number): void {
    this.low = Math.max(this.low, n)
  }
}
