/**
 * Reads: what LMDB says of a table that cannot be read is one of our failures, whoever reads it.
 *
 * Invariant: all that LMDB offers for reading goes through one of two: `getBinaryFast`, for a key, and `getRange`, for
 * keys in order or their count, which looks when it is iterated and at each step.
 */
import { failure } from './failure.ts'

interface Range {
  /** A number: of a count. */
  iterate: (...how: unknown[]) => { next: () => unknown } | number
}

interface Readable {
  getBinaryFast: (...asked: unknown[]) => unknown
  getRange: (...asked: unknown[]) => Range
}

/** Keys that are bytes; who looks for one may give text in its place, whose UTF-8 is written where LMDB reads it. */
export const bytesAsTheyAre = {
  writeKey: (key: Buffer | string, target: Buffer, start: number): number => {
    if (typeof key === 'string') return start + target.write(key, start)
    target.set(key, start)
    return start + key.length
  },
  readKey: (from: Buffer, start: number, end: number): Buffer => Buffer.from(from.subarray(start, end)),
}

/** The same table, whose reads fail with E_DISK_DAMAGED and E_DISK_FAILED. */
export function withFailures<T extends object>(table: T, path: string): T {
  const readable = table as unknown as Readable
  const { getBinaryFast, getRange } = readable
  const attempt = <T>(read: () => T): T => {
    try {
      return read()
    } catch (error) {
      throw failure(error, path)
    }
  }
  // In full: it is on the path of every hit.
  readable.getBinaryFast = (key, options) => {
    try {
      return getBinaryFast.call(readable, key, options)
    } catch (error) {
      throw failure(error, path)
    }
  }
  readable.getRange = (options) => {
    const range = getRange.call(readable, options)
    const { iterate } = range
    range.iterate = (...how) => {
      const iterator = attempt(() => iterate.apply(range, how))
      if (typeof iterator === 'number') return iterator
      const { next } = iterator
      iterator.next = () => attempt(() => next.call(iterator))
      return iterator
    }
    return range
  }
  return table
}
