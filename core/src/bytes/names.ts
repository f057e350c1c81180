/**
 * Names as keys of a store: LMDB takes 1978 bytes at most, and names have up to 8192.
 *
 *   up to 480 bytes    the name in UTF-8
 *   longer             its first 448 bytes, 0xff, and 16 bytes of the SHA-256 of the name in UTF-16
 *
 * A name with half a surrogate pair in it has no UTF-8 of its own, and takes the second form, however short it is.
 *
 * Invariants: two names have two keys (but for a collision of 128 bits: who reads an entry compares the whole name);
 * keys sort as names do in UTF-8, up to 448 bytes; 0xff occurs in the second form only, since no UTF-8 has it.
 */
import { createHash } from 'node:crypto'

const wholeBytesMax = 480
const cutBytes = 448
const hashBytes = 16
const separator = Buffer.of(0xff)
const dependentMark = Buffer.of(0xfe)
const halfPair = /\p{Surrogate}/u

export function keyOf(name: string): Buffer {
  const bytes = Buffer.from(name)
  if (bytes.length <= wholeBytesMax && (bytes.length === name.length || !halfPair.test(name))) return bytes
  const hash = createHash('sha256').update(name, 'utf16le').digest()
  return Buffer.concat([bytes.subarray(0, cutBytes), separator, hash.subarray(0, hashBytes)])
}

/** The same as text where that has the same bytes: a client sends it for less. */
export function sentKeyOf(name: string): string | Buffer {
  return name.length * 3 <= wholeBytesMax && !halfPair.test(name) ? name : keyOf(name)
}

/** The name of a key; undefined if the key does not hold all of it. */
export function nameOf(key: Buffer): string | undefined {
  return key[key.length - hashBytes - 1] === 0xff ? undefined : key.toString()
}

/** Where the keys of all names are that begin with `prefix`; others may be there, too. */
export function rangeOf(prefix: string): { start?: Buffer; end?: Buffer } {
  const half = prefix.search(halfPair)
  const start = Buffer.from(half === -1 ? prefix : prefix.slice(0, half)).subarray(0, cutBytes)
  if (start.length === 0) return {}
  const end = Buffer.from(start)
  end[end.length - 1] = (end.at(-1) as number) + 1
  return { start, end }
}

/**
 * That the entry of `key` depends on `name`, as one key: sorted by name, then by key. The first of 0xfe and 0xff ends
 * the name or tells its form, so that no two pairs have one key, and none stands between those of another name.
 */
export function pairOf(name: Buffer, key: Buffer): Buffer {
  return Buffer.concat([name, dependentMark, key])
}

export function splitPair(pair: Buffer): { readonly name: Buffer; readonly key: Buffer } {
  const at = pair.findIndex((byte) => byte >= 0xfe)
  const end = pair[at] === 0xff ? at + 1 + hashBytes : at
  return { name: pair.subarray(0, end), key: pair.subarray(end + 1) }
}

/** Where the pairs of a name are. */
export function pairsOf(name: Buffer): { start: Buffer; end: Buffer } {
  return { start: Buffer.concat([name, dependentMark]), end: Buffer.concat([name, separator]) }
}

/** Whether text has an UTF-8 of its own. */
export function isWellFormed(text: string): boolean {
  return !halfPair.test(text)
}
