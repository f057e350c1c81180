/**
 * What a doctor sees of log, queue and history: every row, and whether it would be found.
 */
import { unsealed } from '../bytes/codec.ts'
import { headOfPacked } from '../bytes/record.ts'
import type { Findings } from './doctor-findings.ts'
import type { Reading } from './doctor-reading.ts'
import type { RecordsSeen } from './doctor-report.ts'
import { journalRow } from './history-journal.ts'
import { headOf, historyRow } from './history-rows.ts'
import { idBytes, seqBytes } from './keys.ts'
import { queueRow } from './queue-rows.ts'

export async function checkRecords(reading: Reading, findings: Findings): Promise<RecordsSeen> {
  return {
    ...(await checkLog(reading, findings)),
    jobs: await checkQueue(reading, findings),
    records: await checkHistory(reading, findings),
  }
}

async function checkLog(
  reading: Reading,
  findings: Findings,
): Promise<Pick<RecordsSeen, 'log' | 'snapshots'>> {
  const at: number[] = []
  for await (const { key: n, value } of reading.table<number>('snapshots').rows()) {
    if (n < 0) continue
    at.push(n)
    if (!isWhole(value)) findings.add('snapshot-damaged', `after record ${n}`)
  }
  let count = 0
  // Nothing is known of the time before the older snapshot, and need not be.
  let last = at[0] ?? 0
  for await (const { key: n, value } of reading.table<number>('log').rows()) {
    if (count === 0 && n <= last) last = n - 1
    if (n > last + 1) findings.add('log-gap', `${last + 1} to ${n - 1}`, n - last - 1)
    if (!isWhole(value)) findings.add('log-damaged', `record ${n}`)
    last = n
    count += 1
  }
  const newest = at.at(-1) ?? 0
  if (count > 0 && last < newest) findings.add('log-gap', `${last + 1} to ${newest}`, newest - last)
  return { log: count, snapshots: at.length }
}

function isWhole(bytes: Buffer): boolean {
  try {
    unsealed(bytes, 'a row')
    return true
  } catch {
    return false
  }
}

const id = 'i'.charCodeAt(0)

async function checkQueue(reading: Reading, findings: Findings): Promise<number> {
  const ids = new Map<number, string>()
  const stands = new Map<number, number>()
  for await (const { key, value } of reading.table<Buffer>('jobKeys').rows()) {
    if (key[0] === id) ids.set(value.readUIntBE(0, seqBytes), key.subarray(1).toString('hex'))
    else count(stands, key.readUIntBE(key.length - seqBytes, seqBytes))
  }
  let jobs = 0
  for await (const { key: seq, value } of reading.table<number>('jobs').rows()) {
    jobs += 1
    const own = idIn(value)
    const isFound = own === undefined || ids.get(seq) === idBytes(own).toString('hex')
    if (own === undefined) findings.add('job-damaged', `number ${seq}`)
    else if (!isFound || stands.get(seq) !== 1) findings.add('queue-index', own)
    ids.delete(seq)
    stands.delete(seq)
  }
  const strays = new Set([...ids.keys(), ...stands.keys()])
  if (strays.size > 0) findings.add('queue-index', `${strays.size} that are not there`, strays.size)
  return jobs
}

function count(of: Map<number, number>, key: number): void {
  of.set(key, (of.get(key) ?? 0) + 1)
}

function idIn(bytes: Buffer): string | undefined {
  try {
    return queueRow(bytes).job.id
  } catch {
    return undefined
  }
}

async function checkHistory(reading: Reading, findings: Findings): Promise<number> {
  const keys = reading.table<Buffer>('historyKeys')
  const ended = reading.table<number>('historyEnded')
  let [rows, names, endedRows] = [0, 0, 0]
  for await (const { key: place, value } of reading.table<Buffer>('history').rows()) {
    rows += 1
    const record = recordIn(value)
    if (record === undefined) {
      findings.add('record-damaged', place.toString('hex'))
      continue
    }
    names += new Set(record.names).size
    const { n } = headOf(value)
    if (n > 0) endedRows += 1
    const isFound = keys.get(idKey(record.id))?.equals(place) === true
    if (!isFound || (n > 0 && ended.get(n) === undefined)) findings.add('history-index', record.id)
  }
  const journaled = await checkJournal(reading, findings)
  if (findings.has('record-damaged', 'history-index')) return rows + journaled
  const strays = (await ended.count()) - endedRows
  if (strays !== 0) findings.add('history-index', `${strays} that are not there`, Math.abs(strays))
  await checkNames(reading, { findings, rows, names })
  return rows + journaled
}

/** @returns how many records are there only */
async function checkJournal(reading: Reading, findings: Findings): Promise<number> {
  const keys = reading.table<Buffer>('historyKeys')
  const ids = new Set<string>()
  for await (const { key: n, value } of reading.table<number>('historyJournal').rows()) {
    const { entered, error } = journalRow(n, value)
    if (error !== undefined) findings.add('record-damaged', `row ${n} of the journal`)
    for (const { packed } of entered) ids.add(headOfPacked(packed).id)
  }
  return [...ids].filter((one) => keys.get(idKey(one)) === undefined).length
}

function idKey(of: string): Buffer {
  return Buffer.concat([Buffer.of(id), idBytes(of)])
}

interface Expected {
  readonly findings: Findings
  readonly rows: number
  readonly names: number
}

/** Two names of a record may have one key, so that there may be fewer. */
async function checkNames(reading: Reading, { findings, rows, names }: Expected): Promise<void> {
  const counted = { ids: 0, names: 0 }
  for await (const { key } of reading.table<Buffer>('historyKeys').rows()) {
    if (key[0] === id) counted.ids += 1
    if (key[0] === 'n'.charCodeAt(0)) counted.names += 1
  }
  if (counted.ids > rows) findings.add('history-index', `${counted.ids - rows} ids of nothing`)
  if (counted.names > names) findings.add('history-index', `${counted.names - names} names of nothing`)
}

function recordIn(bytes: Buffer): ReturnType<typeof historyRow>['record'] | undefined {
  try {
    return historyRow(bytes).record
  } catch {
    return undefined
  }
}
