/**
 * Repair of the entries: what is damaged goes aside, and the index is made anew from what is left.
 */
import type { ProblemKind } from './doctor-findings.ts'
import type { Repairing } from './doctor-parts.ts'
import { filesOf, whyLost } from './doctor-tier.ts'
import { Edit } from './edit.ts'
import type { Table } from './environment.ts'
import { storedBytesOf, type StoredEntry, type ValueFile } from '../bytes/format.ts'
import { keyOf, pairOf } from '../bytes/names.ts'
import type { Rows } from './rows.ts'

const kinds: readonly ProblemKind[] = [
  'entry-damaged',
  'value-lost',
  'index-lacks',
  'index-strays',
  'counts-wrong',
  'ended-damaged',
]

interface Lost {
  readonly key: Buffer
  readonly why: string
}

export async function repairTier(parts: Repairing): Promise<void> {
  const { environment, rows, clock, found, done, lost } = parts
  if (!kinds.some((kind) => found.has(kind))) return
  const withoutFile = await lostFiles(parts)
  const n = lastOf(environment.table<number>('log', 'numbers'))
  const edit = environment.transactNow(() => {
    const edit = new Edit(rows, { nowMs: clock.now(), n })
    const aside = removeDamaged(rows, { edit, withoutFile })
    const entries = rebuildIndex(rows, edit)
    // Of those in what could not be read nothing is known.
    forgetEnded(rows, edit, n)
    edit.end()
    return { aside, entries, dropped: edit.dropped, spoiled: edit.spoiled }
  })
  const files = filesOf(environment.path)
  await Promise.all(edit.dropped.map((file) => files.remove(file)))
  await Promise.all(edit.spoiled.map((file) => files.setAside(file)))
  done.push(`the index was made anew; entries in it: ${edit.entries}`)
  if (edit.aside > 0) lost.push(`entries: ${edit.aside}; they are loaded again when they are asked for`)
}

/** Looked for before the transaction, in which nobody can wait. */
async function lostFiles({ rows, environment }: Repairing): Promise<Lost[]> {
  const files = filesOf(environment.path)
  const named: { key: Buffer; file: ValueFile }[] = []
  for (const { key, value } of rows.entries.getRange()) {
    const entry = headIn(rows, value)
    if (entry?.file !== undefined) named.push({ key: Buffer.from(key), file: entry.file })
  }
  const lost: Lost[] = []
  for (const { key, file } of named) {
    const why = await whyLost(files, file)
    if (why !== undefined) lost.push({ key, why })
  }
  return lost
}

/** @returns how many went */
function removeDamaged(
  rows: Rows,
  { edit, withoutFile }: { edit: Edit; withoutFile: readonly Lost[] },
): number {
  let count = 0
  for (const key of keysOf(rows.entries)) {
    const bytes = rows.entries.get(key)
    const entry = bytes && headIn(rows, bytes)
    if (entry !== undefined && keyOf(entry.key).equals(key)) continue
    edit.setAside(key, 'its checksum does not fit')
    count += 1
  }
  for (const { key, why } of withoutFile) {
    const entry = edit.head(key)
    if (entry === undefined) continue
    edit.removeDamaged(key, entry, why)
    count += 1
  }
  return count
}

/** @returns how many entries there are */
function rebuildIndex(rows: Rows, edit: Edit): number {
  const places = new Map(keysOf(rows.places).map((key) => [key.toString('hex'), rows.placeOf(key, 0)]))
  for (const table of [rows.order, rows.places, rows.dependents, rows.files]) clear(table as Table<Buffer>)
  const counts = { entries: 0, bytes: 0 }
  const taken = new Set<number>()
  for (const key of keysOf(rows.entries)) {
    const bytes = rows.entries.get(key) as Buffer
    const entry = rows.format.head(bytes)
    const before = places.get(key.toString('hex')) ?? entry.sequence
    const place = taken.has(before) ? edit.next() : before
    taken.add(place)
    index(rows, key, { entry, place })
    counts.entries += 1
    counts.bytes += storedBytesOf(bytes)
  }
  const last = Math.max(edit.counts.sequence, ...[...rows.order.getKeys({ limit: 1, reverse: true })])
  Object.assign(edit.counts, counts, { sequence: last })
  return counts.entries
}

function index(rows: Rows, key: Buffer, { entry, place }: { entry: StoredEntry; place: number }): void {
  void rows.order.put(place, key)
  if (place !== entry.sequence) {
    const bytes = Buffer.alloc(8)
    bytes.writeDoubleLE(place, 0)
    void rows.places.put(key, bytes)
  }
  for (const name of entry.dependencies) void rows.dependents.put(pairOf(keyOf(name), key), Buffer.alloc(0))
  if (entry.file !== undefined) void rows.files.put(rows.fileKey(entry.file), key)
}

/** Of names that it says nothing of, something may have ended until now. */
function forgetEnded(rows: Rows, edit: Edit, n: number): void {
  clear(rows.ended)
  clear(rows.endedOrder as unknown as Table<Buffer>)
  Object.assign(edit.counts, { ended: 0, endedLow: Math.max(edit.counts.endedLow, n) })
}

function headIn(rows: Rows, bytes: Buffer): StoredEntry | undefined {
  try {
    return rows.format.head(bytes)
  } catch {
    return undefined
  }
}

function keysOf(table: Table<Buffer>): Buffer[] {
  return Array.from(table.getKeys(), (key) => Buffer.from(key))
}

function clear(table: Table<Buffer>): void {
  for (const key of [...table.getKeys()].map((one) => (Buffer.isBuffer(one) ? Buffer.from(one) : one)))
    void table.remove(key)
}

function lastOf(log: Table<number>): number {
  for (const n of log.getKeys({ reverse: true, limit: 1 })) return n
  return 0
}
