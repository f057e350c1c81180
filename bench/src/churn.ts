/**
 * Churn: reads under 1,000 invalidations a second, for different values of `dropAtOnce` in
 * core/src/cache/held.ts: up to how many entries an invalidation drops in its own tick. Beyond it, every entry is
 * judged again at its next hit.
 *
 * The constant is no option of the cache: the built library is copied, once for each value, with the constant
 * replaced. All copies run in turns in one process, each over 10,000 entries that are made from one name each;
 * `dependents` is how many are made from the same.
 */
import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { performance } from 'node:perf_hooks'
import { fileURLToPath } from 'node:url'
import type { Cache, createCache } from 'staleproof'
import { figureOf, type Report, type Row } from './figures.ts'
import { turn } from './rounds.ts'
import { fail, keyAt, keyCount, userOf } from './world.ts'

const bounds = [0, 10, 100, 1000, 3000, 10_000]
const fanOuts = [0, 1, 10, 100, 1000, 2500]
const blockMs = 120
/** Reads between two looks at the clock. */
const stride = 16

interface Library {
  readonly createCache: typeof createCache
}

interface Counted {
  readonly readsPerSecond: number
  readonly loadShare: number
  /** ms, the longest time between two looks at the clock: an invalidation and a few reads. */
  readonly longestMs: number
}

export async function measureChurn(rounds: number): Promise<Report> {
  const libraries: [number, Library][] = []
  for (const bound of bounds) libraries.push([bound, await variant(bound)])
  const runs = new Map<string, Counted[]>()
  for (let round = 0; round < rounds; round++) {
    for (const fanOut of fanOuts) {
      for (const [bound, library] of round % 2 === 0 ? libraries : libraries.toReversed()) {
        const counted = await churn(library, fanOut)
        const id = `${bound} ${fanOut}`
        runs.set(id, [...(runs.get(id) ?? []), counted])
      }
    }
  }
  const table = (title: string, unit: string, of: (counted: Counted) => number) => ({
    title,
    rows: bounds.map((bound) =>
      rowOf(bound, (fanOut) => figureOf((runs.get(`${bound} ${fanOut}`) ?? []).map(of), unit)),
    ),
  })
  return {
    tables: [
      table(
        'Reads under 1,000 invalidations a second, loads included',
        'k/s',
        ({ readsPerSecond }) => readsPerSecond / 1000,
      ),
      table('Share of the reads that loaded', '%', ({ loadShare }) => loadShare * 100),
      table('The longest invalidation', 'ms', ({ longestMs }) => longestMs),
    ],
    targets: [],
  }
}

function rowOf(bound: number, of: (fanOut: number) => Row['figures'][string]): Row {
  return {
    name: `dropAtOnce ${bound.toLocaleString('en')}`,
    figures: Object.fromEntries(fanOuts.map((fanOut) => [`${fanOut} dependents`, of(fanOut)])),
  }
}

/** The library with another bound. */
async function variant(bound: number): Promise<Library> {
  const folder = fileURLToPath(
    new URL(`../../node_modules/.cache/staleproof/bound-${bound}/`, import.meta.url),
  )
  rmSync(folder, { recursive: true, force: true })
  cpSync(fileURLToPath(new URL('../../core/dist', import.meta.url)), folder, { recursive: true })
  // Its modules are ES modules here too.
  writeFileSync(`${folder}package.json`, '{ "type": "module" }\n')
  const file = `${folder}cache/held.js`
  const text = readFileSync(file, 'utf8')
  if (text.match(/^const dropAtOnce = [\d_]+;$/gm)?.length !== 1) fail('held.js has no constant dropAtOnce')
  writeFileSync(file, text.replace(/^const dropAtOnce = [\d_]+;$/m, `const dropAtOnce = ${bound};`))
  return (await import(`${folder}index.js`)) as Library
}

async function churn(library: Library, fanOut: number): Promise<Counted> {
  const cache = library.createCache({ tracking: 'explicit', strategies: { lazy: { sweepEvery: '1h' } } })
  const read = (i: number) => cache.getOrSet(keyAt(i), () => userOf(i), { dependsOn: nameOf(i, fanOut) })
  for (let i = 0; i < keyCount; i++) await read(i)
  await spin(cache, { read, fanOut, ms: blockMs / 3 })
  const counted = await spin(cache, { read, fanOut, ms: blockMs })
  await cache.close()
  return counted
}

interface Spin {
  readonly read: (i: number) => Promise<unknown>
  fanOut: number
  ms: number
}

/** Reads in a scattered order as fast as it can, and invalidates one name every ms. */
async function spin(cache: Cache, { read, fanOut, ms }: Spin): Promise<Counted> {
  const lazy = { strategy: 'lazy', consistency: 'eventual' } as const
  const loadsBefore = cache.stats().loads
  const start = performance.now()
  let [reads, invalidations, longestMs, last] = [0, 0, 0, start]
  for (let now = start; now - start < ms; now = performance.now()) {
    if (now - start >= invalidations) {
      await cache.invalidate(nameAt(invalidations, fanOut), lazy)
      invalidations++
      longestMs = Math.max(longestMs, performance.now() - now)
      // A program answers requests in between: timers run.
      if (invalidations % 4 === 0) await turn()
    }
    for (let i = 0; i < stride; i++) await read(reads++ * 7)
    last = now
  }
  const seconds = (last - start) / 1000
  return {
    readsPerSecond: reads / seconds,
    loadShare: (cache.stats().loads - loadsBefore) / reads,
    longestMs,
  }
}

/** What entry `i` is made from. With no dependents at all, other names are invalidated than those. */
function nameOf(i: number, fanOut: number): string {
  return `album:${Math.floor((i % keyCount) / Math.max(1, fanOut))}`
}

function nameAt(invalidation: number, fanOut: number): string {
  return fanOut === 0 ? `nothing:${invalidation % keyCount}` : nameOf(invalidation * 3001 * fanOut, fanOut)
}
