/**
 * Entries for the cases, what is compared of them, and a Map that does what a tier does.
 */
import { isDeepStrictEqual } from 'node:util'
import { systemClock } from '../model/clock.ts'
import type { EntryParts } from '../model/entry.ts'
import type { Policy } from '../model/policy.ts'
import type { Head } from '../tiers/contract.ts'

export const policy: Policy = {
  name: 'default',
  ttlMs: 3_600_000,
  accessMultiplier: 1,
  maxExtensionMs: 3_600_000,
  minTtlMs: 60_000,
  maxTtlMs: 86_400_000,
  jitter: 0,
  graceMs: 0,
  refreshAhead: null,
  softTimeoutMs: 0,
  hardTimeoutMs: null,
  negativeTtlMs: 0,
  errorTtlMs: 0,
  consistency: 'eventual',
  onFence: 'bypass',
  holdOffMs: 0,
}

export function entryOf(key: string, more: Partial<EntryParts> = {}): EntryParts {
  const directCount = more.dependencies?.length ?? 0
  return {
    key,
    value: `value of ${key}`,
    kind: 'value',
    policy,
    dependencies: [],
    directCount,
    generation: 'g',
    stamp: 1,
    keyStamp: 1,
    // A tier may let go of what nobody can be served any more.
    storedAt: systemClock().now(),
    ttlMs: policy.ttlMs,
    capAt: Infinity,
    sizeBytes: 100,
    ...more,
  }
}

type Shown = Partial<Omit<EntryParts, 'value'>>

/** All parts but the value; whatever else a tier adds is its own. */
export function partsOf(entry: EntryParts | undefined): Shown | undefined {
  if (entry === undefined) return undefined
  const { key, kind, policy, dependencies, directCount, generation, stamp, keyStamp, ...rest } = entry
  const { storedAt, ttlMs, capAt, sizeBytes } = rest
  const about = { key, kind, policy: { ...policy }, dependencies: [...dependencies], directCount, generation }
  return { ...about, stamp, keyStamp, storedAt, ttlMs, capAt, sizeBytes }
}

export function headOf(head: Head | undefined): Head | undefined {
  if (head === undefined) return undefined
  const { key, stamp, keyStamp, dependencies } = head
  return { key, stamp, keyStamp, dependencies: [...dependencies] }
}

export function keysOf(entries: Iterable<Pick<EntryParts, 'key'>>): string[] {
  return sorted(Array.from(entries, ({ key }) => key))
}

/** Each once. */
export function sorted(names: Iterable<string>): string[] {
  return [...new Set(names)].sort()
}

/** Bytes are the same, whichever class they come as. */
export function isSameValue(actual: unknown, wanted: unknown): boolean {
  if (actual instanceof Uint8Array && wanted instanceof Uint8Array)
    return Buffer.compare(actual, wanted) === 0
  return isDeepStrictEqual(actual, wanted)
}

/** What a tier should hold. */
export class Oracle {
  readonly entries = new Map<string, EntryParts>()

  put(entry: EntryParts): void {
    const known = this.entries.get(entry.key)
    if (known === undefined || known.stamp <= entry.stamp) this.entries.set(entry.key, entry)
  }

  /** @returns how many were removed */
  delete(keys: readonly string[]): number {
    return keys.filter((key) => this.entries.delete(key)).length
  }

  dependents(names: readonly string[]): string[] {
    return this.#keysWhere((name) => names.includes(name))
  }

  withPrefix(prefix: string): string[] {
    return this.#keysWhere((name) => name.startsWith(prefix))
  }

  #keysWhere(matches: (name: string) => boolean): string[] {
    const found = [...this.entries.values()].filter(({ key, dependencies }) => {
      return [key, ...dependencies].some(matches)
    })
    return keysOf(found)
  }
}
