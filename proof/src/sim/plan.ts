/**
 * Plan: what kind of run a seed is: how many nodes and names, what is made from what, what goes wrong and how often.
 */
import { Chance } from './chance.ts'

export type Mode = 'safety' | 'liveness'

/** What a loader does to make a value; sources by number, keys by number. */
export type Ingredient =
  | { readonly of: 'source'; readonly source: number; readonly isNamedLate: boolean }
  /** It is not told to the cache: somebody links the key to it. */
  | { readonly of: 'hidden'; readonly source: number }
  | { readonly of: 'key'; readonly key: number; readonly how: 'getOrSet' | 'get' }

export const faultKinds = [
  'stop',
  'suspend',
  'kill',
  'leave',
  'cutThere',
  'cutBack',
  'cutBoth',
  'reset',
  'slow',
  'down',
  'restart',
  'promote',
  'flush',
  'deleteLog',
  'deleteSnapshot',
  'deleteNodes',
  'late',
  'wallClock',
  'serverClock',
  'evict',
] as const
export type FaultKind = (typeof faultKinds)[number]

export interface Plan {
  readonly seed: number
  readonly mode: Mode
  readonly nodes: number
  readonly hasTier: boolean
  readonly isAlwaysShared: boolean
  readonly tracking: 'automatic' | 'explicit'
  readonly sources: number
  /** The last of the sources; what depends on it is linked. */
  readonly hidden: number
  readonly recipes: readonly (readonly Ingredient[])[]
  readonly lastsMs: number
  readonly stepEveryMs: number
  readonly faultEveryMs: number
  readonly faults: readonly FaultKind[]
  readonly newsLost: number
  /** How many invalidations leave the purging to others. */
  readonly lazy: number
  readonly snapshotAfter: number
  readonly entriesMax: number
  /** What a key is read by: the name of its policy. */
  readonly policies: readonly PolicyName[]
  /** A source that loaders read from a replica. */
  readonly lagging: number | undefined
  /** They say of when it is; else the policy holds off. */
  readonly isAsOf: boolean
  /** For so long at the end of each `awayEveryMs` one of the sources cannot be read. */
  readonly awayMs: number
  /** Keys are linked to the hidden source by a rule. */
  readonly isByRule: boolean
  /** Of all invalidations: soft ones, and those by `mutate`. */
  readonly soft: number
  readonly mutated: number
  /** Jobs are queued on the server. */
  readonly isQueued: boolean
  /** Wall clocks are off by less, as long as nobody sets them. */
  readonly clocksWithinMs: number
  /** Of all changes, those of the first source: many records in a row end the same. */
  readonly favour: number
  /** How long a source may take to answer. */
  readonly slowestMs: number
}

const awayEveryMs = 9000
/** Which one it is. */
export const awaySource = 1

/** Whether a source cannot be read. */
export function isAway({ awayMs, lastsMs }: Plan, source: number, now: number): boolean {
  return source === awaySource && now < lastsMs && now % awayEveryMs >= awayEveryMs - awayMs
}

export type PolicyName = 'default' | 'strictly' | 'gracious' | 'lagging'

export function planOf(seed: number, mode: Mode): Plan {
  const chance = new Chance(seed)
  const sources = 3 + chance.below(2)
  const hidden = sources - 1
  const keys = 4 + chance.below(3)
  // A machine that sleeps and whose wall clock is set back has both its clocks behind: that is not promised for.
  const never: FaultKind = chance.is(0.5) ? 'suspend' : 'wallClock'
  const recipes = Array.from({ length: keys }, (_, key) => recipeOf(key, { keys, sources, chance }))
  const lagging = chance.is(0.25) ? 0 : undefined
  const hasGrace = chance.is(0.3)
  const some = faultKinds.filter((kind) => chance.is(0.35) && kind !== never)
  const plan: Plan = {
    seed,
    mode,
    nodes: 2 + chance.below(2),
    hasTier: chance.is(0.7),
    isAlwaysShared: chance.is(0.8),
    tracking: chance.is(0.5) ? 'automatic' : 'explicit',
    sources,
    hidden,
    recipes,
    lagging,
    policies: recipes.map((recipe, key) => policyOf(recipe, { key, lagging, hasGrace })),
    awayMs: hasGrace ? chance.pick([0, 7500]) : 0,
    isByRule: chance.is(0.3),
    soft: hasGrace ? 0.4 : 0,
    mutated: chance.pick([0, 0, 0.3]),
    lastsMs: chance.pick([4000, 8000, 15_000]),
    stepEveryMs: chance.pick([30, 60, 150]),
    faultEveryMs: chance.pick([400, 1200, 3000]),
    faults: some.length === 0 ? ['stop'] : some,
    lazy: chance.pick([0.1, 0.9]),
    newsLost: chance.pick([0, 0.1, 1, 1]),
    snapshotAfter: chance.pick([4, 12, 4096]),
    entriesMax: chance.pick([3, 1000, 1000]),
    ...laterOf(seed, lagging !== undefined),
  }
  const known = plan.isAsOf ? withAsOf(plan) : plan
  return known.awayMs > 0 ? withAway(known) : known
}

