/**
 * What the cases see: each fault, planted in an implementation that keeps its contract, makes the case fail that is
 * named with it; and without a fault none fails.
 */
import { describe, expect, it } from 'vitest'
import type { Change, LogRecord } from '../../src/log/contract.ts'
import type { EntryParts } from '../../src/model/entry.ts'
import type { Position } from '../../src/model/position.ts'
import { logCases, sharedTierCases, tierCases, type Case } from '../../src/testing.ts'
import type { Admit, Hold } from '../../src/tiers/contract.ts'
import { MapTier } from '../map-tier.ts'
import { MapLog, sharedMap, SharedMapTier, type Make } from '../shared-map.ts'

/** Messages of the cases that fail. */
async function failures(cases: readonly Case[]): Promise<string[]> {
  const outcomes = await Promise.allSettled(cases.map(({ run }) => run()))
  return outcomes.flatMap((each) => (each.status === 'rejected' ? [(each.reason as Error).message] : []))
}

/** fault -> who has it, and the beginning of the name of a case that sees it */
type Faults<T> = Record<string, readonly [faulty: T, seenBy: string]>

const tiers: Faults<new () => MapTier> = {
  'forgets deletes': [
    class extends MapTier {
      override async delete(keys: readonly string[]) {
        return keys.filter((key) => this.entries.has(key)).length
      }
    },
    'gives back what was put, until it is deleted',
  ],
  'deletes later than it says': [
    class extends MapTier {
      override async delete(keys: readonly string[]) {
        setTimeout(() => keys.forEach((key) => this.entries.delete(key)))
        return keys.filter((key) => this.entries.has(key)).length
      }
    },
    'gives back what was put, until it is deleted',
  ],
  'lets an older stamp win': [
    class extends MapTier {
      override async put(entry: EntryParts) {
        this.entries.set(entry.key, entry)
      }
    },
    'lets no older stamp replace a newer one',
  ],
  'compares stamps of two generations': [
    class extends MapTier {
      override async put(entry: EntryParts) {
        const known = this.entries.get(entry.key)
        if (known === undefined || known.stamp <= entry.stamp) this.entries.set(entry.key, entry)
      }
    },
    'lets no entry of another generation stand in the way',
  ],
  'answers a miss when it fails': [
    class extends MapTier {
      override async get(key: string) {
        return super.get(key).catch(() => undefined)
      }
    },
    'fails when it is cut off',
  ],
  'finds nobody when it fails': [
    class extends MapTier {
      override async dependents(names: readonly string[]) {
        return super.dependents(names).catch(() => [])
      }
    },
    'fails when it is cut off',
  ],
  'says that it deleted nothing when it fails': [
    class extends MapTier {
      override async delete(keys: readonly string[]) {
        return super.delete(keys).catch(() => 0)
      }
    },
    'fails when it is cut off',
  ],
  'loses what it was told when it fails': [
    class extends MapTier {
      override async put(entry: EntryParts) {
        await super.put(entry).catch(() => undefined)
      }
      override async get(key: string) {
        return this.entries.get(key)
      }
    },
    'fails to put when it is cut off',
  ],
  'loses dependents': [
    class extends MapTier {
      override async dependents(names: readonly string[]) {
        return names.filter((name) => this.entries.has(name))
      }
    },
    'knows who depends on a name',
  ],
  'knows direct dependencies only': [
    class extends MapTier {
      override async dependents(names: readonly string[]) {
        const all = [...this.entries.values()].filter(({ key, dependencies, directCount }) => {
          return [key, ...dependencies.slice(0, directCount)].some((name) => names.includes(name))
        })
        return all.map(({ key }) => key)
      }
    },
    'knows who depends on a name',
  ],
  'takes names for patterns': [
    class extends MapTier {
      override async withPrefix(prefix: string) {
        const text = prefix.replaceAll(/[.+^${}()|[\]\\]/g, String.raw`\$&`)
        const like = new RegExp(`^${text.replaceAll('*', '.*').replaceAll('?', '.')}`, 's')
        return (await super.withPrefix('')).filter((key) => {
          return [key, ...(this.entries.get(key)?.dependencies ?? [])].some((name) => like.test(name))
        })
      }
    },
    'takes no two names for one, and no name for a pattern',
  ],
  'is deaf to case': [
    class extends MapTier {
      override put(entry: EntryParts) {
        return super.put({ ...entry, key: entry.key.toLowerCase() })
      }
      override get(key: string) {
        return super.get(key.toLowerCase())
      }
    },
    'takes no two names for one, and no name for a pattern',
  ],
  'keeps JSON': [
    class extends MapTier {
      override put(entry: EntryParts) {
        const text: string | undefined = JSON.stringify(entry.value)
        return super.put({ ...entry, value: text === undefined ? undefined : JSON.parse(text) })
      }
    },
    'gives no other value than was put',
  ],
  'reads back keys alone': [
    class extends MapTier {
      override async held(keys: readonly string[]) {
        return (await super.held(keys)).map(({ key }) => ({ key }) as EntryParts)
      }
    },
    'gives all parts of an entry',
  ],
  'gives something else when it is closed': [
    class extends MapTier {
      override async get(key: string) {
        return this.closed ? undefined : super.get(key)
      }
    },
    'closes, and then fails or answers what is true',
  ],
}

