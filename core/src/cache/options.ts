/**
 * The options of a cache: what a user may say, its defaults, and the checks on it.
 */
import type { Backend } from '../backing/contract.ts'
import type { MemoryOptions } from '../tiers/open.ts'
import type { TtlOptions } from '../ttl/policies.ts'
import type { Tier } from '../tiers/contract.ts'
import { valueModes } from '../tiers/values.ts'
import { systemClock, systemRandom, type Clock, type Random } from '../model/clock.ts'
import { StaleproofError } from '../model/errors.ts'
import { checkKnown, kindOf } from '../model/known.ts'
import type { QueuedStrategyOptions, RetryOptions } from '../invalidation/drain-options.ts'
import type { Consistency } from '../model/invalidation.ts'
import type { PolicyOptions } from '../model/policy.ts'
import {
  count,
  durationMs,
  positiveDurationMs,
  sizeBytes,
  type Duration,
  type Size,
} from '../model/quantity.ts'

export interface CacheOptions<P extends string = string> {
  /** Kinds of entries; `default`, `media`, `metadata` and `config` are there already and may be redefined. */
  readonly policies?: Readonly<Record<P, PolicyOptions>> | undefined
  readonly ttl?: TtlOptions | undefined
  /** False: nothing is kept in this process. */
  readonly memory?: MemoryOptions | false | undefined
  readonly graph?: GraphOptions | undefined
  readonly strategies?: StrategiesOptions | undefined
  readonly consistency?: ConsistencyOptions | undefined
  readonly ledger?: { /** Default 64mb. */ readonly maxBytes?: Size | undefined } | undefined
  readonly history?: HistoryOptions | undefined
  /** automatic (default): reads inside a loader are its dependencies. explicit: only those made through `load`. */
  readonly tracking?: 'automatic' | 'explicit' | undefined
  /** Where entries, log, queue and history outlive the process: `disk({ path })`. Default: in this process only. */
  readonly disk?: Backend<'disk'> | undefined
  /** Where machines share all of that: `redis({ url })`. With `disk`, the directory is a tier of this node alone. */
  readonly redis?: Backend<'redis'> | undefined
  /** Tiers below memory, the nearest first. */
  readonly tiers?: readonly Tier[] | undefined
  readonly clock?: Clock | undefined
  readonly random?: Random | undefined
}

export interface GraphOptions {
  /** How deep the eager purge goes; what lies deeper is stale all the same and swept later. Default 5. */
  readonly maxDepth?: number | undefined
  /** break: the edge that closes a cycle is left out of the order; maintain: a cycle is taken as one group. */
  readonly cycles?: 'break' | 'maintain' | undefined
  /** More dependencies of one entry than this are warned of, or rejected. Default 100. */
  readonly dependenciesMax?: number | undefined
  readonly onTooMany?: 'warn' | 'reject' | undefined
}

export interface StrategiesOptions {
  readonly lazy?: { /** Default 1m. */ readonly sweepEvery?: Duration | undefined } | undefined
  /** Default: every 5m, 100 names at once. */
  readonly scheduled?: QueuedStrategyOptions | undefined
  /** Default: every 1m, 1000 names at once. */
  readonly background?: QueuedStrategyOptions | undefined
  /** Invalidations that may wait. Default 100,000. */
  readonly queueMax?: number | undefined
}

export interface ConsistencyOptions {
  readonly strict?: RetryOptions | undefined
  readonly eventual?: BoundedOptions | undefined
  readonly relaxed?: BoundedOptions | undefined
  /** How far the clocks of nodes and of sources may differ, for `load.asOf`. Default 1s. */
  readonly clockSkew?: Duration | undefined
}

export interface BoundedOptions extends RetryOptions {
  /** Longest time that a reader may still get the old value. Default: eventual 5s, relaxed 30s. */
  readonly bound?: Duration | undefined
}

export interface HistoryOptions {
  /** Default 1h. */
  readonly keepFor?: Duration | undefined
  /** Default 10,000. */
  readonly keepCount?: number | undefined
}

/** Every choice made; durations in ms, sizes in bytes. */
export interface Settings {
  readonly graph: Required<{ [K in keyof GraphOptions]: NonNullable<GraphOptions[K]> }>
  /** Longest time, in ms, that a reader may still get the old value. */
  readonly boundMs: Readonly<Record<Consistency, number>>
  readonly clockSkewMs: number
  readonly sweepEveryMs: number
  readonly ledgerBytesMax: number
  readonly historyKeepMs: number
  readonly historyKeepCount: number
  readonly queueMax: number | undefined
  readonly backend: Backend | undefined
  /** Its directory is a tier of this node alone. */
  readonly beneath: Backend | undefined
  readonly automatic: boolean
  readonly tiers: readonly Tier[]
  readonly clock: Clock
  readonly random: Random
}

const groups: readonly (keyof CacheOptions)[] = [
  'policies',
  'ttl',
  'memory',
  'graph',
  'strategies',
  'consistency',
  'ledger',
  'history',
  'tracking',
  'disk',
  'redis',
  'tiers',
  'clock',
  'random',
]

