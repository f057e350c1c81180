/**
 * Records of invalidations as bytes: their fields in one order, without their names, and how heavy one may be.
 *
 *   record   [time it is kept from, or null while it is open; cascade; the other fields]
 *   cascade  [name, depth, because, ...], where because is the index of an earlier item if there is one
 *
 * Invariants: what was asked for is kept whole, since a retry begins with it; of what was done, a record lists no more
 * than `listedMax` characters, and says that it lists less than there was.
 */
import type { CascadeItem, InvalidationResult, Status, Strategy, TierOutcome } from '../model/invalidation.ts'
import { decode } from './codec.ts'

/** Characters of a cascade, and of all that a tier says. */
const listedMax = 65_536
const heldMax = 8192
const messageMax = 4096

export interface KeptRecord {
  /** When it ended; null while it waits or is under way. */
  readonly keptFrom: number | null
  readonly record: InvalidationResult
}

/** In the order in which they are written. */
const fields = [
  'id',
  'position',
  'status',
  'names',
  'prefix',
  'all',
  'strategy',
  'consistency',
  'mode',
  'reason',
  'actor',
  'reached',
  'truncated',
  'beyondDepth',
  'tiers',
  'attempts',
  'requestedAt',
  'startedAt',
  'endedAt',
  'error',
  'token',
  'nodes',
] as const satisfies readonly (keyof InvalidationResult)[]

type PackedCascade = readonly (string | number | null)[]

export type PackedRecord = readonly [keptFrom: number | null, cascade: PackedCascade, ...fields: unknown[]]

export function decodeRecord(bytes: Buffer): KeptRecord {
  return unpackRecord(decode(bytes) as PackedRecord)
}

/** To be encoded. */
export function packRecord({ keptFrom, record: given }: KeptRecord): PackedRecord {
  const record = slimmed(given)
  return [keptFrom, packCascade(record.cascade), ...fields.map((field) => record[field])]
}

/** What an index has to know of a record. */
export type RecordHead = Pick<InvalidationResult, 'id' | 'status' | 'names' | 'strategy' | 'requestedAt'>

export function headOfPacked(packed: PackedRecord): RecordHead {
  return {
    id: packed[at.id] as string,
    status: packed[at.status] as Status,
    names: packed[at.names] as readonly string[],
    strategy: packed[at.strategy] as Strategy,
    requestedAt: packed[at.requestedAt] as number,
  }
}

/** Where a packed record has a field: the time it is kept from and the cascade come first. */
const at = {
  id: placeOf('id'),
  status: placeOf('status'),
  names: placeOf('names'),
  strategy: placeOf('strategy'),
  requestedAt: placeOf('requestedAt'),
}

function placeOf(field: (typeof fields)[number]): number {
  return 2 + fields.indexOf(field)
}

export function unpackRecord([keptFrom, cascade, ...values]: PackedRecord): KeptRecord {
  // Records were written without `nodes` at first.
  const entries = fields.map((field, i) => [field, values[i] ?? (field === 'nodes' ? [] : values[i])])
  const record = { ...Object.fromEntries(entries), cascade: unpackCascade(cascade) } as InvalidationResult
  return { keptFrom, record }
}

function packCascade(cascade: readonly CascadeItem[]): PackedCascade {
  const at = new Map<string, number>()
  const packed: (string | number | null)[] = []
  for (const [i, { name, depth, because }] of cascade.entries()) {
    packed.push(name, depth, because === null ? null : (at.get(because) ?? because))
    at.set(name, i)
  }
  return packed
}

function unpackCascade(packed: PackedCascade): CascadeItem[] {
  const cascade: CascadeItem[] = []
  for (let i = 0; i < packed.length; i += 3) {
    const [name, depth, because] = packed.slice(i, i + 3) as [string, number, string | number | null]
    const reason = typeof because === 'number' ? (cascade[because]?.name ?? null) : because
    cascade.push({ name, depth, because: reason })
  }
  return cascade
}

function slimmed(record: InvalidationResult): InvalidationResult {
  const cascade = fitting(
    record.cascade,
    listedMax,
    ({ name, because }) => name.length + (because?.length ?? 0),
  )
  const tiers = Object.entries(record.tiers)
  const isSlim =
    cascade.length === record.cascade.length &&
    (record.error?.message.length ?? 0) <= messageMax &&
    tiers.every(([, tier]) => isSlimTier(tier))
  if (isSlim) return record
  return {
    ...record,
    cascade,
    truncated: record.truncated || cascade.length < record.cascade.length,
    tiers: Object.fromEntries(tiers.map(([name, tier]) => [name, slimmedTier(tier)])),
    error: record.error && { ...record.error, message: record.error.message.slice(0, messageMax) },
  }
}

function isSlimTier({ held, error }: TierOutcome): boolean {
  return (
    fitting(held, heldMax, ({ length }) => length).length === held.length &&
    (error?.length ?? 0) <= messageMax
  )
}

function slimmedTier(tier: TierOutcome): TierOutcome {
  const held = fitting(tier.held, heldMax, ({ length }) => length)
  return { ...tier, held, error: tier.error?.slice(0, messageMax) ?? null }
}

/** The first of the items, as many as together weigh no more. */
function fitting<T>(items: readonly T[], weightMax: number, weigh: (item: T) => number): readonly T[] {
  let weight = 0
  for (const [i, item] of items.entries()) {
    weight += weigh(item)
    if (weight > weightMax) return items.slice(0, i)
  }
  return items
}
