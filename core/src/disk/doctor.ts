/**
 * Doctor: looks at a directory without opening it as a cache, and repairs what can be repaired.
 *
 *   look     format, who has it open, file system -> LMDB, in another process -> every row and every file
 *   repair   what cannot be read goes aside, the index is made anew from the entries, queue and history are salvaged
 *
 * Invariants: a look changes nothing, and may be taken while others use the directory: what it tells is of one moment;
 * a repair is for a directory that nobody has open; what it removes is put aside first.
 */
import { systemClock, type Clock } from '../model/clock.ts'
import { checkBeside, checkWithin } from './check.ts'
import { formatVersion } from './directory.ts'
import { Findings } from './doctor-findings.ts'
import { asidesIn, checkFileSystem, nodesOf, openPlace, refusal } from './doctor-place.ts'
import { Reading } from './doctor-reading.ts'
import { checkRecords } from './doctor-records.ts'
import { repairAll } from './doctor-repair.ts'
import type { Inspection, Repaired } from './doctor-report.ts'
import { checkTier } from './doctor-tier.ts'
import { alone } from './gate.ts'

export interface DoctorOptions {
  /** Told what is being looked at, and how much of it was. */
  readonly onProgress?: ((doing: string, done: number) => void) | undefined
  readonly clock?: Clock | undefined
}

/**
 * Looks at everything in a directory; whoever has it open may go on. Takes seconds for a million entries, and as long
 * as the disk needs to read the files of large values.
 * @throws E_OPTIONS_INVALID; E_DISK_PATH, E_DISK_FORMAT if it is none, or of another version; E_DISK_FAILED if others keep it
 *   out for a minute
 */
export async function inspect(path: string | URL, options: DoctorOptions = {}): Promise<Inspection> {
  return look(openPlace(path), options, checkBeside)
}

async function look(
  directory: string,
  options: DoctorOptions,
  check: typeof checkBeside,
): Promise<Inspection> {
  const { clock = systemClock(), onProgress = () => {} } = options
  const findings = new Findings()
  const nodes = nodesOf(directory, clock.now())
  const asides = asidesIn(directory)
  for (const { folder, why } of asides.filter(({ salvaged }) => !salvaged)) {
    findings.add('not-salvaged', `${folder}: ${why}`)
  }
  const freeBytes = checkFileSystem(directory, findings)
  onProgress('data.mdb', 0)
  const isLive = nodes.some(({ lives }) => lives)
  const unreadable = await check(directory, isLive)
  if (unreadable !== undefined) findings.add('data-unreadable', unreadable)
  const parts = { directory, findings, isLive, nowMs: clock.now(), progress: onProgress }
  const inside = unreadable === undefined ? await checkInside(parts, clock) : unknown
  return {
    directory,
    format: formatVersion,
    nodes,
    freeBytes,
    asides,
    ...inside,
    problems: findings.problems,
  }
}

const unknown = { tier: null, records: null, rowsAside: 0 } as const

type Inside = Pick<Inspection, 'tier' | 'records' | 'rowsAside'>

async function checkInside(
  parts: Omit<Parameters<typeof checkTier>[0], 'reading'>,
  clock: Clock,
): Promise<Inside> {
  const reading = new Reading(parts.directory, clock)
  try {
    const tier = await checkTier({ ...parts, reading })
    const records = await checkRecords(reading, parts.findings)
    const counts = ['damaged', 'jobsDamaged'].map((name) => reading.table<number>(name).count())
    const rowsAside = (await Promise.all(counts)).reduce((sum, count) => sum + count, 0)
    return { tier, records, rowsAside }
  } finally {
    await reading.close()
  }
}

/**
 * Repairs a directory that nobody has open: what cannot be read goes aside, the rest is brought in order.
 * @throws E_OPTIONS_INVALID; E_DISK_IN_USE; E_DISK_PATH, E_DISK_FORMAT, E_DISK_READONLY, E_DISK_FULL, E_DISK_FAILED
 */
export async function repair(path: string | URL, options: DoctorOptions = {}): Promise<Repaired> {
  const { clock = systemClock(), onProgress = () => {} } = options
  const directory = openPlace(path)
  // Whoever opens it meanwhile waits.
  return alone(directory, async () => {
    // Before anything of it is opened: this process may have it open itself, and would not wait.
    const living = nodesOf(directory, clock.now()).find(({ lives }) => lives)
    if (living !== undefined) {
      const message = `process ${living.pid ?? living.id} has ${directory} open; stop it, and repair then`
      throw refusal('E_DISK_IN_USE', message, directory)
    }
    const { problems } = await look(directory, { clock, onProgress }, checkWithin)
    onProgress('repairing', 0)
    return repairAll({ directory, clock, found: new Set(problems.map(({ kind }) => kind)), problems })
  })
}
