/**
 * The disk tier: entries in a directory, which processes share.
 *
 *   get      read the row, prove it, decode it; a large value is read from its file
 *   settle   encode the value, write its file -> transaction: admit, row, index -> room, if it is too much by now
 *   delete   transaction: rows, index, what is known of those who ended -> files
 *
 * Invariants: what is given out is what was put: what does not prove itself is a miss, and set aside; rows and index
 * change together, in one transaction with what the log says of it; nothing that grows with the number of entries is
 * kept in this process.
 */
import type { Clock } from '../model/clock.ts'
import type { EntryParts } from '../model/entry.ts'
import { StaleproofError } from '../model/errors.ts'
import type { Policy } from '../model/policy.ts'
import type { Admit, Answer, Head, Settled, SharedTier } from '../tiers/contract.ts'
import type { Edit } from './edit.ts'
import { Edits } from './edits.ts'
import { decoded, encoded, none, type Encoded } from '../bytes/encoded.ts'
import type { Environment, Table } from './environment.ts'
import type { StoredEntry, ValueFile } from '../bytes/format.ts'
import type { DiskLog } from './log.ts'
import { EditHold } from './hold.ts'
import { keyOf, sentKeyOf } from '../bytes/names.ts'
import { Room } from './room.ts'
import { Rows } from './rows.ts'
import { Scan } from './scan.ts'
import { Sweeper, type SweepProgress } from './sweep.ts'
import { inRowBytesMax } from './values.ts'

export interface DiskTierParts {
  readonly environment: Environment
  readonly log: Pick<DiskLog, 'put' | 'commit' | 'catchUp' | 'applied' | 'isCurrent' | 'generation'>
  readonly clock: Clock
  readonly policyOf: (name: string) => Policy
  readonly isInUse: (key: string) => boolean
  readonly isInvalid: (head: Head) => boolean
  readonly isCertainlyInvalid: (head: Head) => boolean
  readonly isShared: () => boolean
  readonly bytesMax: number
  readonly entryBytesMax: number
  readonly onError: (error: unknown, during: string) => void
}

export interface DiskUsage {
  readonly entries: number
  readonly bytes: number
  readonly bytesMax: number
  readonly evictions: number
  readonly damaged: number
}

type IsValid = (entry: Head) => boolean

/** Keys that one transaction removes. */
const sliceMax = 1000
/** Part of `bytesMax` beyond which whoever stores waits for room. */
const overfullPart = 1.05
/** A value whose file is not there is looked for again: it may have been replaced meanwhile. */
const readsMax = 3

interface Prepared {
  readonly value: Encoded
  readonly file: ValueFile | undefined
}

/** An entry whose value is in a file. */
type FiledEntry = StoredEntry & { readonly file: ValueFile }

const nothing: Prepared = { value: none, file: undefined }

export class DiskTier implements SharedTier {
  readonly name = 'disk'
  readonly #parts: DiskTierParts
  readonly #rows: Rows
  readonly #edits: Edits
  readonly #room: Room
  readonly #sweeper: Sweeper
  readonly #scan: Scan
  /** Policies of whose values it was told that they cannot be encoded. */
  readonly #toldPolicies = new Set<string>()
  #usage: DiskUsage
  /** What was held after this process wrote last. */
  #bytes = 0

