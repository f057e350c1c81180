/**
 * Staleproof: a cache that cannot serve what you invalidated. This is the public API.
 */
export { Cache, createCache } from './cache/cache.ts'
export type { Backend, Backing, BackingParts, Beneath, BeneathParts } from './backing/contract.ts'
export type { EntryView, FillResult, InvalidationRecords, Refused, SetResult } from './cache/answers.ts'
export type { Counts } from './cache/counts.ts'
export type {
  BoundedOptions,
  CacheOptions,
  ConsistencyOptions,
  GraphOptions,
  HistoryOptions,
  StrategiesOptions,
} from './cache/options.ts'
export type {
  ExplainedDeparture,
  ExplainedDependency,
  ExplainedInvalidation,
  Explanation,
} from './cache/explain.ts'
export type { Stats } from './cache/stats.ts'
export type { Direction, GraphView } from './cache/view.ts'
export type { Wrapped, WrapOptions } from './cache/wrap.ts'
export type {
  Claim,
  History,
  InvalidationRequest,
  Job,
  Queue,
  QueuedStrategy,
} from './invalidation/contract.ts'
export type { QueuedStrategyOptions, RetryOptions } from './invalidation/drain-options.ts'
export type { TargetLike } from './invalidation/request.ts'
export type { ScheduleOptions } from './invalidation/schedule.ts'
export type { Turns } from './loading/contract.ts'
export type { Load, Loader } from './loading/load.ts'
export type {
  Change,
  ChangeOutbox,
  KeptChange,
  Alongside,
  Log,
  LogRecord,
  LogState,
  Membership,
  RecordKind,
} from './log/contract.ts'
export type { BackingState, DiskState, RedisState, Worth } from './model/backing.ts'
export { systemClock, systemRandom } from './model/clock.ts'
export type { Clock, Random, Timer } from './model/clock.ts'
export type { EntryParts } from './model/entry.ts'
export { StaleproofError } from './model/errors.ts'
export type { ErrorCode } from './model/errors.ts'
export type { CacheEventName, CacheEvents, Departure, Listener, NodeEvent } from './model/event.ts'
export type {
  CascadeItem,
  Consistency,
  HistoryPage,
  HistoryQuery,
  InvalidateOptions,
  InvalidationResult,
  Mode,
  Mutated,
  MutateOptions,
  NodeOutcome,
  Plan,
  Status,
  Strategy,
  Target,
  TierOutcome,
} from './model/invalidation.ts'
export type { OnFence, Policy, PolicyOptions } from './model/policy.ts'
export type { Position } from './model/position.ts'
export { durationMs, sizeBytes } from './model/quantity.ts'
export type { Duration, Size } from './model/quantity.ts'
export type { SetOptions, StoreOptions } from './model/store.ts'
export type { TierStatus } from './recovery/breaker.ts'
export type { TierState } from './recovery/guard.ts'
export type { Admit, Answer, Head, Hold, NearUsage, Settled, SharedTier, Tier } from './tiers/contract.ts'
export type { MemoryOptions } from './tiers/open.ts'
export type { ValueMode } from './tiers/values.ts'
export type { BuiltInPolicy, TtlOptions } from './ttl/policies.ts'
