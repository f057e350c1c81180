/**
 * Random programs: what clients do, what loaders do, and how the cache is set up.
 *
 * Keys read only keys of a higher number, so that no loader waits for itself. A profile says what a property is
 * about: how often each kind of step comes, and which settings are drawn.
 */
import fc from 'fast-check'
import type { Consistency, Mode, Strategy } from 'staleproof'

export const sources = ['s:0', 's:1', 's:2'] as const
export const keys = ['k:0', 'k:1', 'k:2', 'k:3'] as const

/** What one loader does. */
export type LoaderStep =
  | {
      readonly do: 'source'
      readonly name: string
      readonly declared: 'before' | 'after' | 'dependsOn' | 'tags'
    }
  | {
      readonly do: 'read'
      readonly key: string
      readonly how: 'getOrSet' | 'get' | 'peek' | 'entry' | 'getMany'
      readonly tracked: 'load' | 'context'
    }

export interface Recipe {
  readonly key: string
  readonly policy: PolicyName
  /** False: the loader says that its value is not to be stored. */
  readonly isKept: boolean
  readonly steps: readonly LoaderStep[]
}

export const policies = {
  plain: { ttl: '1h' },
  short: { ttl: 2000, minTtl: 1 },
  grace: { ttl: 2000, minTtl: 1, grace: '10m' },
  patient: { ttl: 2000, minTtl: 1, grace: '10m', softTimeout: 500 },
  eager: { ttl: 4000, minTtl: 1, refreshAhead: 0.5, accessMultiplier: 1.5, maxExtension: '1m' },
  failing: { ttl: 2000, minTtl: 1, grace: '10m', errorTtl: 1000, hardTimeout: 800 },
} as const
export type PolicyName = keyof typeof policies

export interface Target {
  readonly names: readonly string[]
  readonly by: 'names' | 'prefix' | 'all'
}

/** `at`: the cache that is asked, of several on one directory; a fill has its token and its inputs from another. */
export type Step = Task & { readonly at?: number; readonly from?: number }

export type Task =
  | { readonly do: 'getOrSet' | 'get' | 'peek' | 'entry'; readonly key: string }
  | { readonly do: 'getMany'; readonly keys: readonly string[] }
  /** The source moves, and nobody is told yet. */
  | { readonly do: 'write'; readonly names: readonly string[] }
  | {
      readonly do: 'change'
      readonly target: Target
      readonly strategy: Strategy
      readonly consistency: Consistency
      readonly mode: Mode
    }
  | { readonly do: 'set' | 'delete'; readonly key: string; readonly source: string }
  | { readonly do: 'fill'; readonly key: string; readonly source: string }
  | { readonly do: 'advance'; readonly ms: number }
  | { readonly do: 'tier'; readonly down: boolean }
  | { readonly do: 'loaders'; readonly fail: boolean }
  /** Names that nothing is made from: they fill the ledger. */
  | { readonly do: 'churn'; readonly count: number }
  /** The cache closes, or dies, and another is opened in its place. */
  | { readonly do: 'reopen'; readonly how: 'close' | 'drop' }

export interface Settings {
  readonly tracking: 'automatic' | 'explicit'
  readonly hasTier: boolean
  /** 0: no memory at all. */
  readonly entriesMax: number | undefined
  readonly ledgerBytesMax: number
  /** Caches that share a directory; 0: one, without a directory. */
  readonly caches: number
  /** Room in the directory, in bytes. */
  readonly roomBytes: number
}

export interface Program {
  readonly settings: Settings
  readonly recipes: readonly Recipe[]
  /** Each client does one step after the other, all clients at once. */
  readonly clients: readonly (readonly Step[])[]
}

export interface Profile {
  /** Kind of step -> weight. Those that are not named do not come. */
  readonly steps: Partial<Record<Step['do'], number>>
  readonly modes?: readonly Mode[]
  readonly strategies?: readonly Strategy[]
  readonly policies?: readonly PolicyName[]
  /** Default: in half of the programs. */
  readonly tier?: boolean
  readonly entriesMax?: readonly (number | undefined)[]
  readonly ledgerBytesMax?: number
  /** Default: without a directory. */
  readonly caches?: readonly number[]
  readonly roomBytes?: readonly number[]
  readonly clientsMax?: number
  /** Steps of one client: least and most. */
  readonly length?: readonly [least: number, most: number]
}

const key = fc.constantFrom(...keys)
const source = fc.constantFrom(...sources)

export function programs(profile: Profile): fc.Arbitrary<Program> {
  const [minLength, maxLength] = profile.length ?? [2, 8]
  const client = fc.array(steps(profile), { minLength, maxLength })
  return fc.record({
    settings: settings(profile),
    recipes: fc.tuple(...keys.map((_, place) => recipe(place, profile))),
    clients: fc.array(client, { minLength: 1, maxLength: profile.clientsMax ?? 4 }),
  })
}

