/**
 * Opens the nearest tier from what the user said of it.
 */
import { StaleproofError } from '../model/errors.ts'
import { count, sizeBytes, type Size } from '../model/quantity.ts'
import type { Leave, NearTier } from './contract.ts'
import { MemoryTier } from './memory.ts'
import { NoopNearTier } from './noop.ts'
import type { ValueMode } from './values.ts'

export interface MemoryOptions {
  /** All entries together. Default 256mb. */
  readonly maxBytes?: Size | undefined
  /** Default: no limit but the bytes. */
  readonly maxEntries?: number | undefined
  /** Larger values are handed out and not kept. Default: `maxBytes`. */
  readonly maxEntryBytes?: Size | undefined
  /** Default 'as-is'. */
  readonly values?: ValueMode | undefined
}

/** @throws E_OPTIONS_INVALID, E_SIZE_INVALID, E_COUNT_INVALID naming the option */
export function nearTier(options: MemoryOptions | false, onLeave: Leave): NearTier {
  if (options === false) return new NoopNearTier()
  const bytesMax = sizeBytes(options.maxBytes ?? '256mb', 'memory.maxBytes')
  const entryBytesMax = sizeBytes(options.maxEntryBytes ?? bytesMax, 'memory.maxEntryBytes')
  if (entryBytesMax > bytesMax) {
    throw new StaleproofError(
      'E_OPTIONS_INVALID',
      `memory.maxEntryBytes (${entryBytesMax}) is more than memory.maxBytes (${bytesMax}); give less, or raise that`,
    )
  }
  return new MemoryTier({
    bytesMax,
    entriesMax: options.maxEntries === undefined ? Infinity : count(options.maxEntries, 'memory.maxEntries'),
    entryBytesMax,
    onLeave,
  })
}
