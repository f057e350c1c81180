/**
 * Load: what a loader is given, its own handle on the load under way.
 */
import { checkNames } from '../model/name.ts'
import { momentMs, positiveDurationMs, type Duration } from '../model/quantity.ts'
import type { StoreOptions } from '../model/store.ts'
import type { Flight } from './flight.ts'

/** Reads made through a load are its dependencies, with or without an asynchronous context. */
export interface Load {
  readonly key: string
  /** Aborted when the load took longer than its hard timeout, or the cache was closed. */
  readonly signal: AbortSignal
  /** The value that was held before, if it is still usable in grace: for conditional requests to the source. */
  readonly stale: { readonly value: unknown; readonly storedAt: number } | undefined
  /** Declares names that this value is made from. Call it before reading them: it counts from the load's start. */
  dependsOn(...names: readonly string[]): void
  /** TTL of this value, within the policy's bounds. */
  setTtl(ttl: Duration): void
  /**
   * What the loader returns reflects its source as of that moment, ms since 1970: that of a replica that lags. If anything
   * that the value is made from was invalidated after it, the value goes to the callers and is not kept.
   */
  asOf(ms: number): void
  /** The value goes to the callers and is not kept. */
  skipStore(): void
  get<V>(key: string): Promise<V | undefined>
  getOrSet<V>(key: string, loader: Loader<V>, options?: StoreOptions): Promise<V>
  peek<V>(key: string): V | undefined
}

export type Loader<V> = (load: Load) => V | Promise<V>

/** The reads of a cache, made on behalf of a flight. */
export interface Reads {
  getWithin(flight: Flight, key: string): Promise<unknown>
  getOrSetWithin(
    flight: Flight,
    key: string,
    how: { readonly loader: Loader<unknown>; readonly options: StoreOptions | undefined },
  ): Promise<unknown>
  peekWithin(flight: Flight, key: string): unknown
}

export function loadOf(flight: Flight, stale: Load['stale'], reads: Reads): Load {
  return {
    key: flight.key,
    get signal() {
      return flight.signal
    },
    stale,
    dependsOn(...names) {
      checkNames(names, 'dependency')
      for (const name of names) flight.name(name)
    },
    setTtl(ttl) {
      flight.ttlMs = positiveDurationMs(ttl, 'ttl')
    },
    asOf(ms) {
      // Of several sources the oldest counts.
      flight.asOfMs = Math.min(flight.asOfMs, momentMs(ms, 'load.asOf'))
    },
    skipStore() {
      flight.skipStore = true
    },
    get: <V>(key: string) => reads.getWithin(flight, key) as Promise<V | undefined>,
    getOrSet: <V>(key: string, loader: Loader<V>, options?: StoreOptions) =>
      reads.getOrSetWithin(flight, key, { loader, options }) as Promise<V>,
    peek: <V>(key: string) => reads.peekWithin(flight, key) as V | undefined,
  }
}
