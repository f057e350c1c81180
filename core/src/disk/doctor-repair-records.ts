/**
 * Repair of queue and history: what is damaged goes aside, and what points at the rest is made anew.
 */
import { packRecord } from '../bytes/record.ts'
import type { Repairing } from './doctor-parts.ts'
import { Edit } from './edit.ts'
import type { Environment } from './environment.ts'
import { DiskHistory } from './history.ts'
import { HistoryIndex } from './history-index.ts'
import { journalRow } from './history-journal.ts'
import { historyBytes, type HistoryRow, historyRow } from './history-rows.ts'
import { seqBytes } from './keys.ts'
import { QueueIndex } from './queue-index.ts'
import { QueueJobs } from './queue-jobs.ts'

export async function repairRecords(parts: Repairing): Promise<void> {
  const { found } = parts
  // The history first: a job that is lost is told of there.
  if (found.has('record-damaged') || found.has('history-index')) rebuildHistory(parts)
  if (found.has('job-damaged') || found.has('queue-index')) await rebuildQueue(parts)
}

/** Whoever had it under way is gone. */
const nobody = 'nobody'

function rebuildHistory({ environment, rows, clock, done, lost }: Repairing): void {
  const history = environment.table<Buffer>('history', 'bytes')
  const index = new HistoryIndex(environment)
  const told = environment.transactNow(() => {
    const edit = new Edit(rows, { nowMs: clock.now(), n: 0 })
    const all = [...history.getRange()].map(({ key, value }) => ({ key: Buffer.from(key), value }))
    const readable = all.flatMap(({ key, value }) => {
      const row = readableRow(value)
      if (row !== undefined) return [row]
      edit.keepAside(key, { why: 'a record of the history: its checksum does not fit', bytes: value })
      return []
    })
    const journalLost = clearJournal(environment, edit)
    for (const name of ['history', 'historyKeys', 'historyEnded']) empty(environment, name)
    index.begin()
    for (const { record, keptFrom } of readable) {
      const bytes = historyBytes(packRecord({ keptFrom, record }))
      index.put(record, { known: undefined, bytes, keptFrom, node: nobody })
    }
    index.end()
    edit.end()
    return { kept: readable.length, lost: all.length - readable.length + journalLost }
  })
  done.push(`the index of the history was made anew; records in it: ${told.kept}`)
  if (told.lost > 0) lost.push(`records of the history: ${told.lost}`)
}

/** What can be read of it is taken in by whoever opens the directory. @returns how many rows are lost */
function clearJournal(environment: Environment, edit: Edit): number {
  const journal = environment.table<number>('historyJournal', 'numbers')
  const damaged = [...journal.getRange()].filter(
    ({ key, value }) => journalRow(key, value).error !== undefined,
  )
  for (const { key: n, value } of damaged) {
    edit.keepAside(Buffer.from(`history ${n}`), { why: 'its checksum does not fit', bytes: value })
    void journal.remove(n)
  }
  return damaged.length
}

function readableRow(bytes: Buffer): HistoryRow | undefined {
  try {
    return historyRow(bytes)
  } catch {
    return undefined
  }
}

function empty(environment: Environment, name: string): void {
  const table = environment.table<Buffer | number>(name, name === 'historyEnded' ? 'numbers' : 'bytes')
  for (const key of [...table.getKeys()].map((one) => (Buffer.isBuffer(one) ? Buffer.from(one) : one)))
    void table.remove(key)
}

async function rebuildQueue({ environment, nodes, clock, done, lost }: Repairing): Promise<void> {
  const onError = () => {}
  const history = new DiskHistory({ environment, nodes, clock, onError, ...keepAll })
  const index = new QueueIndex(environment)
  const jobs = new QueueJobs({ environment, index, history, clock, onError })
  const rows = environment.table<number>('jobs', 'numbers')
  const told = environment.transactNow(() => {
    history.join()
    environment.join(jobs)
    const numbers = [...rows.getKeys()]
    const readable = numbers.filter((seq) => jobs.read(seq) !== undefined)
    reindex(environment, { index, jobs, numbers: readable })
    return { kept: readable.length, lost: numbers.length - readable.length }
  })
  await history.close()
  done.push(`the index of the queue was made anew; invalidations in it: ${told.kept}`)
  if (told.lost > 0) {
    lost.push(
      `queued invalidations: ${told.lost}; the history tells which, as failed: invalidate anew what changed`,
    )
  }
}

/** More than there is: a repair trims nothing. */
export const keepAll = { keepFor: '3650d', keepCount: Number.MAX_SAFE_INTEGER } as const

interface Reindexed {
  readonly index: QueueIndex
  readonly jobs: QueueJobs
  readonly numbers: readonly number[]
}

/** Whoever stands in one place keeps it; else it waits in its lane, from which those go that are not due yet. */
function reindex(environment: Environment, { index, jobs, numbers }: Reindexed): void {
  const keys = environment.table<Buffer>('jobKeys', 'bytes')
  const stands = new Map<number, Buffer[]>()
  const there = new Set(numbers)
  for (const key of [...keys.getKeys()].map((one) => Buffer.from(one))) {
    const seq = key[0] === 'i'.charCodeAt(0) ? undefined : key.readUIntBE(key.length - seqBytes, seqBytes)
    if (seq === undefined || !there.has(seq)) void keys.remove(key)
    else stands.set(seq, [...(stands.get(seq) ?? []), key])
  }
  for (const seq of numbers) {
    const row = jobs.read(seq)
    if (row === undefined) continue
    index.name(row.job.id, seq)
    const at = stands.get(seq) ?? []
    if (at.length === 1) continue
    for (const key of at) void keys.remove(key)
    index.put({ stand: 'lane', strategy: row.job.strategy, number: row.rank, seq })
  }
}
