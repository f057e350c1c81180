/**
 * Runs a recipe as a loader: each step waits for the harness before and after it, so that whatever can come in
 * between does.
 */
import type { Load } from 'staleproof'
import type { Cache } from './library.ts'
import type { LoaderStep, Recipe } from './program.ts'
import type { Pause } from './tier.ts'
import { Ingredients, type Made, type Truth } from './truth.ts'

export interface Loading {
  readonly pause: Pause
  readonly cache: Cache
  readonly truth: Truth
  readonly isAutomatic: boolean
  /** Loaders throw at their end. */
  readonly fail: boolean
  recipeOf(key: string): Recipe
  /** Judges what a loader reads through the cache, like any reader. */
  read(key: string, answer: () => Promise<Made | undefined>): Promise<Made | undefined>
}

/** `getOrSet` of a key with the loader that its recipe describes, from outside or within another loader. */
export function runRecipe(key: string, loading: Loading, within?: Load): Promise<Made> {
  const { policy, steps, isKept } = loading.recipeOf(key)
  const named = (how: string) =>
    steps.flatMap((step) => (step.do === 'source' && step.declared === how ? [step.name] : []))
  const options = { policy, dependsOn: named('dependsOn'), tags: named('tags') }
  const loader = (load: Load) => {
    if (!isKept) load.skipStore()
    return runSteps(steps, load, loading)
  }
  return within === undefined
    ? loading.cache.getOrSet(key, loader, options)
    : within.getOrSet(key, loader, options)
}

async function runSteps(steps: readonly LoaderStep[], load: Load, loading: Loading): Promise<Made> {
  const { pause, truth, cache } = loading
  const parts = new Ingredients(cache.stats().log.n)
  parts.add(load.key, truth.version(load.key))
  for (const step of steps) {
    await pause(`${load.key} before ${JSON.stringify(step)}`)
    if (step.do === 'source') await readSource(step, { load, loading, parts })
    else await readKey(step, { load, loading, parts })
  }
  await pause(`${load.key} ends`)
  if (loading.fail) throw new Error('the loader failed')
  return truth.make(load.key, parts)
}

interface At {
  readonly load: Load
  readonly loading: Loading
  readonly parts: Ingredients
}

async function readSource(step: LoaderStep & { do: 'source' }, { load, loading, parts }: At): Promise<void> {
  const { name, declared } = step
  if (declared === 'before') load.dependsOn(name)
  parts.add(name, loading.truth.version(name))
  if (declared !== 'after') return
  await loading.pause(`${load.key} after reading ${name}`)
  load.dependsOn(name)
}

/** What is not there was read, too: whoever sets that key later changes what was made without it. */
async function readKey(step: LoaderStep & { do: 'read' }, { load, loading, parts }: At): Promise<void> {
  const { key, how, tracked } = step
  const within = tracked === 'load' || !loading.isAutomatic ? load : undefined
  const before = loading.truth.version(key)
  const value = await loading.read(key, () =>
    how === 'getOrSet' ? runRecipe(key, loading, within) : lookUp(step, loading, within),
  )
  if (value === undefined) parts.add(key, before)
  else parts.addAll(value)
}

async function lookUp(
  { key, how }: LoaderStep & { do: 'read' },
  { cache, isAutomatic }: Loading,
  within: Load | undefined,
): Promise<Made | undefined> {
  if (how === 'peek') return (within ?? cache).peek<Made>(key)
  // These are the cache's own, and tracked by context alone.
  if (how === 'entry' && isAutomatic) return (await cache.entry<Made>(key))?.value
  if (how === 'getMany' && isAutomatic) return (await cache.getMany<Made>([key])).get(key)
  return (within ?? cache).get<Made>(key)
}
