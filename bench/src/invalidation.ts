/**
 * Invalidation: a name that very many were made from.
 *
 *   lazy        the call only says that the name changed: it should not matter how many depend on it
 *   immediate   every entry is gone, and read back, before the call resolves: it may take its time, but must not
 *               keep the event loop
 *
 * The peers' tags are what comes closest; none of them is read back. A peer marks the tag and judges each entry
 * when it is read (like lazy), or walks over all of them at once.
 */
import { createCache, type InvalidateOptions } from 'staleproof'
import { observe, type Observed } from './blocks.ts'
import { atMost, figureOf, type Report, type Row } from './figures.ts'
import { openBento, openCacheable, openDedupe, openLayeredGroups } from './peers.ts'
import { fail, load, userOf } from './world.ts'

/** Fills with so many dependents of one name. @returns what invalidates that name, and then checks that it did */
type Fill = (dependents: number) => Promise<Filled>

interface Filled {
  invalidate(): Promise<unknown>
  /** Whether one of the dependents would still be served. */
  isServed(): Promise<boolean>
  close(): Promise<unknown> | void
}

const dedupe = 'async-cache-dedupe, reference'
const tag = 'album:1'
const sizes = [1000, 10_000, 100_000]
/** Within it ends what a call leaves to be done behind. */
const afterMs = 300
const lazy = { strategy: 'lazy', consistency: 'eventual' } as const
const keyOf = (i: number) => `photo:${i}`

/** Number of dependents -> what was observed, round by round. */
export type Invalidated = Readonly<Record<number, readonly Observed[]>>

/** One contender, in this process. */
export async function invalidateAll(name: string, rounds: number): Promise<Invalidated> {
  const observed: Record<number, Observed[]> = Object.fromEntries(sizes.map((size) => [size, []]))
  for (let round = 0; round < rounds; round++) {
    for (const size of sizes) {
      // This one takes about ten seconds, each time.
      if (round > 0 && name === dedupe && size > 10_000) continue
      observed[size]?.push(await once(contenders[name] as Fill, size))
    }
  }
  return observed
}

/** @param run has a contender measured in a process of its own */
export async function measureInvalidation(run: (name: string) => Promise<Invalidated>): Promise<Report> {
  const runs = new Map<string, Invalidated>()
  for (const name of Object.keys(contenders)) runs.set(name, await run(name))
  return reportOf(runs)
}

async function once(fill: Fill, size: number): Promise<Observed> {
  const filled = await fill(size)
  // What the filling left behind is not the invalidation's doing.
  globalThis.gc?.()
  await new Promise((resolve) => setTimeout(resolve, 50))
  const observed = await observe(() => filled.invalidate(), afterMs)
  if (await filled.isServed()) fail('what was invalidated is still served')
  await filled.close()
  return observed
}

function reportOf(runs: ReadonlyMap<string, Invalidated>): Report {
  const figure = (name: string, size: number, of: keyof Observed) =>
    figureOf(
      (runs.get(name)?.[size] ?? []).map((observed) => observed[of]),
      'ms',
    )
  const rows = (of: keyof Observed): Row[] =>
    [...runs.keys()].map((name) => ({
      name,
      figures: Object.fromEntries(sizes.map((size) => [size.toLocaleString('en'), figure(name, size, of)])),
    }))
  const lazyRun = 'staleproof, lazy'
  const growth = figure(lazyRun, 100_000, 'totalMs').median / figure(lazyRun, 1000, 'totalMs').median
  return {
    tables: [
      {
        title: 'Invalidating a name with so many dependents: until the call resolves',
        rows: rows('totalMs'),
      },
      { title: 'The longest time that the event loop was kept meanwhile', rows: rows('longestMs') },
    ],
    targets: [
      atMost('lazy: 100,000 dependents over 1,000', figureOf([growth], 'x'), 3),
      atMost('lazy, 100,000 dependents: the call', figure(lazyRun, 100_000, 'totalMs'), 1),
      atMost(
        'lazy, 100,000 declared dependents: the call',
        figure('staleproof, links, lazy', 100_000, 'totalMs'),
        1,
      ),
      ...[...runs.keys()]
        .filter((name) => name.startsWith('staleproof'))
        .map((name) => atMost(`${name}, 100,000: longest block`, figure(name, 100_000, 'longestMs'), 10)),
    ],
  }
}

