/**
 * Rows of the history: a record as sealed bytes, with a head that is read without decoding it.
 *
 *   row      seal, status, whether it is under way, number among the ended, then the record (bytes/record.ts)
 */
import type { Status } from '../model/invalidation.ts'
import { encodePlain, seal, sealBytes, unseal } from '../bytes/codec.ts'
import { decodeRecord, type KeptRecord, type PackedRecord } from '../bytes/record.ts'
import { seqBytes } from './keys.ts'

/** What can be told of a row without decoding it. */
export interface Head {
  readonly status: Status
  /** Immediate or lazy, and not ended: a process carries it out. */
  readonly isUnderWay: boolean
  /** Number among those that ended; 0 if it has not. */
  readonly n: number
}

export type HistoryRow = KeptRecord

const headBytes = 2 + seqBytes
const statuses: readonly Status[] = ['pending', 'running', 'completed', 'failed', 'cancelled']

/** Bytes that lack their head, and so their seal. */
export function historyBytes(packed: PackedRecord): Buffer {
  return encodePlain(packed, sealBytes + headBytes)
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
  return decodeRecord(unseal(bytes, 'a record of the history').subarray(headBytes))
}
