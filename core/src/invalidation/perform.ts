/**
 * Carries one invalidation out: log, cascade, purge, read back.
 *
 *   reach (who depends on it) -> append (from here on nobody is served it) -> purge every tier -> read back
 *
 * Invariants: the record is appended before anything is purged, since a crash between the two repeats the purge,
 * which is harmless, and the other order can lose an invalidation; a tier that could not be asked counts as failed;
 * `completed` means that every tier did what its outcome says.
 */
import type { Change } from '../log/contract.ts'
import type { Clock } from '../model/clock.ts'
import type { EntryParts } from '../model/entry.ts'
import type { CascadeItem, InvalidationResult, NodeOutcome, TierOutcome } from '../model/invalidation.ts'
import { tokenOf, type Position } from '../model/position.ts'
import { inSlices } from '../model/slices.ts'
import type { Tier } from '../tiers/contract.ts'
import type { InvalidationRequest } from './contract.ts'
import type { ResolvedTarget } from './request.ts'

/** What an invalidation reaches through the graph. */
export interface Reach {
  /** Dependencies before dependents; as many as a record lists. Known, like all else, once `keys` was walked. */
  readonly cascade: readonly CascadeItem[]
  readonly reached: number
  readonly beyondDepth: number
  /**
   * Names to purge now, those beyond the depth limit left out; undefined: none was found for a while. May be walked
   * over many ticks, and again.
   */
  keys(): Iterable<string | undefined>
}

/** What the cache lends for the work. */
export interface Hands {
  readonly clock: Clock
  readonly tiers: readonly Tier[]
  /** How long a soft invalidation lets the old value be served, in ms. */
  boundMs(request: InvalidationRequest): number
  /** How often, and after which wait in ms, a tier that failed is tried again. */
  retries(request: InvalidationRequest): { readonly retries: number; readonly delayMs: number }
  /** Walks the graph as it is now. */
  reach(request: InvalidationRequest): Reach
  append(change: Change): Promise<Position>
  /** Waits until no other node serves what was made before; undefined: it has to be appended again. */
  everywhere(position: Position): Promise<readonly NodeOutcome[] | undefined>
  /** Resolves when all that the records up to now reach is known by name. */
  written(): Promise<void>
  /** How many entries memory dropped when the record at `n` was applied. */
  droppedNear(n: number): number
  /** Removes from memory those of the keys that are still held and invalid. @returns how many entries */
  purgeNear(keys: Iterable<string | undefined>): Promise<number>
  /** Those of the keys that memory holds though they are invalid. */
  heldNear(keys: Iterable<string | undefined>): readonly string[] | Promise<readonly string[]>
  /** Whether an entry of a lower tier is invalid by now. */
  isInvalid(entry: EntryParts): boolean
  /** What a tier could not be made to remove is removed before it serves again. */
  owe(tier: Tier, what: { readonly names: readonly string[]; readonly prefix: string | null }): void
}

export async function perform(request: InvalidationRequest, hands: Hands): Promise<InvalidationResult> {
  const startedAt = hands.clock.now()
  const walks = request.strategy !== 'lazy'
  const reach = walks ? hands.reach(request) : undefined
  const { position, nodes } = await inForce(request, hands)
  const dropped = hands.droppedNear(position.n)
  const purges = reach !== undefined && request.mode === 'purge'
  if (reach !== undefined && !purges) await keysOf(reach, hands)
  const { tiers, attempts } = purges
    ? await purgeAll(request, { hands, reach, dropped })
    : { tiers: deferAll(hands, dropped), attempts: 1 }
  const failed = Object.entries(tiers).filter(([, tier]) => tier.status === 'failed')
  return {
    ...request,
    position,
    status: failed.length > 0 ? 'failed' : 'completed',
    cascade: reach?.cascade ?? [],
    reached: reach?.reached ?? null,
    truncated: reach !== undefined && reach.reached > reach.cascade.length,
    beyondDepth: reach?.beyondDepth ?? 0,
    tiers,
    nodes,
    attempts,
    startedAt,
    endedAt: hands.clock.now(),
    error: failed.length > 0 ? incomplete(failed) : null,
    token: tokenOf(position),
  }
}

interface InForce {
  readonly position: Position
  readonly nodes: readonly NodeOutcome[]
}

/** A strict one is in force when no other node serves what was made before. */
async function inForce(request: InvalidationRequest, hands: Hands): Promise<InForce> {
  for (;;) {
    const position = await hands.append(changeOf(request, hands))
    const nodes = request.consistency === 'strict' ? await hands.everywhere(position) : []
    if (nodes !== undefined) return { position, nodes }
  }
}

/** Each once; found in slices. */
export async function keysOf(reach: Reach, { clock }: Pick<Hands, 'clock'>): Promise<string[]> {
  const keys = new Set<string>()
  await inSlices(clock, reach.keys(), (key) => {
    if (key !== undefined) keys.add(key)
  })
  return [...keys]
}

function changeOf(request: InvalidationRequest, hands: Hands): Change {
  const prefixes = request.all ? [''] : request.prefix === null ? [] : [request.prefix]
  const { names, id: by } = request
  if (request.mode === 'purge') return { kind: 'invalidate', names, prefixes, by }
  return { kind: 'soft', names, prefixes, by, untilMs: hands.clock.now() + hands.boundMs(request) }
}

