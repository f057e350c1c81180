/**
 * Counts: what the tables of the tier amount to, in one row that every transaction keeps up to date.
 */
import { seal, unseal } from '../bytes/codec.ts'

export interface Counts {
  entries: number
  /** What they take on the disk: the sum of their `storedBytes`. */
  bytes: number
  /** Entries that had to go for room, ever. */
  evictions: number
  /** Entries and files that were not what was written, ever. */
  damaged: number
  /** The last that was given out; of one count for all tables, so that they grow in time. */
  sequence: number
  /** Rows of `ended`. */
  ended: number
  /** Position up to which of names that `ended` lacks nothing is known. */
  endedLow: number
  /** Rows of `damaged`. */
  aside: number
  /** Number of the last process that wrote value files. */
  writers: number
}

const fields = [
  'entries',
  'bytes',
  'evictions',
  'damaged',
  'sequence',
  'ended',
  'endedLow',
  'aside',
  'writers',
] as const satisfies readonly (keyof Counts)[]

const sealBytes = 4

export function noCounts(): Counts {
  return {
    entries: 0,
    bytes: 0,
    evictions: 0,
    damaged: 0,
    sequence: 0,
    ended: 0,
    endedLow: 0,
    aside: 0,
    writers: 0,
  }
}

export function encodeCounts(counts: Counts): Buffer {
  const bytes = Buffer.alloc(sealBytes + 8 * fields.length)
  for (const [i, field] of fields.entries()) bytes.writeDoubleLE(counts[field], sealBytes + 8 * i)
  return seal(bytes)
}

/** @throws E_DISK_DAMAGED */
export function decodeCounts(bytes: Buffer): Counts {
  const proved = unseal(bytes, 'the counts')
  const counts = noCounts()
  for (const [i, field] of fields.entries()) counts[field] = proved.readDoubleLE(8 * i)
  return counts
}
