/**
 * A disk tier in a directory of its own, with a clock that is moved by hand.
 */
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { Environment, type Table } from '../src/disk/environment.ts'
import { DiskLog } from '../src/disk/log.ts'
import { keyOf, pairOf } from '../src/bytes/names.ts'
import { Rows } from '../src/disk/rows.ts'
import { openTail } from '../src/disk/tail.ts'
import { DiskTier, type DiskTierParts } from '../src/disk/tier.ts'
import type { LogRecord } from '../src/log/contract.ts'
import type { EntryParts } from '../src/model/entry.ts'
import type { Policy } from '../src/model/policy.ts'
import { entryOf as anyEntryOf } from '../src/testing/entries.ts'
import { Policies } from '../src/ttl/policies.ts'
import { TestClock } from './clock.ts'

export interface DiskWorld {
  readonly path: string
  readonly environment: Environment
  readonly log: DiskLog
  readonly tier: DiskTier
  readonly clock: TestClock
  readonly records: LogRecord[]
  readonly errors: string[]
  /** Keys that this process has in memory. */
  readonly inUse: Set<string>
  /** Keys of entries that count as invalidated. */
  readonly invalid: Set<string>
  close(): Promise<void>
}

export interface DiskWorldOptions extends Partial<Pick<DiskTierParts, 'bytesMax' | 'entryBytesMax'>> {
  readonly path: string
  readonly generation?: string
}

const policies = new Policies()
export const policy: Policy = policies.get()

export function diskWorld({
  path,
  generation = 'g',
  bytesMax = 2 ** 40,
  entryBytesMax = 2 ** 40,
}: DiskWorldOptions): DiskWorld {
  const environment = new Environment({ path, nowMs: 0 })
  const tail = openTail(path)
  const clock = new TestClock()
  const records: LogRecord[] = []
  const errors: string[] = []
  const [inUse, invalid] = [new Set<string>(), new Set<string>()]
  const onError = (error: unknown, during: string) =>
    errors.push(`${during}: ${(error as { code?: string }).code ?? String(error)}`)
  const log = new DiskLog({
    ...{ environment, tail, clock, generation, onError },
    state: {
      apply: (record) => records.push(record),
      declared: () => 0,
      missing: () => [],
      dump: () => 0,
      load: () => undefined,
      size: 1e9,
    },
    onLook: () => undefined,
    onWritten: () => undefined,
  })
  log.catchUp()
  const tier = new DiskTier({
    ...{ environment, log, clock, bytesMax, entryBytesMax, onError },
    policyOf: (name) => ({ ...policy, name }),
    isInUse: (key) => inUse.has(key),
    isInvalid: ({ key }) => invalid.has(key),
    isCertainlyInvalid: ({ key }) => invalid.has(key),
    isShared: () => true,
  })
  const close = async () => {
    await tier.close()
    await log.close()
    await environment.close()
    tail.close()
  }
  return { path, environment, log, tier, clock, records, errors, inUse, invalid, close }
}

export function entryOf(key: string, more: Partial<EntryParts> = {}): EntryParts {
  const own = { policy, directCount: 0, storedAt: Date.UTC(2026, 0, 1), ttlMs: 60_000 }
  return anyEntryOf(key, { ...own, ...more })
}

/** What stands in the tables, looked at one by one: how it should be, and how it is. */
export function audit({ environment }: DiskWorld): {
  counted: number[]
  found: number[]
  problems: string[]
} {
  environment.refresh()
  const rows = new Rows(
    environment,
    () => 'g',
    () => policy,
  )
  const problems: string[] = []
  let [bytes, entries, pairs, files] = [0, 0, 0, 0]
  for (const { key, value } of rows.entries.getRange()) {
    const entry = rows.format.head(value)
    entries += 1
    bytes += entry.storedBytes
    pairs += new Set(entry.dependencies).size
    const place = rows.placeOf(key, entry.sequence)
    if (rows.order.get(place)?.equals(key) !== true) problems.push(`${entry.key} is not in order`)
    for (const name of entry.dependencies) {
      if (rows.dependents.get(pairOf(keyOf(name), key)) === undefined)
        problems.push(`${entry.key} on ${name}`)
    }
    if (entry.file === undefined) continue
    files += 1
    if (rows.files.get(rows.fileKey(entry.file)) === undefined) problems.push(`${entry.key} has no file row`)
  }
  const sizeOf = (table: Table<Buffer> | Table<number>) => [...table.getKeys()].length
  if (sizeOf(rows.order) !== entries) problems.push('order has others')
  if (sizeOf(rows.dependents) !== pairs) problems.push('dependents has others')
  if (sizeOf(rows.files) !== files) problems.push('files has others')
  if (sizeOf(rows.places) > entries) problems.push('places has others')
  const counts = rows.counts()
  if (sizeOf(rows.ended) !== counts.ended || sizeOf(rows.endedOrder) !== counts.ended)
    problems.push('ended is miscounted')
  return { counted: [counts.entries, counts.bytes], found: [entries, bytes], problems }
}

/** Names of the files with values, those that are being written included. */
export function valueFiles(path: string): string[] {
  const folder = join(path, 'values')
  if (!existsSync(folder)) return []
  return readdirSync(folder).flatMap((each) => readdirSync(join(folder, each)))
}

/** Bytes of the pages of LMDB that the tables of the tier take. */
export function usedBytes({ environment }: DiskWorld): number {
  environment.refresh()
  const rows = new Rows(
    environment,
    () => 'g',
    () => policy,
  )
  const tables = [rows.entries, rows.dependents, rows.order, rows.places, rows.files]
  const pages = tables.map((table) => {
    const stats = (table as unknown as { getStats(): LmdbStats }).getStats()
    return stats.treeBranchPageCount + stats.treeLeafPageCount + stats.overflowPages
  })
  return pages.reduce((sum, count) => sum + count, 0) * 4096
}

interface LmdbStats {
  readonly treeBranchPageCount: number
  readonly treeLeafPageCount: number
  readonly overflowPages: number
}

/** Lets the sweeper have so many turns, and finish them. No other timer may wait. */
export async function sweep({ clock, environment }: DiskWorld, turns = 1): Promise<void> {
  for (let turn = 0; turn < turns; turn++) {
    await clock.advance(50)
    while (clock.waiting === 0) await environment.transact(() => undefined)
  }
}
