/**
 * Whether two servers answered the same, and what is different.
 */
import { inspect, isDeepStrictEqual } from 'node:util'
import type { Head } from 'staleproof'
import type { EntryParts, Register } from './parts.ts'

/** @returns undefined: nothing */
export function differenceOf(real: unknown, simulated: unknown): string | undefined {
  if (isDeepStrictEqual(real, simulated)) return undefined
  return `the real server: ${wordsOf(real)}\nthe simulated one: ${wordsOf(simulated)}`
}

/** A register has no order. */
export function sorted(register: Register | 'other'): Register | 'other' {
  if (register === 'other') return register
  return { ...register, nodes: [...register.nodes].sort((a, b) => (a.id < b.id ? -1 : 1)) }
}

/** What is the same of an entry wherever it is held, but for its value. */
export function headOf(head: Head | undefined): Head | undefined {
  if (head === undefined) return undefined
  const { key, stamp, keyStamp, dependencies } = head
  return { key, stamp, keyStamp, dependencies: [...dependencies] }
}

/** The same with its value. */
export function entryOf(entry: EntryParts | undefined): object | undefined {
  if (entry === undefined) return undefined
  const { value, kind, policy, storedAt, ttlMs, capAt, directCount } = entry
  return { ...headOf(entry), value, kind, policy: policy.name, storedAt, ttlMs, capAt, directCount }
}

export function headsOf(heads: Iterable<Head>): readonly (Head | undefined)[] {
  return [...heads].map(headOf).sort((a, b) => (String(a?.key) < String(b?.key) ? -1 : 1))
}

export function wordsOf(what: unknown): string {
  return inspect(what, { depth: 6, breakLength: 140 }).slice(0, 1500)
}