/** Wall clocks are as close as the library is told they are, and no policy holds off. */
function withAsOf(plan: Plan): Plan {
  const faults = plan.faults.filter((kind) => kind !== 'wallClock')
  const policies = plan.policies.map((policy) => (policy === 'lagging' ? 'default' : policy))
  return { ...plan, policies, clocksWithinMs: 200, faults: faults.length === 0 ? ['stop'] : faults }
}

/** The last key is made from the source that is away alone, so that nothing else ends it. */
function withAway(plan: Plan): Plan {
  const last = plan.recipes.length - 1
  const recipe: Ingredient = { of: 'source', source: awaySource, isNamedLate: false }
  return {
    ...plan,
    recipes: plan.recipes.with(last, [recipe]),
    policies: plan.policies.with(last, 'gracious'),
  }
}

/**
 * Nodes are out of reach for longer than a lease and nothing else goes wrong: what they hold is there when they come back, and
 * so are all records that they missed, most of which end the same.
 */
const farAway = {
  faults: ['stop', 'cutBoth'],
  favour: 0.85,
  snapshotAfter: 4096,
  lastsMs: 15_000,
  faultEveryMs: 1200,
} as const satisfies Partial<Plan>

/** By a chance of its own: what came later leaves the rest of a seed as it was. */
function laterOf(seed: number, isLagging: boolean) {
  const chance = new Chance(seed ^ 0x9ea7)
  const isQueued = chance.is(0.25)
  return {
    isQueued,
    // A job is due by the clock of who put it in.
    clocksWithinMs: isQueued ? 1500 : 60_000,
    slowestMs: chance.pick([400, 400, 400, 4000]),
    isAsOf: isLagging && !isQueued && chance.is(0.5),
    favour: 0,
    ...(chance.is(0.12) ? farAway : {}),
  }
}

interface Policing {
  readonly key: number
  readonly lagging: number | undefined
  readonly hasGrace: boolean
}

/** A source that lags is read by a policy that knows it. */
function policyOf(recipe: readonly Ingredient[], { key, lagging, hasGrace }: Policing): PolicyName {
  if (recipe.some((one) => one.of === 'source' && one.source === lagging)) return 'lagging'
  if (key % 3 === 2) return 'strictly'
  return hasGrace ? 'gracious' : 'default'
}

function recipeOf(
  key: number,
  { keys, sources, chance }: { readonly keys: number; readonly sources: number; readonly chance: Chance },
): readonly Ingredient[] {
  const ingredients: Ingredient[] = []
  const isLast = key === keys - 1
  const count = 1 + chance.below(3)
  for (let i = 0; i < count; i++) {
    const isKey = !isLast && chance.is(0.45)
    if (isKey) {
      const inner = key + 1 + chance.below(keys - key - 1)
      ingredients.push({ of: 'key', key: inner, how: chance.is(0.75) ? 'getOrSet' : 'get' })
    } else {
      ingredients.push({ of: 'source', source: chance.below(sources - 1), isNamedLate: chance.is(0.2) })
    }
  }
  if (chance.is(0.3)) ingredients.push({ of: 'hidden', source: sources - 1 })
  return ingredients
}
