/**
 * Rows of the history: a record as sealed bytes, and how heavy it may be.
 *
 *   row      seal, status, whether it is under way, number among the ended, then
 *            [time it is kept from, or null while it is open; cascade; the other fields, without their names]
 *   cascade  [name, depth, because, ...], where because is the index of an earlier item if there is one
 *
 * Invariants: what was asked for is kept whole, since a retry begins with it; of what was done, a record lists no more
 * than `listedMax` characters, and says that it lists less than there was.
 */
import type { CascadeItem, InvalidationResult, Status, TierOutcome } from '../model/invalidation.ts'
import { decode, encode, seal, sealBytes, unseal } from '../bytes/codec.ts'
import { seqBytes } from './keys.ts'

/** Characters of a cascade, and of all that a tier says. */
const listedMax = 65_536
const heldMax = 8192
const messageMax = 4096

/** What can be told of a row without decoding it. */
export interface Head {
  readonly status: Status
  /** Immediate or lazy, and not ended: a process carries it out. */
  readonly isUnderWay: boolean
  /** Number among those that ended; 0 if it has not. */
  readonly n: number
}

export interface HistoryRow {
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

const headBytes = 2 + seqBytes
const statuses: readonly Status[] = ['pending', 'running', 'completed', 'failed', 'cancelled']

/** Bytes that lack their head, and so their seal. */
export function historyBytes(given: InvalidationResult, keptFrom: number | null): Buffer {
  const record = slimmed(given)
  const packed = encode([keptFrom, packCascade(record.cascade), ...fields.map((field) => record[field])])
  return Buffer.concat([Buffer.alloc(sealBytes + headBytes), packed])
}

export function withHead(bytes: Buffer, { status, isUnderWay, n }: Head): Buffer {
  bytes[sealBytes] = statuses.indexOf(status)
  bytes[sealBytes + 1] = isUnderWay ? 1 : 0
  bytes.writeUIntBE(n, sealBytes + 2, seqBytes)
  return seal(bytes)
}

export function headOf(bytes: Buffer): Head {
  const status = statuses[bytes[sealBytes] ?? 0] ?? 'pending'
  return { status, isUnderWay: bytes[sealBytes + 1] === 1, n: bytes.readUIntBE(sealBytes + 2, seqBytes) }
}

/** @throws E_DISK_DAMAGED */
export function historyRow(bytes: Buffer): HistoryRow {
  const packed = unseal(bytes, 'a record of the history').subarray(headBytes)
  const [keptFrom, cascade, ...values] = decode(packed) as [number | null, PackedCascade, ...unknown[]]
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
