/**
 * The state of a cache in figures.
 */
import type { NearUsage } from '../tiers/contract.ts'
import type { Counts } from './counts.ts'

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
  /** Loads under way. */
  readonly flights: number
}
