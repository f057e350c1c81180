/**
 * The library's parts on Redis that have no public door, as far as the comparison with a real server uses them; and what
 * is changed in them for it: limits as small as those of the simulated server, and a clock that is set.
 */
import type { Clock, Random, Tier } from 'staleproof'
import type { Change } from '../mutants.ts'
import type { Driver, Script } from './driver.ts'
import { kept, toldMax } from './log-scripts.ts'
import {
  load,
  openScripts,
  type EntryParts,
  type LogServer,
  type Said,
  type Since,
  type Told,
} from './parts.ts'
import type { SharedTier } from 'staleproof'

/** The log as one node sees it. */
export interface LogBeside {
  readonly generation: string
  readonly applied: number
  since(): Since
  take(said: Said): boolean
  own(change: Told['change'], before: (n: number) => void): Omit<Told, 'n'>
  disown(nonce: string): void
}

export interface RealTierParts {
  readonly driver: Driver
  readonly log: LogBeside
  readonly clock: Clock
  readonly random: Random
  readonly policyOf: (name: string) => EntryParts['policy']
  readonly isInvalid: () => boolean
  readonly entryBytesMax: number
  readonly onError: (error: unknown) => void
}

export interface RealParts {
  readonly systemClock: () => Clock
  readonly RedisClient: new (
    to: { readonly url: string },
    prefix: string,
    around: { readonly clock: Clock; readonly random: Random },
  ) => Driver
  readonly RedisLogServer: new (
    driver: Driver,
    how: { readonly clock: Clock; readonly replicas: number },
  ) => LogServer
  readonly RedisTier: new (parts: RealTierParts) => SharedTier & Tier
  /** What writes; all else looks. */
  readonly storeScript: Script
  readonly removeScript: Script
  /** name -> script of turns, queue and history */
  readonly scripts: ReadonlyMap<string, Script>
}

const files = ['model/clock', 'redis/client', 'redis/log-server', 'redis/tier', 'redis/tier-lua']

/** @param folder the built library with `asSimulated` */
export async function openRealParts(folder: string): Promise<RealParts> {
  const parts = await Promise.all(files.map((file) => load(folder, file)))
  return Object.assign({}, ...parts, { scripts: await openScripts(folder) }) as RealParts
}

/** Where a script finds the time. */
export const clockKey = 'clock'

export const asSimulated: readonly Change[] = [
  { file: 'redis/lua.js', from: 'export const toldMax = 500;', to: `export const toldMax = ${toldMax};` },
  { file: 'redis/log-server.js', from: 'const keptMs = 600_000;', to: `const keptMs = ${kept.ms};` },
  { file: 'redis/log-server.js', from: 'const keptMax = 200_000;', to: `const keptMax = ${kept.count};` },
  {
    file: 'redis/lua.js',
    from: "  local time = redis.call('TIME')\n  return time[1] * 1000 + math.floor(time[2] / 1000)",
    to: `  return tonumber(redis.call('GET', '${clockKey}'))`,
  },
]
