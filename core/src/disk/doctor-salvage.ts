/**
 * Salvage: queue and history out of data that cannot be read to its end.
 *
 * Another process (salvage-child.ts) reads, and writes down row by row what it gets: a page of garbage may end it at any
 * moment. It reads from the beginning, and from the end if it did not come through.
 *
 * Invariant: what does not prove itself, row by row, is not taken.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { crashed, hasEnded, isQueued } from '../invalidation/contract.ts'
import { unpackRecord } from '../bytes/record.ts'
import { childProgram } from './child.ts'
import { keepAll } from './doctor-repair-records.ts'
import type { Repairing } from './doctor-parts.ts'
import { DiskHistory } from './history.ts'
import { journalRow } from './history-journal.ts'
import { historyRow } from './history-rows.ts'
import { DiskQueue } from './queue.ts'
import { queueRow } from './queue-rows.ts'

const timeoutMs = 300_000
const rowsFile = 'salvaging.txt'

/** @returns what was saved, in words */
export async function salvage(folder: string, parts: Repairing): Promise<string> {
  const { environment, nodes, clock, lost } = parts
  const { jobs, records } = rowsIn(folder)
  const onError = () => {}
  const history = new DiskHistory({ environment, nodes, clock, onError, ...keepAll })
  const sizeMax = Number.MAX_SAFE_INTEGER
  const queue = new DiskQueue({ environment, nodes, clock, history, onError, sizeMax })
  const saved = { jobs: 0, records: 0 }
  for (const record of records) {
    const isOpen = !hasEnded(record.status)
    // What waits comes with its job.
    if (isOpen && isQueued(record.strategy)) continue
    const ended = { ...record, status: 'failed', endedAt: clock.now(), error: crashed } as const
    if (await history.put(isOpen ? ended : record, [])) saved.records += 1
  }
  for (const job of jobs) if (await queue.add(job)) saved.jobs += 1
  await queue.close()
  await history.close()
  if (saved.jobs + saved.records === 0)
    lost.push(`queue and history of ${folder}: nothing of them could be read`)
  return `queued invalidations saved: ${saved.jobs}; records of the history saved: ${saved.records}`
}

function rowsIn(folder: string) {
  const into = join(folder, rowsFile)
  rmSync(into, { force: true })
  const program = childProgram('salvage-child')
  for (const order of ['forward', 'reverse']) {
    const { status } = spawnSync(process.execPath, [program, folder, into, order], { timeout: timeoutMs })
    if (status === 0) break
  }
  const lines = existsSync(into) ? readFileSync(into, 'utf8').split('\n') : []
  rmSync(into, { force: true })
  const bytes = (table: string) =>
    lines
      .filter((line) => line.startsWith(`${table} `))
      .map((line) => Buffer.from(line.slice(table.length), 'base64'))
  const jobs = bytes('jobs').flatMap((row) => proved(() => queueRow(row).job))
  const records = bytes('history').flatMap((row) => proved(() => historyRow(row).record))
  const journaled = bytes('historyJournal').flatMap((row) => journalRow(0, row).entered)
  records.push(...journaled.map(({ packed }) => unpackRecord(packed).record))
  // How it ended says more than that it began.
  const inOrder = records.toSorted((a, b) => Number(hasEnded(a.status)) - Number(hasEnded(b.status)))
  return { jobs: byId(jobs), records: byId(inOrder) }
}

function proved<T>(read: () => T): T[] {
  try {
    return [read()]
  } catch {
    return []
  }
}

function byId<T extends { readonly id: string }>(all: readonly T[]): T[] {
  return [...new Map(all.map((one) => [one.id, one])).values()]
}