const cutOff = (tier: MapTier) => {
  tier.failure = new Error('no connection')
}

const logs: Faults<typeof MapLog> = {
  'gives positions twice': [
    class extends MapLog {
      override async append(change: Change, before?: (n: number) => void): Promise<Position> {
        const { generation, n } = await super.append(change, before)
        return { generation, n: n - (n % 2 === 0 ? 1 : 0) }
      }
    },
    'gives each record the next position',
  ],
  'leaves positions out': [
    class extends MapLog {
      protected override applyNext(record: LogRecord) {
        super.applyNext({ ...record, n: record.n * 2 })
      }
      protected override next() {
        return this.place.records[this.applied / 2]
      }
    },
    'gives each record the next position',
  ],
  'applies twice': [
    class extends MapLog {
      protected override applyNext(record: LogRecord) {
        super.applyNext(record)
        this.parts.state.apply(record, true)
      }
    },
    'may be asked to catch up at any time',
  ],
  'applies twice if it is asked while it applies': [
    class extends MapLog {
      override catchUp() {
        for (let record = this.next(); record !== undefined; record = this.next()) this.applyNext(record)
      }
      protected override applyNext(record: LogRecord) {
        this.own.get(record.n)?.(record.n)
        this.parts.state.apply(record, this.own.has(record.n))
        this.applied = record.n
      }
    },
    'has moved on before it applies',
  ],
  'resolves before it has applied': [
    class extends MapLog {
      override async append(change: Change, before?: (n: number) => void): Promise<Position> {
        const n = this.put(change, before)
        queueMicrotask(() => queueMicrotask(() => queueMicrotask(() => this.catchUp())))
        return { generation: this.generation, n }
      }
    },
    'gives each record the next position, and has applied it',
  ],
  'skips before': [
    class extends MapLog {
      override put(change: Change) {
        return super.put(change, undefined)
      }
    },
    'calls back right before a record of its own is applied',
  ],
  'calls before too early': [
    class extends MapLog {
      override put(change: Change, before?: (n: number) => void) {
        const n = super.put(change)
        before?.(n)
        return n
      }
      override async append(change: Change, before?: (n: number) => void): Promise<Position> {
        const n = this.put(change, before)
        await Promise.resolve()
        this.catchUp()
        return { generation: this.generation, n }
      }
    },
    'calls back right before a record of its own is applied',
  ],
  'writes nothing alongside': [
    class extends MapLog {
      override append(change: Change, before?: (n: number) => void) {
        return super.append(change, before)
      }
    },
    'calls alongside while the record is written',
  ],
  'writes alongside when it has applied': [
    class extends MapLog {
      override async append(
        change: Change,
        before?: (n: number) => void,
        alongside?: (n: number) => void,
      ): Promise<Position> {
        const position = await super.append(change, before)
        alongside?.(position.n)
        return position
      }
    },
    'calls alongside while the record is written',
  ],
  'loses what a record says besides': [
    class extends MapLog {
      override put({ kind, names }: Change, before?: (n: number) => void) {
        return super.put({ kind, names }, before)
      }
    },
    'keeps all that a record says',
  ],
  'does not see what others append': [
    class extends MapLog {
      protected override next() {
        const record = super.next()
        return record !== undefined && this.own.has(record.n) ? record : undefined
      }
    },
    'applies with catchUp all that others had appended',
  ],
  'takes what others append for its own': [
    class extends MapLog {
      protected override applyNext(record: LogRecord) {
        this.own.set(record.n, this.own.get(record.n))
        super.applyNext(record)
      }
    },
    'applies with catchUp all that others had appended',
  ],
  'forgets when it is closed': [
    class extends MapLog {
      override async close() {
        this.place.records.splice(0)
      }
    },
    'knows what was appended when it is opened again',
  ],
}

