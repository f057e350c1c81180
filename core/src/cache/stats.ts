/**
 * The state of a cache in figures.
 */
import type { NearUsage } from '../tiers/contract.ts'
import type { DiskState, RedisState } from '../model/backing.ts'
import type { Backing, Beneath } from '../backing/contract.ts'
import type { Graph } from '../graph/graph.ts'
import type { Judge } from '../log/judge.ts'
import { hitRatio, type Counts } from './counts.ts'
import type { TierState } from '../recovery/guard.ts'
import type { Held } from './held.ts'
import type { Lower } from './lower.ts'

export interface Stats extends Readonly<Counts> {
  /** (hits + stale) / (hits + stale + misses); null before the first read. */
  readonly hitRatio: number | null
  readonly memory: NearUsage
  readonly log: { readonly name: string; readonly generation: string; readonly n: number }
  readonly ledger: { readonly names: number; readonly bytes: number; readonly low: number }
  readonly graph: {
    readonly names: number
    readonly declared: number
    readonly tracked: number
    readonly rules: number
    readonly bytes: number
  }
  readonly queue: { readonly pending: number }
  /** Null without one. */
  readonly disk: DiskState | null
  /** Null without one. */
  readonly redis: RedisState | null
  /** How each tier below memory is. */
  readonly tiers: Readonly<Record<string, TierState>>
  /** Loads under way. */
  readonly flights: number
}

export interface Measured {
  readonly counts: Counts
  readonly graph: Graph
  readonly held: Held
  readonly judge: Judge
  readonly backing: Backing
  readonly beneath: Beneath | undefined
  readonly lower: Lower
  readonly pending: number
  readonly flights: number
}

export function statsOf({
  counts,
  graph,
  held,
  judge,
  backing,
  beneath,
  lower,
  pending,
  flights,
}: Measured): Stats {
  const { log, state } = backing
  const directory = beneath?.state ?? state
  const { names, declaredEdges, trackedEdges, rules, bytes } = graph.sizes()
  return {
    ...counts,
    hitRatio: hitRatio(counts),
    memory: held.near.usage,
    log: { name: log.name, generation: log.generation, n: log.applied },
    ledger: judge.ledger,
    graph: { names, declared: declaredEdges, tracked: trackedEdges, rules, bytes },
    queue: { pending },
    disk: directory?.name === 'disk' ? directory : null,
    redis: state?.name === 'redis' ? state : null,
    tiers: lower.states,
    flights,
  }
}