/** @throws E_OPTIONS_INVALID, E_DURATION_INVALID, E_SIZE_INVALID, E_COUNT_INVALID naming the option */
export function settle(options: CacheOptions): Settings {
  checkOptions(options)
  const { graph = {}, history = {}, tiers = [] } = options
  return {
    graph: {
      maxDepth: count(graph.maxDepth ?? 5, 'graph.maxDepth'),
      cycles: oneOf(graph.cycles ?? 'break', ['break', 'maintain'], 'graph.cycles'),
      dependenciesMax: count(graph.dependenciesMax ?? 100, 'graph.dependenciesMax'),
      onTooMany: oneOf(graph.onTooMany ?? 'warn', ['warn', 'reject'], 'graph.onTooMany'),
    },
    boundMs: {
      strict: 0,
      eventual: durationMs(options.consistency?.eventual?.bound ?? '5s', 'consistency.eventual.bound'),
      relaxed: durationMs(options.consistency?.relaxed?.bound ?? '30s', 'consistency.relaxed.bound'),
    },
    clockSkewMs: durationMs(options.consistency?.clockSkew ?? '1s', 'consistency.clockSkew'),
    sweepEveryMs: positiveDurationMs(
      options.strategies?.lazy?.sweepEvery ?? '1m',
      'strategies.lazy.sweepEvery',
    ),
    ledgerBytesMax: sizeBytes(options.ledger?.maxBytes ?? '64mb', 'ledger.maxBytes'),
    historyKeepMs: positiveDurationMs(history.keepFor ?? '1h', 'history.keepFor'),
    historyKeepCount: count(history.keepCount ?? 10_000, 'history.keepCount'),
    queueMax: options.strategies?.queueMax,
    backend: options.redis ?? options.disk,
    beneath: options.redis === undefined ? undefined : beneathOf(options.disk),
    automatic: oneOf(options.tracking ?? 'automatic', ['automatic', 'explicit'], 'tracking') === 'automatic',
    tiers: distinct(tiers),
    clock: options.clock ?? systemClock(),
    random: options.random ?? systemRandom,
  }
}

/** @throws E_OPTIONS_INVALID */
function beneathOf(disk: Backend | undefined): Backend | undefined {
  if (disk === undefined || disk.openBeneath !== undefined) return disk
  throw new StaleproofError(
    'E_OPTIONS_INVALID',
    'what was given as disk cannot be a tier beneath redis; give disk({ path }), or leave it out',
  )
}

function checkOptions(options: CacheOptions): void {
  const { memory, graph, strategies, consistency, ledger, history } = options
  checkKnown(options, groups, 'createCache')
  checkBackend(options.disk, 'disk')
  checkBackend(options.redis, 'redis')
  checkTiers(options.tiers ?? [])
  if (memory !== false) checkMemory(memory)
  checkKnown(graph, ['maxDepth', 'cycles', 'dependenciesMax', 'onTooMany'], 'graph')
  checkKnown(strategies, ['lazy', 'scheduled', 'background', 'queueMax'], 'strategies')
  checkKnown(strategies?.lazy, ['sweepEvery'], 'strategies.lazy')
  const queued = ['priority', 'batch', 'interval', 'cron']
  checkKnown(strategies?.scheduled, queued, 'strategies.scheduled')
  checkKnown(strategies?.background, queued, 'strategies.background')
  checkKnown(consistency, ['strict', 'eventual', 'relaxed', 'clockSkew'], 'consistency')
  checkKnown(consistency?.strict, ['retries', 'retryDelay'], 'consistency.strict')
  checkKnown(consistency?.eventual, ['retries', 'retryDelay', 'bound'], 'consistency.eventual')
  checkKnown(consistency?.relaxed, ['retries', 'retryDelay', 'bound'], 'consistency.relaxed')
  checkKnown(ledger, ['maxBytes'], 'ledger')
  checkKnown(history, ['keepFor', 'keepCount'], 'history')
}

function checkMemory(memory: MemoryOptions | undefined): void {
  checkKnown(memory, ['maxBytes', 'maxEntries', 'maxEntryBytes', 'values'], 'memory')
  oneOf(memory?.values ?? 'as-is', valueModes, 'memory.values')
}

const advice = {
  disk: "disk: disk({ path }) from 'staleproof/disk'",
  redis: "redis: redis({ url }) from 'staleproof/redis'",
} as const

function checkBackend(given: Backend | undefined, option: keyof typeof advice): void {
  if (given === undefined || backendIn(given) === option) return
  throw misplaced(option, given, advice[option])
}

function checkTiers(tiers: readonly Tier[]): void {
  const wanted = 'a list of objects that are a Tier'
  if (!Array.isArray(tiers)) throw misplaced('tiers', tiers, wanted)
  tiers.forEach((tier: Partial<Tier> | null | undefined, at) => {
    const kind = backendIn(tier)
    const isTier = typeof tier?.name === 'string' && typeof tier.get === 'function'
    if (kind !== undefined || !isTier)
      throw misplaced(`tiers[${at}]`, tier, kind === undefined ? wanted : advice[kind])
  })
}

/** What a user takes from `disk()` or `redis()` says what it is. */
function backendIn(given: unknown): keyof typeof advice | undefined {
  const { kind, open } = (given ?? {}) as Partial<Backend>
  return typeof open === 'function' && kind !== undefined && kind in advice ? kind : undefined
}

function misplaced(option: string, given: unknown, wanted: string): StaleproofError {
  const kind = backendIn(given)
  const what = kind === undefined ? kindOf(given) : `what ${kind}() made`
  return new StaleproofError('E_OPTIONS_INVALID', `${option} is ${what}; give ${wanted}`, {
    details: { option },
  })
}

function oneOf<T extends string>(value: T, known: readonly T[], what: string): T {
  if (known.includes(value)) return value
  throw new StaleproofError(
    'E_OPTIONS_INVALID',
    `${what} is '${String(value)}'; use one of ${known.join(', ')}`,
    { details: { what, value, known } },
  )
}

function distinct(tiers: readonly Tier[]): readonly Tier[] {
  const names = new Set(['memory'])
  for (const { name } of tiers) {
    if (names.has(name))
      throw new StaleproofError(
        'E_OPTIONS_INVALID',
        `two tiers are named '${name}'; give each a name of its own`,
      )
    names.add(name)
  }
  return tiers
}
