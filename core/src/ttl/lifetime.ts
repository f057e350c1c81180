/**
 * Fresh, stale, expired: how long an entry lives.
 *
 *   stored                    expiresAt                 graceUntil
 *     |---------- fresh ----------|-------- stale ----------|---- expired
 *     |------ attentionAt --|  (refresh-ahead: a hit here starts a load in the background)
 *
 * lifetime after n reads = min(ttl * accessMultiplier^n, maxExtension), counted from the time of storing.
 *
 * Invariants: an extension never passes `capAt` (the earliest expiry of the cached inputs) and never revives
 * what has expired: only reads that were hits are counted.
 */
import type { Entry } from '../model/entry.ts'
import type { Policy } from '../model/policy.ts'

export type Freshness = 'fresh' | 'stale' | 'expired'

export function freshness(entry: Entry, nowMs: number): Freshness {
  if (nowMs < entry.expiresAt) return 'fresh'
  return nowMs < entry.graceUntil ? 'stale' : 'expired'
}

/** The TTL that a caller asked for, within what the policy allows. */
export function clampTtl(ttlMs: number, policy: Policy): number {
  return Math.min(Math.max(ttlMs, policy.minTtlMs), policy.maxTtlMs)
}

/** Takes up to `policy.jitter` of the lifetime off, so that entries stored together do not expire together. */
export function withJitter(ttlMs: number, policy: Policy, chance: number): number {
  return ttlMs * (1 - policy.jitter * chance)
}

/** Lifetime in ms after `reads` reads. */
export function lifetime(ttlMs: number, policy: Policy, reads: number): number {
  if (policy.accessMultiplier === 1 || reads === 0) return ttlMs
  const extended = ttlMs * policy.accessMultiplier ** reads
  return Math.max(ttlMs, Math.min(extended, policy.maxExtensionMs))
}

/**
 * Works out an entry's times from its reads. Extensions are worked out when `attentionAt` has passed and not at
 * every read: the reads counted until then were all hits, so the outcome is the same and a hit stays cheap.
 */
export function settleTimes(entry: Entry): void {
  const end =
    entry.storedAt + (isGood(entry) ? lifetime(entry.ttlMs, entry.policy, entry.reads) : entry.ttlMs)
  entry.expiresAt = Math.min(end, entry.capAt)
  entry.graceUntil = Math.min(entry.expiresAt + (isGood(entry) ? entry.policy.graceMs : 0), entry.graceCapAt)
  entry.attentionAt = Math.min(refreshAt(entry), entry.expiresAt)
}

/** What says that there is nothing, or an error, is not worth serving past its own time. */
function isGood({ kind, value }: Entry): boolean {
  return kind === 'value' && value !== undefined
}

/** When a hit should start a load in the background; Infinity if never. */
export function refreshAt(entry: Entry): number {
  const part = isGood(entry) ? entry.policy.refreshAhead : null
  return part === null ? Infinity : entry.storedAt + (entry.expiresAt - entry.storedAt) * part
}

/** A soft invalidation: stale from now on, and unusable from `untilMs` on. No read extends it any more. */
export function soften(entry: Entry, nowMs: number, untilMs: number): void {
  entry.capAt = Math.min(entry.capAt, nowMs)
  entry.graceCapAt = Math.min(entry.graceCapAt, untilMs)
  settleTimes(entry)
}
