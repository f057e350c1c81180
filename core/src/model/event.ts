/**
 * Events: what rooms and users get told. A listener that throws does not disturb the cache: its error is
 * raised as an `uncaughtException`, as a user would see it from any emitter used asynchronously.
 */
import type { InvalidationResult } from './invalidation.ts'
import { checkFunction, oneOf } from './known.ts'

export type Departure = 'invalidated' | 'expired' | 'evicted' | 'deleted' | 'replaced'

/**
 * leased: it may serve what it holds. fenced: it may not, since it could not ask the log for too long. gap: it was away
 * for so long that it had to begin anew. generation: the log may have lost something, and everything that was cached
 * before counts as stale. left: it was closed.
 */
export interface NodeEvent {
  readonly status: 'leased' | 'fenced' | 'gap' | 'generation' | 'left'
  readonly generation: string
  /** Position up to which it has applied the log. */
  readonly applied: number
  /** Other nodes, as far as is known. */
  readonly others: number
}

export interface CacheEvents {
  /** A value was served fresh, from `tier`. */
  hit: { readonly key: string; readonly tier: string; readonly policy: string }
  /** Nothing usable was held. */
  miss: { readonly key: string }
  /** A loader ended; `stored` says whether its value was kept, `refused` why not. */
  load: {
    readonly key: string
    readonly durationMs: number
    readonly stored: boolean
    readonly refused:
      | 'doomed'
      | 'skipped'
      | 'expired'
      | 'no-room'
      | 'unresolved'
      | 'fenced'
      | 'older-source'
      | 'held-off'
      | 'error'
      | null
  }
  /** A stale value was served within its grace; asked: by `entry`, which says so; fenced: the policy wants it so. */
  stale: { readonly key: string; readonly because: 'loading' | 'error' | 'timeout' | 'asked' | 'fenced' }
  /** A value was stored. */
  store: { readonly key: string; readonly tier: string; readonly policy: string; readonly sizeBytes: number }
  /** An entry left memory. */
  departed: { readonly key: string; readonly why: Departure }
  /** An invalidation ended, or changed its status. */
  invalidated: InvalidationResult
  /** A name was set: what depends on it became stale. */
  changed: { readonly name: string; readonly n: number }
  /** A tier failed again and again, and is not asked any more; or it is well again (`error` is null). */
  tier: { readonly tier: string; readonly status: 'failing' | 'ok'; readonly error: unknown }
  /** What was invalidated while a tier failed is deleted from it: so many entries, of so many names and prefixes. */
  replayed: { readonly tier: string; readonly owed: number | 'everything'; readonly purged: number }
  /** What became of this node among others. */
  node: NodeEvent
  /** Something went wrong that no caller is there to be told. */
  error: { readonly error: unknown; readonly during: string }
  /** More dependencies than the threshold warns of. */
  warning: { readonly code: string; readonly message: string; readonly name: string }
}

export type CacheEventName = keyof CacheEvents
const names = Object.keys({
  ...{ hit: true, miss: true, load: true, stale: true, store: true, departed: true, invalidated: true },
  ...{ changed: true, tier: true, replayed: true, node: true, error: true, warning: true },
} satisfies Record<CacheEventName, true>) as readonly CacheEventName[]
export type Listener<E extends CacheEventName> = (event: CacheEvents[E]) => void

export class Events {
  /** True if somebody listens to hits: a field, since it is asked at every one. */
  hearsHits = false
  readonly #listeners = new Map<CacheEventName, Set<Listener<never>>>()

  /** @returns a function that ends the subscription. @throws E_OPTIONS_INVALID */
  on<E extends CacheEventName>(name: E, listener: Listener<E>): () => void {
    oneOf<CacheEventName>(name, names, ['event', 'E_OPTIONS_INVALID'])
    checkFunction(listener, 'on takes a function to call')
    const set = this.#listeners.get(name) ?? new Set()
    this.#listeners.set(name, set)
    set.add(listener)
    this.hearsHits = this.heard('hit')
    return () => {
      set.delete(listener)
      if (set.size === 0 && this.#listeners.get(name) === set) this.#listeners.delete(name)
      this.hearsHits = this.heard('hit')
    }
  }

  /** True if somebody listens: asked before an event is made, where events are many. */
  heard(name: CacheEventName): boolean {
    return this.#listeners.has(name)
  }

  emit<E extends CacheEventName>(name: E, event: CacheEvents[E]): void {
    const set = this.#listeners.get(name)
    if (set === undefined) return
    for (const listener of [...set]) {
      try {
        ;(listener as unknown as Listener<E>)(event)
      } catch (error) {
        queueMicrotask(() => {
          throw error
        })
      }
    }
  }
}
