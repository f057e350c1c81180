/**
 * A policy: the rules of one kind of entry.
 */
import type { Consistency } from './invalidation.ts'
import type { Duration } from './quantity.ts'

/** As a user writes it; what is left out comes from the cache's `ttl` option or means "off". */
export interface PolicyOptions {
  /** Lifetime of an entry nobody reads. Default: the cache's default TTL (1 h). */
  readonly ttl?: Duration | undefined
  /** Each read multiplies the lifetime, counted from the time of storing. Default 1 (no extension). */
  readonly accessMultiplier?: number | undefined
  /** Bound of that extension; needed with a multiplier above 1. */
  readonly maxExtension?: Duration | undefined
  /** Least TTL that a caller may give; a smaller one is raised. Default 60 s, or `ttl` if that is less. */
  readonly minTtl?: Duration | undefined
  /** Greatest TTL that a caller may give; a greater one is lowered. Default 1 d, or `ttl` if that is more. */
  readonly maxTtl?: Duration | undefined
  /** Part of the lifetime, 0 to 1, that is taken off at random so that entries do not expire together. Default 0. */
  readonly jitter?: number | undefined
  /** Extra time after the TTL in which a stale value may be served while it is loaded again. Default 0. */
  readonly grace?: Duration | undefined
  /** Part of the lifetime, 0 to 1, after which a hit starts a load in the background. Default: off. */
  readonly refreshAhead?: number | undefined
  /** Wait at most so long for a loader if a value in grace is at hand. Default 0: serve it at once. */
  readonly softTimeout?: Duration | undefined
  /** A loader that takes longer fails with E_LOADING_TIMEOUT. Default: no limit. */
  readonly hardTimeout?: Duration | undefined
  /** How long `undefined` from a loader is remembered. Default 0: not at all. */
  readonly negativeTtl?: Duration | undefined
  /** How long an error of a loader is remembered and thrown again. Default 0: not at all. */
  readonly errorTtl?: Duration | undefined
  /** Of a `set` that does not say it: strict waits until no other node serves what was there before. Default eventual. */
  readonly consistency?: Consistency | undefined
  /**
   * Among many nodes: what a read gets while this one has lost its right to serve (it is fenced). bypass (default): what
   * the loader gives, and that is not kept; `get` finds nothing. error: E_CONSISTENCY_FENCED. stale: what is held, though it may
   * have been invalidated meanwhile.
   */
  readonly onFence?: OnFence | undefined
  /**
   * For sources that lag, by less than this: a load that began less than that after this node heard of an invalidation
   * of anything it is made from goes to its callers and is not kept. Default 0.
   */
  readonly holdOff?: Duration | undefined
}

export type OnFence = 'bypass' | 'error' | 'stale'

/** A policy with every rule decided; durations in ms. */
export interface Policy {
  readonly name: string
  readonly ttlMs: number
  readonly accessMultiplier: number
  readonly maxExtensionMs: number
  readonly minTtlMs: number
  readonly maxTtlMs: number
  readonly jitter: number
  readonly graceMs: number
  readonly refreshAhead: number | null
  readonly softTimeoutMs: number
  readonly hardTimeoutMs: number | null
  readonly negativeTtlMs: number
  readonly errorTtlMs: number
  readonly consistency: Consistency
  readonly onFence: OnFence
  readonly holdOffMs: number
}
