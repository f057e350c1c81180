/**
 * Repair: brings the tables of a directory in order that nobody has open.
 *
 * Invariants: each part is one transaction, so that a repair that is cut off has done a part or not; entries are the
 * truth, and what the index says beside them is made anew; what was invalidated stays so: of what the log lacks,
 * everything counts as invalidated.
 */
import { randomUUID } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Clock } from '../model/clock.ts'
import { sealed, unsealed } from '../bytes/codec.ts'
import { forgetCrashes, Nodes } from './nodes.ts'
import { putAside } from './directory.ts'
import type { Problem, ProblemKind } from './doctor-findings.ts'
import type { Repairing } from './doctor-parts.ts'
import { copyData } from './doctor-copy.ts'
import { asidesIn, nodesOf, salvagedFile } from './doctor-place.ts'
import { salvage } from './doctor-salvage.ts'
import { repairRecords } from './doctor-repair-records.ts'
import { repairTier } from './doctor-repair-tier.ts'
import type { Repaired } from './doctor-report.ts'
import { filesOf, listed } from './doctor-tier.ts'
import { Edit } from './edit.ts'
import { Environment } from './environment.ts'
import { openTail } from './tail.ts'
import { Rows } from './rows.ts'

export interface RepairParts {
  readonly directory: string
  readonly clock: Clock
  readonly found: ReadonlySet<ProblemKind>
  readonly problems: readonly Problem[]
}

export async function repairAll({ directory, clock, found, problems }: RepairParts): Promise<Repaired> {
  const [done, lost]: [string[], string[]] = [[], []]
  if (found.has('data-unreadable')) {
    const why = problems.find(({ kind }) => kind === 'data-unreadable')?.examples[0] ?? 'it cannot be read'
    const aside = putAside(directory, why)
    done.push(`what could not be read was put aside in ${aside}`)
    lost.push('all entries, and the links and rules that were declared: declare them again')
  }
  if (found.size > 0 && !found.has('data-unreadable')) {
    await copyData(directory)
    done.push('data.mdb was written anew, row by row')
  }
  const dead = nodesOf(directory, clock.now()).length
  forgetCrashes(directory)
  const environment = new Environment({ path: directory, nowMs: clock.now() })
  const tail = openTail(environment.path)
  const onError = (error: unknown, during: string) => done.push(`${during} failed: ${String(error)}`)
  const nodes = new Nodes({ directory: environment.path, tail, clock, id: randomUUID(), onError })
  nodes.join()
  try {
    const generation = generationOf(environment)
    const rows = new Rows(
      environment,
      () => generation,
      (name) => ({ name }) as never,
    )
    await repairTables({ environment, nodes, rows, clock, found, done, lost })
    await environment.flush()
  } finally {
    await environment.close()
    nodes.leave()
    tail.close()
  }
  if (dead > 0) done.push(`processes that ended without leaving, taken out: ${dead}`)
  forgetCrashes(directory)
  return { done, lost }
}

async function repairTables(parts: Repairing): Promise<void> {
  repairLog(parts)
  await repairTier(parts)
  await repairRecords(parts)
  await removeOrphans(parts)
  for (const { folder } of asidesIn(parts.environment.path).filter(({ salvaged }) => !salvaged)) {
    const saved = await salvage(folder, parts)
    writeFileSync(join(folder, salvagedFile), `${saved}\n`)
    parts.done.push(`of ${folder}: ${saved}`)
  }
}

function generationOf(environment: Environment): string {
  return environment.table<Buffer>('meta', 'bytes').get(Buffer.from('generation'))?.toString() ?? ''
}

const everything = { kind: 'invalidate', names: [], prefixes: [''] } as const

/** What is damaged or missing becomes a record that invalidates everything; a damaged snapshot goes. */
function repairLog({ environment, rows, clock, found, done, lost }: Repairing): void {
  if (!['log-damaged', 'log-gap', 'snapshot-damaged'].some((kind) => found.has(kind as ProblemKind))) return
  const log = environment.table<number>('log', 'numbers')
  const snapshots = environment.table<number>('snapshots', 'numbers')
  const edited = environment.transactNow(() => {
    const edit = new Edit(rows, { nowMs: clock.now(), n: 0 })
    const spoiled = damagedIn([...snapshots.getRange()])
    for (const { key, value } of spoiled) {
      edit.keepAside(Buffer.from(`snapshot ${key}`), { why: 'its checksum does not fit', bytes: value })
      void snapshots.remove(key)
    }
    const records = [...log.getRange()]
    const damaged = damagedIn(records)
    for (const { key, value } of damaged) {
      edit.keepAside(Buffer.from(`log ${key}`), { why: 'its checksum does not fit', bytes: value })
    }
    const gaps = missing(
      records.map(({ key }) => key),
      [...snapshots.getKeys()].filter((n) => n > 0),
    )
    const wide = sealed({ ...everything, atMs: clock.now() })
    for (const n of [...damaged.map(({ key }) => key), ...gaps]) void log.put(n, wide)
    edit.end()
    return { records: damaged.length + gaps.length, snapshots: spoiled.length }
  })
  if (edited.snapshots > 0) {
    done.push(`put aside: damaged snapshots of the log, ${edited.snapshots}`)
    lost.push('links and rules that only a damaged snapshot knew: declare them again')
  }
  if (edited.records > 0) {
    done.push(
      `records of the log that invalidate everything now, in place of what is not known: ${edited.records}`,
    )
    lost.push('all entries that were made before: nobody knows whether they are still good')
  }
}

function damagedIn(
  rows: readonly { key: number; value: Buffer }[],
): readonly { key: number; value: Buffer }[] {
  return rows.filter(({ key, value }) => {
    try {
      unsealed(value, `row ${key}`)
      return false
    } catch {
      return true
    }
  })
}

/** Positions that lack a record, after the oldest that is needed. */
function missing(records: readonly number[], snapshots: readonly number[]): number[] {
  const first = records[0]
  if (first === undefined) return []
  const start = Math.min(first, (snapshots[0] ?? 0) + 1)
  const end = Math.max(records.at(-1) ?? 0, snapshots.at(-1) ?? 0)
  const there = new Set(records)
  return Array.from({ length: end - start + 1 }, (_, i) => start + i).filter((n) => !there.has(n))
}

/** Files that no row refers to. */
async function removeOrphans({ environment, rows, done }: Repairing): Promise<void> {
  environment.refresh()
  let count = 0
  for await (const { folder, name } of listed(environment.path)) {
    if (rows.files.get(Buffer.from(name)) !== undefined) continue
    await filesOf(environment.path).removeListed(folder, name)
    count += 1
  }
  if (count > 0) done.push(`files that no entry has, removed: ${count}`)
}