  constructor(parts: DiskTierParts) {
    const { environment, log } = parts
    this.#parts = parts
    this.#rows = new Rows(environment, () => log.generation, parts.policyOf)
    this.#edits = new Edits({ ...parts, rows: this.#rows, directory: environment.path })
    this.#scan = new Scan(this.#rows, parts.clock)
    const shared = { ...parts, rows: this.#rows, edits: this.#edits }
    this.#room = new Room(shared)
    this.#sweeper = new Sweeper(shared)
    this.#usage = { entries: 0, bytes: 0, bytesMax: parts.bytesMax, evictions: 0, damaged: 0 }
  }

  get isShared(): boolean {
    return this.#parts.isShared()
  }

  get usage(): DiskUsage {
    const { environment, bytesMax } = this.#parts
    if (environment.closed) return this.#usage
    environment.refresh()
    try {
      const { entries, bytes, evictions, damaged } = this.#rows.counts()
      this.#usage = { entries, bytes, bytesMax, evictions, damaged }
    } catch {
      // Damaged: the next transaction counts anew.
    }
    return this.#usage
  }

  get sweep(): SweepProgress {
    return this.#sweeper.progress
  }

  get(key: string): Answer<EntryParts | undefined> {
    const { environment, log } = this.#parts
    if (environment.closed) environment.refresh()
    // Whatever was committed is seen: whoever commits moves the log's tail, and that renews what is read here.
    log.catchUp()
    const bytes = this.#rows.bytesOf(sentKeyOf(key))
    if (bytes === undefined) return undefined
    let entry: StoredEntry
    try {
      entry = this.#rows.format.decode(bytes)
    } catch {
      return this.#setAside(keyOf(key))
    }
    if (entry.key !== key || entry.generation === '' || entry.form === 'none') return undefined
    this.#room.used(entry)
    return isFiled(entry) ? this.#fromFile(keyOf(key), entry) : entry
  }

  async put(entry: EntryParts): Promise<void> {
    await this.settle(entry, () => entry)
  }

  async settle(entry: EntryParts, admit: Admit): Promise<Settled | undefined> {
    const { log } = this.#parts
    if (entry.generation !== log.generation) return undefined
    const prepared = await this.#prepare(entry)
    let settled: EntryParts | undefined
    try {
      settled = await this.#edits.carryOut((edit) => {
        // It is written as of the generation that the log is in now, which may have become another meanwhile.
        return entry.generation === log.generation ? this.#settle(edit, prepared, admit) : undefined
      })
    } finally {
      if (settled === undefined && prepared.file !== undefined) await this.#edits.unlink(prepared.file)
    }
    await this.#makeRoom()
    return settled !== undefined && prepared.value === none ? { ...settled, withoutValue: true } : settled
  }

  async delete(keys: readonly string[], isValid: IsValid = () => false): Promise<number> {
    let deleted = 0
    for (let at = 0; at < keys.length; at += sliceMax) {
      const slice = this.#present(keys.slice(at, at + sliceMax))
      // Looked at first: most names that are invalidated are no entries, and a transaction is dear.
      if (slice.length > 0)
        deleted += await this.#edits.carryOut((edit) => this.#delete(edit, { keys: slice, isValid }))
    }
    return deleted
  }

  async ended(keys: readonly string[]): Promise<void> {
    await this.#edits.carryOut((edit) => {
      for (const key of keys) edit.ended(keyOf(key))
    })
  }

  held(keys: readonly string[]): Promise<readonly EntryParts[]> {
    return this.#scan.held(keys)
  }

  dependents(names: readonly string[]): Promise<readonly string[]> {
    return this.#scan.dependents(names)
  }

  withPrefix(prefix: string): Promise<readonly string[]> {
    return this.#scan.withPrefix(prefix)
  }

  /** Removes what is held now, and what is known of those who ended: for a log that begins anew. */
  async clear(): Promise<void> {
    const { entries, endedOrder } = this.#rows
    await this.#emptyOut(entries, (edit, key) => {
      const entry = edit.head(key)
      if (entry !== undefined) edit.remove(key, entry)
    })
    await this.#emptyOut(endedOrder, (edit, sequence) => edit.forgetEnded(sequence))
    await this.#edits.carryOut(({ counts }) => {
      counts.endedLow = 0
    })
  }

  async close(): Promise<void> {
    await this.#sweeper.close()
    await this.#room.close()
  }

  /** A miss, and never served; if that cannot be written now, the next read finds it again. */
  async #setAside(key: Buffer): Promise<undefined> {
    const { onError } = this.#parts
    await this.#edits
      .carryOut((edit) => void edit.head(key))
      .catch((error: unknown) => onError(error, 'setting aside what is damaged on disk'))
  }

  /** A value that is not there, or not what was written, is a miss; unless the entry is another by now. */
  async #fromFile(key: Buffer, entry: FiledEntry): Promise<EntryParts | undefined> {
    let filed = entry
    for (let reads = 0; reads < readsMax; reads++) {
      try {
        return await this.#withValue(filed)
      } catch (error) {
        if (!isDamage(error)) throw error
        const { file } = filed
        const other = await this.#edits.carryOut((edit) => replacedSince(edit, { key, file, error }))
        if (other === undefined || !isFiled(other)) return other && this.get(other.key)
        filed = other
      }
    }
    return undefined
  }

  async #withValue(entry: FiledEntry): Promise<EntryParts> {
    const { form, file } = entry
    const bytes = await this.#edits.files.read(file)
    const value = form === 'bytes' ? bytes : decoded(form, bytes, bytes.length)
    return { ...entry, value }
  }

  /** The value as bytes, and in its file if it is large; without, if it cannot be kept. */
  async #prepare(entry: EntryParts): Promise<Prepared> {
    const { entryBytesMax, onError } = this.#parts
    const value = this.#encoded(entry)
    if (value.length > entryBytesMax) return nothing
    if (value.length <= inRowBytesMax) return { value, file: undefined }
    try {
      return { value, file: await this.#edits.files.write(value) }
    } catch (error) {
      onError(error, `writing the value of '${entry.key}' to disk`)
      return nothing
    }
  }

  #encoded({ key, value, policy }: EntryParts): Encoded {
    try {
      return encoded(value)
    } catch (cause) {
      if (!this.#toldPolicies.has(policy.name))
        this.#parts.onError(unencodable(key, cause), `encoding '${key}'`)
      this.#toldPolicies.add(policy.name)
      return none
    }
  }

  #settle(edit: Edit, prepared: Prepared, admit: Admit): EntryParts | undefined {
    const entry = admit(new EditHold(edit, this.#rows, this.#parts.log))
    if (entry === undefined) return undefined
    const before = edit.head(keyOf(entry.key))
    if (before !== undefined && before.generation !== '' && isOlder(entry, before)) return undefined
    // Whoever was made from the one before must not be taken in, though nobody had come by to remove it.
    if (before !== undefined && before.generation !== '' && this.#parts.isInvalid(before))
      edit.ended(keyOf(entry.key))
    edit.insert({ entry, ...prepared }, before)
    this.#bytes = edit.counts.bytes
    return entry
  }

  /** Whoever stores does not wait, but if it is far too much. */
  async #makeRoom(): Promise<void> {
    const { bytesMax } = this.#parts
    if (this.#bytes <= bytesMax) return
    const made = this.#room.make()
    if (this.#bytes > bytesMax * overfullPart) await made
  }

  #present(keys: readonly string[]): string[] {
    this.#rows.environment.refresh()
    return keys.filter((name) => this.#rows.bytesOf(sentKeyOf(name)) !== undefined)
  }

  #delete(edit: Edit, { keys, isValid }: { keys: readonly string[]; isValid: IsValid }): number {
    let deleted = 0
    for (const name of keys) {
      const key = keyOf(name)
      const entry = edit.head(key)
      if (entry === undefined || (entry.generation !== '' && isValid(entry))) continue
      edit.remove(key, entry)
      edit.ended(key)
      deleted++
    }
    return deleted
  }

  /** Goes once through all keys that there are now, in transactions. */
  async #emptyOut<K extends Buffer | number>(
    table: Table<K>,
    each: (edit: Edit, key: K) => void,
  ): Promise<void> {
    for (;;) {
      const count = await this.#edits.carryOut((edit) => {
        const keys = [...table.getKeys({ limit: sliceMax })]
        for (const key of keys) each(edit, key)
        return keys.length
      })
      if (count < sliceMax) return
      await this.#parts.clock.turn()
    }
  }
}

/** Removes an entry whose file is not what was written. @returns what is held in its place, if it was replaced */
function replacedSince(
  edit: Edit,
  { key, file, error }: { key: Buffer; file: ValueFile; error: unknown },
): StoredEntry | undefined {
  const now = edit.head(key)
  const isSame = now?.file?.writer === file.writer && now.file.number === file.number
  if (now === undefined || !isSame) return now
  edit.removeDamaged(key, now, error)
  return undefined
}

function isFiled(entry: StoredEntry): entry is FiledEntry {
  return entry.file !== undefined
}

function isOlder(entry: EntryParts, held: EntryParts): boolean {
  return entry.stamp < held.stamp || entry.keyStamp < held.keyStamp
}

function isDamage(error: unknown): boolean {
  return error instanceof StaleproofError && error.code === 'E_DISK_DAMAGED'
}

function unencodable(key: string, cause: unknown): StaleproofError {
  return new StaleproofError(
    'E_VALUE_UNENCODABLE',
    `the value of '${key}' cannot be kept on disk (${String(cause)}): it is kept in memory only, like others of its policy; store what is data`,
    { cause, details: { key } },
  )
}
