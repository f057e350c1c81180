/**
 * What a doctor sees of the entries: every row, what belongs to it in the other tables, and the file of its value.
 */
import type { Policy } from '../model/policy.ts'
import { unseal } from '../bytes/codec.ts'
import { decodeCounts } from './counts.ts'
import type { Findings } from './doctor-findings.ts'
import type { Reading, ReadTable } from './doctor-reading.ts'
import type { TierSeen } from './doctor-report.ts'
import { Format, storedBytesOf, type StoredEntry, type ValueFile } from '../bytes/format.ts'
import { keyOf, pairOf } from '../bytes/names.ts'
import { countsKey } from './rows.ts'
import { fileName, ValueFiles } from './values.ts'

export interface TierParts {
  readonly directory: string
  readonly reading: Reading
  readonly findings: Findings
  /** Told as it goes on. */
  readonly progress: (doing: string, done: number) => void
  /** Whether others write meanwhile. */
  readonly isLive: boolean
  readonly nowMs: number
}

interface Found {
  entries: number
  bytes: number
  pairs: number
  files: Map<string, { readonly file: ValueFile; readonly key: Buffer }>
}

const orphanMs = 3_600_000
const folders = 256

export async function checkTier(parts: TierParts): Promise<TierSeen> {
  const found = await checkEntries(parts)
  await checkSizes(parts, found)
  await checkEnded(parts)
  await checkFiles(parts, found)
  const { entries, bytes, files } = found
  return { entries, bytes, valueFiles: files.size, orphans: await countOrphans(parts, found) }
}

/** Of a generation, if it is to be told apart; what is read needs no policies. */
function formatOf(generation = ''): Format {
  return new Format(generation, (name) => ({ name }) as Policy)
}

async function checkEntries({ reading, findings, progress }: TierParts): Promise<Found> {
  const format = formatOf()
  const found: Found = { entries: 0, bytes: 0, pairs: 0, files: new Map() }
  const tables = indexOf(reading)
  for await (const { key, value } of reading.table<Buffer>('entries').rows()) {
    const entry = readable(format, value)
    found.entries += 1
    if (found.entries % 10_000 === 0) progress('entries', found.entries)
    if (entry === undefined || !keyOf(entry.key).equals(key)) {
      findings.add('entry-damaged', key.toString())
      continue
    }
    found.bytes += storedBytesOf(value)
    found.pairs += new Set(entry.dependencies).size
    if (entry.file !== undefined) found.files.set(fileName(entry.file), { file: entry.file, key })
    for (const lack of lacking(tables, key, entry)) findings.add('index-lacks', `${entry.key}: ${lack}`)
  }
  return found
}

function readable(format: Format, bytes: Buffer): StoredEntry | undefined {
  try {
    return format.head(bytes)
  } catch {
    return undefined
  }
}

interface Index {
  readonly order: ReadTable<number>
  readonly places: ReadTable<Buffer>
  readonly dependents: ReadTable<Buffer>
  readonly files: ReadTable<Buffer>
}

function indexOf(reading: Reading): Index {
  return {
    order: reading.table('order'),
    places: reading.table('places'),
    dependents: reading.table('dependents'),
    files: reading.table('files'),
  }
}

function lacking({ order, places, dependents, files }: Index, key: Buffer, entry: StoredEntry): string[] {
  const place = places.get(key)
  const at = place?.length === 8 ? place.readDoubleLE(0) : entry.sequence
  const lacks = order.get(at)?.equals(key) === true ? [] : ['its place in the order']
  const { dependencies, file } = entry
  const unknown = dependencies.filter((name) => dependents.get(pairOf(keyOf(name), key)) === undefined)
  if (unknown.length > 0) lacks.push(`that it depends on ${unknown[0]}`)
  if (file !== undefined && files.get(Buffer.from(fileName(file)))?.equals(key) !== true)
    lacks.push('its file')
  return lacks
}

/** Where all that should be there is, whatever is there beside it is stray. */
async function checkSizes({ reading, findings }: TierParts, found: Found): Promise<void> {
  if (findings.has('entry-damaged', 'index-lacks')) return
  const { order, places, dependents, files } = indexOf(reading)
  const strays = [
    ['order', (await order.count()) - found.entries],
    ['dependents', (await dependents.count()) - found.pairs],
    ['files', (await files.count()) - found.files.size],
    ['places', (await places.count()) - found.entries],
  ] as const
  for (const [name, count] of strays)
    if (count > 0) findings.add('index-strays', `${count} of ${name}`, count)
  const told = countsIn(reading.table<Buffer>('tier').get(countsKey))
  if (told === undefined ? found.entries > 0 : told.entries !== found.entries || told.bytes !== found.bytes) {
    findings.add(
      'counts-wrong',
      `${found.entries} entries, of which ${told?.entries ?? 'nothing'} are counted`,
    )
  }
}

function countsIn(bytes: Buffer | undefined): ReturnType<typeof decodeCounts> | undefined {
  try {
    return bytes && decodeCounts(bytes)
  } catch {
    return undefined
  }
}

async function checkEnded({ reading, findings }: TierParts): Promise<void> {
  let rows = 0
  for await (const { key, value } of reading.table<Buffer>('ended').rows()) {
    rows += 1
    try {
      unseal(value, 'a row of what ended')
    } catch {
      findings.add('ended-damaged', key.toString())
    }
  }
  const ordered = await reading.table<number>('ended-order').count()
  const counted = countsIn(reading.table<Buffer>('tier').get(countsKey))?.ended ?? rows
  if (rows !== ordered || rows !== counted) {
    findings.add('ended-damaged', `${rows} rows, ${ordered} in their order, ${counted} counted`)
  }
}

/** Every file is read to its end. */
async function checkFiles(
  { directory, reading, findings, progress, isLive }: TierParts,
  found: Found,
): Promise<void> {
  const files = filesOf(directory)
  let done = 0
  for (const [name, { file, key }] of found.files) {
    done += 1
    if (done % 100 === 0) progress('files of values', done)
    const why = await whyLost(files, file)
    // It may have been replaced since its row was read.
    if (why !== undefined && (!isLive || reading.has('files', Buffer.from(name)))) {
      findings.add('value-lost', `${key.toString()}: ${why}`)
    }
  }
}

export function filesOf(directory: string): ValueFiles {
  return new ValueFiles(directory, () => Promise.reject(new Error('a doctor writes no values')))
}

export async function whyLost(files: ValueFiles, file: ValueFile): Promise<string | undefined> {
  try {
    await files.read(file)
    return undefined
  } catch (error) {
    return (error as Error).message
  }
}

async function countOrphans({ directory, isLive, nowMs }: TierParts, found: Found): Promise<number> {
  let count = 0
  for await (const { name, writtenAt } of listed(directory)) {
    if (!found.files.has(name) && (!isLive || nowMs - writtenAt > orphanMs)) count += 1
  }
  return count
}

export async function* listed(
  directory: string,
): AsyncGenerator<{ readonly folder: number; readonly name: string; readonly writtenAt: number }> {
  const files = filesOf(directory)
  for (let folder = 0; folder < folders; folder++) {
    for await (const one of files.list(folder)) yield { folder, ...one }
  }
}