const shared: Faults<Make> = {
  'keeps what was not admitted': [
    tierMake(
      class extends SharedMapTier {
        override async settle(entry: EntryParts, admit: Admit) {
          await super.settle(entry, admit)
          return super.settle(entry, () => entry)
        }
      },
    ),
    'keeps nothing if nothing is admitted',
  ],
  'keeps what came, not what was admitted': [
    tierMake(
      class extends SharedMapTier {
        override settle(entry: EntryParts, admit: Admit) {
          return super.settle(entry, (hold) => (admit(hold) === undefined ? undefined : entry))
        }
      },
    ),
    'keeps what is admitted',
  ],
  'admits, and writes later': [
    tierMake(
      class extends SharedMapTier {
        override async settle(entry: EntryParts, admit: Admit) {
          const admitted = admit(this.hold())
          await Promise.resolve()
          return super.settle(entry, () => admitted)
        }
      },
    ),
    'lets nobody else write while one decides',
  ],
  'deletes what is valid': [
    tierMake(
      class extends SharedMapTier {
        override delete(keys: readonly string[]) {
          return super.delete(keys)
        }
      },
    ),
    'spares what is valid when it deletes',
  ],
  'drops what it cannot write': [
    tierMake(
      class extends SharedMapTier {
        override settle(entry: EntryParts, admit: Admit) {
          const isText = typeof entry.value === 'string'
          return super.settle(entry, (hold) => (isText ? admit(hold) : undefined))
        }
      },
    ),
    'keeps what it cannot write without its value',
  ],
  'does not say that it has no value': [
    tierMake(
      class extends SharedMapTier {
        override async get(key: string) {
          const entry = await super.get(key)
          return typeof entry?.value === 'string' ? entry : undefined
        }
      },
    ),
    'keeps what it cannot write without its value',
  ],
  'is its own for each process': [
    tierMake(
      class extends SharedMapTier {
        override entries = new Map<string, EntryParts>()
      },
    ),
    'shows at once what another process put',
  ],
  'does not know that it is shared': [
    tierMake(
      class extends SharedMapTier {
        override get isShared() {
          return false
        }
      },
    ),
    'says that it is shared',
  ],
  'forgets who it is told has ended': [
    {
      Tier: class extends SharedMapTier {
        override async ended() {}
      },
    },
    'knows of what was told to have ended',
  ],
  'forgets who was removed': [holdMake(() => ({ endedAt: () => 0 })), 'knows of an entry that was removed'],
  'takes all for removed': [holdMake(() => ({ endedAt: () => 1 })), 'knows of an entry that was removed'],
  'hides what it holds': [holdMake(() => ({ headOf: () => undefined })), 'shows to who settles what is held'],
  'shows no dependents': [holdMake(() => ({ dependentsOf: () => [] })), 'shows to who settles what is held'],
  'counts an entry among its own dependents': [
    holdMake((hold) => ({
      dependentsOf: (name) =>
        [hold.headOf(name), ...hold.dependentsOf(name)].filter((head) => head !== undefined),
    })),
    'shows to who settles what is held',
  ],
  'is always current': [holdMake(() => ({ isCurrent: true })), 'says that it is current only'],
  'is never current': [holdMake(() => ({ isCurrent: false })), 'says that it is current only'],
  'announces nothing': [
    holdMake(() => ({
      announce: (_key, before) => {
        before(1)
        return 1
      },
    })),
    'declares that the key changed',
  ],
  'announces without calling back': [
    holdMake((hold) => ({ announce: (key) => hold.announce(key, () => undefined) })),
    'declares that the key changed',
  ],
}

function tierMake(Tier: typeof SharedMapTier): Make {
  return { Tier }
}

function holdMake(change: (hold: Hold) => Partial<Hold>): Make {
  return tierMake(
    class extends SharedMapTier {
      protected override hold(): Hold {
        const hold = super.hold()
        return Object.defineProperties(hold, Object.getOwnPropertyDescriptors(change({ ...hold })))
      }
    },
  )
}

function seen<T>(faults: Faults<T>, casesOf: (faulty: T) => readonly Case[]): void {
  it.each(Object.entries(faults))('one that %s', async (_fault, [faulty, seenBy]) => {
    const found = await failures(casesOf(faulty))
    expect(found.join('\n')).toMatch(/^expected that the (tier|log) '\w+' /)
    expect(found.join('\n')).toContain(`' ${seenBy}`)
  })
}

describe('of a tier', () => {
  seen(tiers, (Tier) => tierCases(() => new Tier(), { cutOff }))
})

describe('of a log', () => {
  seen(logs, (Log) => logCases((parts, place) => sharedMap(place, { Log }).open(parts), { outlives: true }))

  it('one that is the same though it does not outlive', async () => {
    const found = await failures(logCases((parts, place) => sharedMap(place).open(parts)))
    expect(found.join('\n')).toContain('is another generation each time it is opened')
  })
})

describe('of a tier that processes share', () => {
  seen(shared, (make) => sharedTierCases((parts, place) => sharedMap(place, make).open(parts)))
})

it('nothing where there is no fault', async () => {
  const found = [
    await failures(tierCases(() => new MapTier(), { cutOff })),
    await failures(logCases((parts, place) => sharedMap(place).open(parts), { outlives: true })),
    await failures(sharedTierCases((parts, place) => sharedMap(place).open(parts))),
  ]
  expect(found.flat()).toEqual([])
})
