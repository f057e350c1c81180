/**
 * Explain: what is known of a key, in words that a person can follow: why it is here, why it went.
 */
import type { Graph } from '../graph/graph.ts'
import type { Log } from '../log/contract.ts'
import type { Judge } from '../log/judge.ts'
import type { Worth } from '../model/backing.ts'
import type { Clock } from '../model/clock.ts'
import { Entry, type EntryParts } from '../model/entry.ts'
import type { Departure } from '../model/event.ts'
import type { Position } from '../model/position.ts'
import { settleTimes } from '../ttl/lifetime.ts'
import type { Held } from './held.ts'
import type { Lower } from './lower.ts'
import type { Gone } from './past.ts'

export interface Explanation {
  readonly key: string
  /**
   * expired, invalidated: held or gone, that is why it cannot be served. fenced: it is held, and this node has no right to
   * serve it now. absent: it was never here, or pushed out.
   */
  readonly state: 'fresh' | 'stale' | 'expired' | 'invalidated' | 'fenced' | 'absent'
  /** Nearest tier that holds it; null if none does. */
  readonly tier: string | null
  readonly policy: string | null
  readonly ageMs: number | null
  /** Lifetime before extensions, jitter taken off. */
  readonly ttlMs: number | null
  /** Lifetime now: reads may have extended it, inputs or an invalidation cut it short. */
  readonly lifetimeMs: number | null
  /** ms since 1970, as all times here. */
  readonly expiresAt: number | null
  readonly graceUntil: number | null
  readonly reads: number | null
  readonly sizeBytes: number | null
  /** Position up to which it is known to be good. */
  readonly stamp: Position | null
  readonly dependencies: readonly ExplainedDependency[]
  /** How it left memory last, if it did. */
  readonly went: ExplainedDeparture | null
  /** What a strict invalidation of it is worth among many nodes; null if there is one place only. */
  readonly strict: Worth | null
}

export interface ExplainedDependency {
  readonly name: string
  /** direct: its loader read or named it; inherited: it came with a cached input; declared: by a link or a rule. */
  readonly kind: 'direct' | 'inherited' | 'declared'
  readonly lastInvalidation: ExplainedInvalidation | null
}

export interface ExplainedInvalidation {
  readonly position: Position
  /** Id in the history; null if it was a change by `set`, or too long ago. */
  readonly id: string | null
  readonly at: number | null
}

export interface ExplainedDeparture {
  readonly why: Departure
  readonly at: number
  /** The name whose invalidation ended it. */
  readonly because: string | null
  /** Id of that invalidation in the history. */
  readonly by: string | null
}

export interface ExplainParts {
  readonly clock: Clock
  readonly graph: Graph
  readonly held: Held
  readonly judge: Judge
  readonly log: Pick<Log, 'generation' | 'catchUp'>
  readonly lower: Lower
  readonly worth: () => Worth | null
}

export async function explain(key: string, parts: ExplainParts): Promise<Explanation> {
  const { held, log, lower } = parts
  const isNear = held.near.look(key) !== undefined
  const below = isNear
    ? undefined
    : await lower.find(key, (found, { name }) => ({ entry: settled(found), tier: name }))
  log.catchUp()
  const near = held.near.look(key)
  const entry = near ?? below?.entry
  const went = held.past.gone(key)
  return {
    key,
    state: stateOf(entry, went, held),
    tier: near !== undefined ? 'memory' : (below?.tier ?? null),
    ...timesOf(entry, parts),
    dependencies: dependenciesOf(key, entry, parts),
    went: went === undefined ? null : departureOf(went, parts.judge),
    strict: parts.worth(),
  }
}

/** What cannot be served has times, too. */
function settled(parts: EntryParts): Entry {
  const entry = new Entry(parts)
  settleTimes(entry)
  return entry
}

function stateOf(entry: Entry | undefined, went: Gone | undefined, held: Held): Explanation['state'] {
  if (entry === undefined) return went?.why === 'invalidated' || went?.why === 'expired' ? went.why : 'absent'
  const found = held.assess(entry)
  if (found !== undefined) return found.state
  if (held.isFenced && held.judge(entry) === undefined) return 'fenced'
  return held.judge(entry) === undefined ? 'expired' : 'invalidated'
}

type Times = Pick<
  Explanation,
  'policy' | 'ageMs' | 'ttlMs' | 'lifetimeMs' | 'expiresAt' | 'graceUntil' | 'reads' | 'sizeBytes' | 'stamp'
>

const noTimes: Times = {
  policy: null,
  ageMs: null,
  ttlMs: null,
  lifetimeMs: null,
  expiresAt: null,
  graceUntil: null,
  reads: null,
  sizeBytes: null,
  stamp: null,
}

function timesOf(entry: Entry | undefined, { clock }: ExplainParts): Times {
  if (entry === undefined) return noTimes
  return {
    policy: entry.policy.name,
    ageMs: clock.now() - entry.storedAt,
    ttlMs: entry.ttlMs,
    lifetimeMs: entry.expiresAt - entry.storedAt,
    expiresAt: entry.expiresAt,
    graceUntil: entry.graceUntil,
    reads: entry.reads,
    sizeBytes: entry.sizeBytes,
    stamp: { generation: entry.generation, n: entry.stamp },
  }
}

function dependenciesOf(key: string, entry: Entry | undefined, parts: ExplainParts): ExplainedDependency[] {
  const kinds = new Map<string, ExplainedDependency['kind']>()
  for (const { name, kind } of parts.graph.dependencies(key))
    if (kind !== 'tracked') kinds.set(name, 'declared')
  entry?.dependencies.forEach((name, i) => kinds.set(name, i < entry.directCount ? 'direct' : 'inherited'))
  return [...kinds].map(([name, kind]) => ({ name, kind, lastInvalidation: lastOf(name, parts) }))
}

function lastOf(name: string, { judge, log }: ExplainParts): ExplainedInvalidation | null {
  const n = judge.lastOf(name)
  if (n === 0) return null
  const recent = judge.recent(n)
  return { position: { generation: log.generation, n }, id: recent?.by ?? null, at: recent?.atMs ?? null }
}

function departureOf({ why, atMs, by }: Gone, judge: Judge): ExplainedDeparture {
  return {
    why,
    at: atMs,
    because: by?.name ?? null,
    by: by === null ? null : (judge.recent(by.n)?.by ?? null),
  }
}
