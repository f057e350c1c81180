/**
 * A backing over a Map and an array, which all who open the same place share, in one process: the smallest that keeps
 * the contracts of a log that outlives its process and of a tier that processes share.
 *
 * Nothing here takes time: whoever writes is alone, since all of it happens in one tick.
 */
import type { BackingParts } from '../src/backing/contract.ts'
import type { Change, Log, LogRecord } from '../src/log/contract.ts'
import type { EntryParts } from '../src/model/entry.ts'
import type { Position } from '../src/model/position.ts'
import type { OpenedBacking } from '../src/testing.ts'
import type { Admit, Head, Hold, SharedTier } from '../src/tiers/contract.ts'
import { MapTier } from './map-tier.ts'

export class SharedPlace {
  readonly records: LogRecord[] = []
  readonly entries = new Map<string, EntryParts>()
  /** key -> position up to which the log was applied when an entry of it was deleted */
  readonly ended = new Map<string, number>()
  nodes = 0
}

const places = new Map<string, SharedPlace>()

/** @param make stands in for the parts, to plant a fault in one */
export function sharedMap(name: string, make: Make = {}): { open(parts: BackingParts): OpenedBacking } {
  const place = places.get(name) ?? new SharedPlace()
  places.set(name, place)
  const { Log = MapLog, Tier = SharedMapTier } = make
  return {
    open: (parts) => {
      const log = new Log(place, parts)
      place.nodes++
      const close = async () => {
        place.nodes--
        await log.close()
      }
      return { log, shared: new Tier(place, log), close }
    },
  }
}

export interface Make {
  readonly Log?: typeof MapLog
  readonly Tier?: typeof SharedMapTier
}

export class MapLog implements Log {
  readonly membership = undefined
  readonly name = 'map'
  readonly generation = 'shared'
  applied = 0
  protected readonly place: SharedPlace
  protected readonly parts: BackingParts
  /** n -> what is called right before the record, which is this node's own, is applied */
  protected readonly own = new Map<number, ((n: number) => void) | undefined>()
  #isApplying = false
  #isClosed = false

  constructor(place: SharedPlace, parts: BackingParts) {
    this.place = place
    this.parts = parts
  }

  catchUp(): void {
    // Whoever is told of a record may come here again.
    if (this.#isApplying || this.#isClosed) return
    this.#isApplying = true
    for (let record = this.next(); record !== undefined; record = this.next()) this.applyNext(record)
    this.#isApplying = false
  }

  async append(
    change: Change,
    before?: (n: number) => void,
    alongside?: (n: number) => void,
  ): Promise<Position> {
    if (this.#isClosed) throw new Error('it is closed')
    const n = this.put(change, before)
    alongside?.(n)
    this.catchUp()
    return { generation: this.generation, n }
  }

  /** Writes a record that is applied later. */
  put(change: Change, before?: (n: number) => void): number {
    const n = this.place.records.length + 1
    this.place.records.push({ ...change, n, atMs: this.parts.clock.now() })
    this.own.set(n, before)
    return n
  }

  async close(): Promise<void> {
    this.#isClosed = true
  }

  protected next(): LogRecord | undefined {
    return this.place.records[this.applied]
  }

  protected applyNext(record: LogRecord): void {
    this.own.get(record.n)?.(record.n)
    this.applied = record.n
    this.parts.state.apply(record, this.own.has(record.n))
  }
}

export class SharedMapTier extends MapTier implements SharedTier {
  protected readonly place: SharedPlace
  protected readonly log: MapLog

  constructor(place: SharedPlace, log: MapLog) {
    super('shared')
    this.place = place
    this.log = log
    this.entries = place.entries
  }

  get isShared(): boolean {
    return this.place.nodes > 1
  }

  override async put(entry: EntryParts): Promise<void> {
    await this.settle(entry, () => entry)
  }

  async settle(entry: EntryParts, admit: Admit): Promise<EntryParts | undefined> {
    if (entry.generation !== this.log.generation) return undefined
    const admitted = admit(this.hold())
    const known = this.entries.get(entry.key)
    const isOlder = admitted !== undefined && known !== undefined && admitted.stamp < known.stamp
    if (admitted !== undefined && !isOlder) this.entries.set(entry.key, { ...admitted })
    this.log.catchUp()
    return isOlder ? undefined : admitted
  }

  override async delete(
    keys: readonly string[],
    isValid: (head: Head) => boolean = () => false,
  ): Promise<number> {
    const invalid = keys.filter((key) => {
      const entry = this.entries.get(key)
      return entry !== undefined && !isValid(entry)
    })
    for (const key of invalid) this.place.ended.set(key, this.log.applied)
    return super.delete(invalid)
  }

  async ended(keys: readonly string[]): Promise<void> {
    for (const key of keys) this.place.ended.set(key, this.log.applied)
  }

  protected hold(): Hold {
    const { entries, log, place } = this
    return {
      headOf: (name) => entries.get(name),
      endedAt: (name) => place.ended.get(name) ?? 0,
      dependentsOf: (name) => [...entries.values()].filter(({ dependencies }) => dependencies.includes(name)),
      get isCurrent() {
        return log.applied === place.records.length
      },
      announce: (key, before) => log.put({ kind: 'change', names: [key] }, before),
    }
  }
}