function tracked(options: InvalidateOptions): Fill {
  return async (dependents) => {
    const cache = createCache({ memory: { maxBytes: '1gb' } })
    for (let i = 0; i < dependents; i++) await cache.getOrSet(keyOf(i), () => userOf(i), { dependsOn: tag })
    return {
      invalidate: () => cache.invalidate(tag, options),
      isServed: async () => (await cache.get(keyOf(dependents - 1))) !== undefined,
      close: () => cache.close(),
    }
  }
}

/** Names that nobody holds, declared to depend on one; the last of them is an entry. */
function linked(options: InvalidateOptions): Fill {
  return async (dependents) => {
    const cache = createCache()
    for (let i = 0; i < dependents; i++) await cache.link(keyOf(i), { dependsOn: tag })
    await cache.set(keyOf(dependents - 1), userOf(1))
    return {
      invalidate: () => cache.invalidate(tag, options),
      isServed: async () => (await cache.get(keyOf(dependents - 1))) !== undefined,
      close: () => cache.close(),
    }
  }
}

/** Entries whose keys begin with the prefix that is invalidated. */
function prefixed(options: InvalidateOptions): Fill {
  return async (dependents) => {
    const cache = createCache({ memory: { maxBytes: '1gb' } })
    for (let i = 0; i < dependents; i++) await cache.getOrSet(keyOf(i), () => userOf(i))
    return {
      invalidate: () => cache.invalidate({ prefix: 'photo:' }, options),
      isServed: async () => (await cache.get(keyOf(dependents - 1))) !== undefined,
      close: () => cache.close(),
    }
  }
}

const cacheableTag: Fill = async (dependents) => {
  const cache = openCacheable(false, true)
  for (let i = 0; i < dependents; i++) await cache.set(keyOf(i), userOf(i), { tags: [tag] })
  return {
    invalidate: () => cache.tags.invalidateTag(tag),
    isServed: async () => (await cache.get(keyOf(0))) !== undefined,
    close: () => cache.disconnect(),
  }
}

const bentoTag: Fill = async (dependents) => {
  const bento = openBento(dependents * 2, false)
  for (let i = 0; i < dependents; i++) await bento.set({ key: keyOf(i), value: userOf(i), tags: [tag] })
  // It compares in whole ms: what was stored in the same ms as the invalidation outlives it.
  await new Promise((resolve) => setTimeout(resolve, 5))
  return {
    invalidate: () => bento.deleteByTag({ tags: [tag] }),
    isServed: async () => (await bento.get({ key: keyOf(0) })) !== undefined,
    close: () => bento.disconnectAll(),
  }
}

const layeredGroup: Fill = async (dependents) => {
  const loader = openLayeredGroups(dependents * 2, { source: load })
  for (let i = 0; i < dependents; i++) await loader.get(keyOf(i), tag)
  return {
    invalidate: () => loader.invalidateCacheForGroup(tag),
    isServed: () => Promise.resolve(loader.getInMemoryOnly(keyOf(0), tag) !== undefined),
    close: () => loader.close(),
  }
}

const dedupeReference: Fill = async (dependents) => {
  const cache = openDedupe(dependents * 2, { source: load, referencesOf: () => [tag] })
  for (let i = 0; i < dependents; i++) await cache.user(keyOf(i))
  return {
    invalidate: () => cache.invalidateAll(tag),
    isServed: () => cache.exists('user', keyOf(0)),
    close: () => undefined,
  }
}

const contenders: Readonly<Record<string, Fill>> = {
  'staleproof, lazy': tracked(lazy),
  'staleproof, immediate': tracked({ strategy: 'immediate', consistency: 'eventual' }),
  'staleproof, immediate, read back': tracked({ strategy: 'immediate', consistency: 'strict' }),
  'staleproof, links, lazy': linked(lazy),
  'staleproof, links, immediate': linked({ strategy: 'immediate', consistency: 'strict' }),
  'staleproof, prefix, lazy': prefixed(lazy),
  'staleproof, prefix, immediate': prefixed({ strategy: 'immediate', consistency: 'strict' }),
  'cacheable, tag': cacheableTag,
  'bentocache, tag': bentoTag,
  'layered-loader, group': layeredGroup,
  [dedupe]: dedupeReference,
}