function settings({ tier, entriesMax = [undefined, 1, 2], ledgerBytesMax = 2 ** 20, ...profile }: Profile) {
  return fc.record({
    tracking: fc.constantFrom('automatic' as const, 'explicit' as const),
    hasTier: tier === undefined ? fc.boolean() : fc.constant(tier),
    entriesMax: fc.constantFrom(...entriesMax),
    ledgerBytesMax: fc.constant(ledgerBytesMax),
    caches: fc.constantFrom(...(profile.caches ?? [0])),
    roomBytes: fc.constantFrom(...(profile.roomBytes ?? [2 ** 20])),
  })
}

function recipe(place: number, { policies: names = ['plain'] }: Profile): fc.Arbitrary<Recipe> {
  const fromSource: fc.Arbitrary<LoaderStep> = fc.record({
    do: fc.constant('source' as const),
    name: source,
    declared: fc.constantFrom('before' as const, 'after' as const, 'dependsOn' as const, 'tags' as const),
  })
  const higher = keys.slice(place + 1)
  const isLast = higher.length === 0
  const fromKey: fc.Arbitrary<LoaderStep> = fc.record({
    do: fc.constant('read' as const),
    key: fc.constantFrom(...(isLast ? keys : higher)),
    how: fc.oneof(
      { weight: 4, arbitrary: fc.constant('getOrSet' as const) },
      {
        weight: 4,
        arbitrary: fc.constantFrom('get' as const, 'peek' as const, 'entry' as const, 'getMany' as const),
      },
    ),
    tracked: fc.constantFrom('load' as const, 'context' as const),
  })
  const step = isLast ? fromSource : fc.oneof(fromSource, fromKey)
  return fc.record({
    key: fc.constant(keys[place] as string),
    policy: fc.constantFrom(...names),
    isKept: fc.oneof({ weight: 5, arbitrary: fc.constant(true) }, fc.constant(false)),
    steps: fc.array(step, { minLength: 1, maxLength: 3 }),
  })
}

function steps(profile: Profile): fc.Arbitrary<Step> {
  const task = tasks(profile)
  if (profile.caches === undefined) return task
  const place = fc.nat({ max: 2 })
  return fc.tuple(task, place, place).map(([drawn, at, from]) => ({ ...drawn, at, from }))
}

function tasks({ steps: weights, ...profile }: Profile): fc.Arbitrary<Task> {
  const all = kinds(profile)
  const drawn = Object.entries(weights).map(([kind, weight]) => ({
    weight,
    arbitrary: all[kind as Step['do']],
  }))
  return fc.oneof(...drawn)
}

function kinds(profile: Omit<Profile, 'steps'>): Record<Task['do'], fc.Arbitrary<Task>> {
  const about = <K extends 'getOrSet' | 'get' | 'peek' | 'entry'>(kind: K) =>
    fc.record({ do: fc.constant(kind), key })
  const bring = <K extends 'set' | 'delete'>(kind: K) => fc.record({ do: fc.constant(kind), key, source })
  return {
    getOrSet: about('getOrSet'),
    get: about('get'),
    peek: about('peek'),
    entry: about('entry'),
    getMany: fc.record({
      do: fc.constant('getMany' as const),
      keys: fc.subarray([...keys], { minLength: 2 }),
    }),
    write: fc.record({
      do: fc.constant('write' as const),
      names: fc.subarray([...sources], { minLength: 1 }),
    }),
    change: changes(profile),
    set: bring('set'),
    fill: fills,
    delete: bring('delete'),
    advance: fc.record({
      do: fc.constant('advance' as const),
      ms: fc.constantFrom(400, 1000, 2500, 5001, 31_000, 61_000),
    }),
    tier: fc.record({ do: fc.constant('tier' as const), down: fc.boolean() }),
    loaders: fc.record({ do: fc.constant('loaders' as const), fail: fc.boolean() }),
    churn: fc.record({ do: fc.constant('churn' as const), count: fc.integer({ min: 5, max: 40 }) }),
    reopen: fc.record({
      do: fc.constant('reopen' as const),
      how: fc.constantFrom('close' as const, 'drop' as const),
    }),
  }
}

/** Of something read elsewhere: a source, or another key; keys are made of keys of a higher number here too. */
const fills: fc.Arbitrary<Task> = fc
  .record({ do: fc.constant('fill' as const), key, source: fc.constantFrom(...sources, ...keys.slice(1)) })
  .map((fill) =>
    fill.source.startsWith('k:') && fill.source <= fill.key ? { ...fill, source: 's:0' } : fill,
  )

function changes(profile: Omit<Profile, 'steps'>): fc.Arbitrary<Task> {
  const { modes = ['purge'], strategies = ['immediate', 'lazy', 'background', 'scheduled'] } = profile
  const names = fc.subarray([...sources, ...keys.slice(1)], { minLength: 1, maxLength: 3 })
  const draw = fc.record({
    names,
    by: fc.constantFrom('names' as const, 'names' as const, 'prefix' as const, 'all' as const),
    mode: fc.constantFrom(...modes),
    strategy: fc.constantFrom(...strategies),
    consistency: fc.constantFrom('strict' as const, 'eventual' as const, 'relaxed' as const),
  })
  return draw.map(({ names, by, mode, strategy, consistency }) => ({
    do: 'change',
    target: { names, by: mode === 'soft' ? 'names' : by },
    strategy,
    consistency: mode === 'soft' && consistency === 'strict' ? 'eventual' : consistency,
    mode,
  }))
}