interface Purge {
  readonly hands: Hands
  readonly reach: Reach
  /** Entries that memory dropped when the record was applied. */
  readonly dropped: number
}

type Outcomes = Record<string, TierOutcome>

const untouched: TierOutcome = { status: 'deferred', purged: 0, verified: false, held: [], error: null }

/** Nothing is purged, and nobody is served it: the bytes go when they are touched or swept. */
function deferAll(hands: Hands, dropped: number): Outcomes {
  const lower = hands.tiers.map(({ name }) => [name, untouched] as const)
  return { memory: { ...untouched, purged: dropped }, ...Object.fromEntries(lower) }
}

interface Purged {
  readonly tiers: Outcomes
  readonly attempts: number
}

/** What a tier did not carry out is tried again, after a wait; memory and the record are not concerned by that. */
async function purgeAll(request: InvalidationRequest, purge: Purge): Promise<Purged> {
  const { hands, reach } = purge
  // Taken before memory is purged, which knows the names by its entries.
  const keys = hands.tiers.length === 0 ? [] : await keysOf(reach, hands)
  const near = purgeNear(request, purge)
  // A tier that others share keeps what is not known to be invalid.
  if (hands.tiers.length > 0) await hands.written()
  const lower = hands.tiers.map((tier) => purgeTier(request, { hands, tier, keys }))
  const [memory, ...outcomes] = await Promise.all([near, ...lower])
  const tiers: Outcomes = { memory }
  for (const [i, tier] of hands.tiers.entries()) tiers[tier.name] = outcomes[i] as TierOutcome
  const { retries, delayMs } = hands.retries(request)
  let attempts = 1
  for (; attempts <= retries; attempts++) {
    const failed = hands.tiers.filter(({ name }) => tiers[name]?.status === 'failed')
    if (failed.length === 0) break
    await new Promise<void>((resolve) => hands.clock.schedule(delayMs, resolve, true))
    for (const tier of failed) tiers[tier.name] = await purgeTier(request, { hands, tier, keys })
  }
  return { tiers, attempts }
}

async function purgeNear(
  request: InvalidationRequest,
  { hands, reach, dropped }: Purge,
): Promise<TierOutcome> {
  const purged = dropped + (await hands.purgeNear(reach.keys()))
  if (request.consistency !== 'strict') return { ...untouched, status: 'purged', purged }
  return readBack(purged, await hands.heldNear(reach.keys()))
}

/** What was valid when it was spared may have been invalidated by others until it is read back: it goes, too. */
const purgesMax = 4

interface TierPurge {
  readonly hands: Pick<Hands, 'isInvalid' | 'owe'>
  readonly tier: Tier
  readonly keys: readonly string[]
}

async function purgeTier(request: InvalidationRequest, purge: TierPurge): Promise<TierOutcome> {
  const { tier, hands } = purge
  try {
    const keys = await keysIn(request, purge)
    let purged = await tier.delete(keys)
    if (request.consistency !== 'strict') return { ...untouched, status: 'purged', purged }
    let held = await invalidIn(tier, keys, hands)
    for (let round = 1; held.length > 0 && round < purgesMax; round++) {
      purged += await tier.delete(held)
      held = await invalidIn(tier, keys, hands)
    }
    return readBack(purged, held)
  } catch (error) {
    hands.owe(tier, { names: [...request.names, ...purge.keys], prefix: prefixOf(request) })
    return { ...untouched, status: 'failed', error: error instanceof Error ? error.message : String(error) }
  }
}

async function invalidIn(
  tier: Tier,
  keys: readonly string[],
  hands: Pick<Hands, 'isInvalid'>,
): Promise<readonly string[]> {
  return (await tier.held(keys)).filter((entry) => hands.isInvalid(entry)).map(({ key }) => key)
}

/** Keys to remove from a tier: what the graph reaches, and what the tier itself knows to depend on that. */
export async function keysIn(
  request: ResolvedTarget,
  { tier, keys }: Pick<TierPurge, 'tier' | 'keys'>,
): Promise<string[]> {
  const prefix = prefixOf(request)
  const named = await tier.dependents([...request.names, ...keys])
  const prefixed = prefix === null ? [] : await tier.withPrefix(prefix)
  return [...new Set([...request.names, ...keys, ...named, ...prefixed])]
}

function prefixOf({ all, prefix }: ResolvedTarget): string | null {
  return all ? '' : prefix
}

function readBack(purged: number, held: readonly string[]): TierOutcome {
  if (held.length === 0) return { status: 'purged', purged, verified: true, held, error: null }
  const error = `${held.length} of the entries were still held when read back`
  return { status: 'failed', purged, verified: false, held: held.slice(0, 100), error }
}

function incomplete(failed: readonly (readonly [string, TierOutcome])[]): { code: string; message: string } {
  const why = failed.map(([name, { error }]) => `${name}: ${error ?? 'unknown'}`).join('; ')
  return {
    code: 'E_INVALIDATION_INCOMPLETE',
    message: `no reader is served the old values any more, but not every tier removed them (${why}); retry it when the tier is well again`,
  }
}
