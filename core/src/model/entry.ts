/**
 * An entry: a key with its value, what it was made from, and when.
 *
 * Invariants: stamp <= position at which the load began, and <= the position at which each cached input was read and
 * judged valid; expiresAt <= every cached input's expiresAt at the time of storing (`capAt`);
 * `dependencies` is flattened: its own and those of every cached input, without the key itself.
 */
import type { Policy } from './policy.ts'

export interface EntryParts {
  readonly key: string
  readonly value: unknown
  /** error: `value` is what the loader threw. */
  readonly kind: 'value' | 'error'
  readonly policy: Policy
  /** Direct ones first. */
  readonly dependencies: readonly string[]
  /** How many of `dependencies` the loader read or named itself; the rest came with cached inputs. */
  readonly directCount: number
  readonly generation: string
  /** Whatever was invalidated after this position makes the entry stale. */
  readonly stamp: number
  /** The same for its own key only: a `set` is itself a change of its key, and newer than its inputs. */
  readonly keyStamp: number
  /** ms since 1970, as all times here. */
  readonly storedAt: number
  /** Lifetime before any extension. */
  readonly ttlMs: number
  /** Earliest expiry of the cached inputs: no extension goes beyond. */
  readonly capAt: number
  readonly sizeBytes: number
}

/** An entry in memory. Its times are settled by `ttl/lifetime.ts`, from the parts and the reads. */
export class Entry {
  readonly key: string
  readonly value: unknown
  readonly kind: 'value' | 'error'
  readonly policy: Policy
  readonly dependencies: readonly string[]
  readonly directCount: number
  readonly generation: string
  readonly stamp: number
  keyStamp: number
  readonly storedAt: number
  readonly ttlMs: number
  readonly sizeBytes: number

  capAt: number
  /** No grace goes beyond: Infinity until a soft invalidation bounds it. */
  graceCapAt = Infinity
  /** End of the TTL, extensions included. Moves later by reads, earlier by a soft invalidation. */
  expiresAt = 0
  /** End of grace. */
  graceUntil = 0
  /** Before this time a hit needs no decision: not expired, not due for a refresh. */
  attentionAt = 0
  /** Position up to which it was judged valid. */
  verifiedAt: number
  reads = 0
  /** The value as a settled promise, made by the first hit that wants one. */
  settled: Promise<unknown> | undefined = undefined

  /** @param policy of that name as it is now */
  constructor(parts: EntryParts, policy: Policy = parts.policy) {
    this.key = parts.key
    this.value = parts.value
    this.kind = parts.kind
    this.policy = policy
    this.dependencies = parts.dependencies
    this.directCount = parts.directCount
    this.generation = parts.generation
    this.stamp = parts.stamp
    this.keyStamp = parts.keyStamp
    this.storedAt = parts.storedAt
    this.ttlMs = parts.ttlMs
    this.capAt = parts.capAt
    this.verifiedAt = parts.stamp
    this.sizeBytes = parts.sizeBytes
  }
}
