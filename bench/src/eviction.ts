/**
 * Eviction: the memory tier with its sieve beside lru-cache: who hits more often, what a call costs, what an entry
 * weighs. The tier is not public: it is taken from what was built, as the graph is.
 *
 * The traces are made, from a seed, of 1,000,000 requests; the first fifth fills the cache and is not counted. A miss
 * puts the key. Sizes are 200 B to 20 kB, log-uniform, the same for a key in every trace.
 */
import { performance } from 'node:perf_hooks'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { LRUCache } from 'lru-cache'
import { atMost, figureOf, ratioOf, type Report, type Row, type Table } from './figures.ts'
import { interleave, processorTimeOf, turn, type Timed } from './rounds.ts'
import { fail, keyAt, keys } from './world.ts'

/** What the tier looks at of an entry. */
interface Item {
  readonly key: string
  readonly sizeBytes: number
}

interface Store {
  get(key: string): Item | undefined
  look(key: string): Item | undefined
  put(item: Item): unknown
}

interface Bounds {
  readonly entriesMax: number
  readonly bytesMax: number
}

interface TierModule {
  readonly MemoryTier: new (options: Bounds & { entryBytesMax: number; onLeave: () => void }) => Store
}

type Open = (bounds: Bounds) => Store

const keyCount = 100_000
const requests = 1_000_000
const ours = 'staleproof'
const lru = 'lru-cache'

export async function measureEviction(rounds: number): Promise<Report> {
  const { MemoryTier } = await builtTier()
  const open: Open = (bounds) =>
    new MemoryTier({ ...bounds, entryBytesMax: bounds.bytesMax, onLeave: () => undefined })
  // First, while there is nothing to collect.
  const heap = await weights(open)
  const speeds = await timed(open, rounds)
  const tables = [ratios(open, 'count'), ratios(open, 'bytes'), ...speeds.tables, sweep(open), heap]
  return { tables, targets: speeds.targets }
}

/** An address and not a name: a name would tie this package to files that the other does not export. */
async function builtTier(): Promise<TierModule> {
  return import(new URL('../../core/dist/tiers/memory.js', import.meta.url).href) as Promise<TierModule>
}

/** Bounded by bytes, by count if there is a bound, and telling who leaves: what the tier has to do. */
function openLru({ entriesMax, bytesMax }: Bounds): LRUCache<string, Item> {
  return new LRUCache<string, Item>({
    ...(Number.isFinite(entriesMax) ? { max: entriesMax } : {}),
    maxSize: bytesMax,
    sizeCalculation: ({ sizeBytes }) => sizeBytes,
    dispose: () => undefined,
  })
}

// The traces

/** mulberry32. @returns numbers in [0, 1), the same for the same seed */
function randomOf(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** @returns ranks from 0, the chance of rank r in proportion to 1 / (r + 1) ** skew */
function zipf(skew: number, seed = 1): () => number {
  const sums = new Float64Array(keyCount)
  let sum = 0
  for (let rank = 0; rank < keyCount; rank++) sums[rank] = sum += (rank + 1) ** -skew
  const random = randomOf(seed)
  return () => {
    const sought = random() * sum
    let [low, high] = [0, keyCount - 1]
    while (low < high) {
      const middle = (low + high) >> 1
      if ((sums[middle] as number) <= sought) low = middle + 1
      else high = middle
    }
    return low
  }
}

/** The number of the key that request `at` asks for. */
type Trace = (at: number) => number

/** 10,000 requests of the skew, then 5,000 keys in a row that nobody has asked for and nobody will. */
function withScans(skew: number): Trace {
  const next = zipf(skew)
  let scanned = keyCount
  return (at) => (at % 15_000 < 10_000 ? next() : scanned++)
}

/** Every `every` requests the ranks move on by `by` keys. */
function shifting(every: number, by: number): Trace {
  const next = zipf(1)
  return (at) => (next() + Math.floor(at / every) * by) % keyCount
}

/** @param size entries that the cache holds, about */
const traces: Readonly<Record<string, (size: number) => Trace>> = {
  'Zipf 0.8': () => zipf(0.8),
  'Zipf 1.0': () => zipf(1),
  'Zipf 1.2': () => zipf(1.2),
  'Zipf 0.8 with scans': () => withScans(0.8),
  'Zipf 1.0 with scans': () => withScans(1),
  'a loop, 1.1 times the cache': (size) => (at) => at % Math.round(size * 1.1),
  'Zipf 1.0, moving by 10 keys every 1,000': () => shifting(1000, 10),
  'Zipf 1.0, moving by 1,000 keys every 20,000': () => shifting(20_000, 1000),
  'Zipf 1.0, all other keys every 100,000': () => shifting(100_000, 37_000),
}

function sizeOf(key: number): number {
  return Math.round(200 * 100 ** randomOf(key)())
}

/** 200 B to 20 kB, log-uniform. */
const sizeBytesMean = 19_800 / Math.log(100)

function ratios(open: Open, by: 'count' | 'bytes'): Table {
  const rows: Row[] = []
  for (const [name, traceOf] of Object.entries(traces)) {
    const figures: Record<string, Row['figures'][string]> = {}
    for (const share of [0.01, 0.1]) {
      const size = share * keyCount
      const bounds =
        by === 'count'
          ? { entriesMax: size, bytesMax: 1e12 }
          : { entriesMax: Infinity, bytesMax: Math.round(size * sizeBytesMean) }
      const cache = openLru(bounds)
      const old: Pick<Store, 'get' | 'put'> = {
        get: (key) => cache.get(key),
        put: (item) => cache.set(item.key, item),
      }
      for (const [who, store] of [[ours, open(bounds)] as const, [lru, old] as const]) {
        figures[`${share * 100} %, ${who}`] = figureOf([hitRatio(store, traceOf(size), by) * 100], '%')
      }
    }
    rows.push({ name, figures })
  }
  return { title: `Hits, cache bounded by ${by}, of 100,000 keys`, rows }
}

function hitRatio(store: Pick<Store, 'get' | 'put'>, trace: Trace, by: 'count' | 'bytes'): number {
  let hits = 0
  for (let at = 0; at < requests; at++) {
    const number = trace(at)
    const key = `k${number}`
    if (store.get(key) === undefined) store.put({ key, sizeBytes: by === 'count' ? 1 : sizeOf(number) })
    else if (at >= requests / 5) hits++
  }
  return hits / (requests * 0.8)
}

// The speeds

type Loop = (operations: number) => number

async function timed(open: Open, rounds: number): Promise<Report> {
  const run = (loops: Record<string, Loop>) =>
    interleave(Object.entries(loops).map(timedLoop), { rounds, blockMs: 10 })
  const gets = await run(getLoops(open))
  const looks = await run(lookLoops(open))
  const puts = await run(putLoops(open))
  const over = (runs: Runs, base: string) => ratioOf(of(runs, ours), of(runs, base))
  return {
    tables: [
      { title: 'get, 10,000 keys, all held', rows: rowsOf(gets, 'Map') },
      { title: 'look, 10,000 keys, all held', rows: rowsOf(looks, 'Map') },
      { title: 'put, 20,000 keys in turn, room for 10,000: each pushes one out', rows: rowsOf(puts, lru) },
    ],
    targets: [
      atMost('get over Map.get', over(gets, 'Map'), 1.3),
      atMost('get over that of lru-cache', over(gets, lru), 1),
      atMost('put over that of lru-cache', over(puts, lru), 1),
    ],
  }
}

type Runs = ReadonlyMap<string, readonly number[]>

function of(runs: Runs, name: string): readonly number[] {
  return runs.get(name) ?? fail(`${name} was not measured`)
}

function rowsOf(runs: Runs, base: string): Row[] {
  return [...runs].map(([name, values]) => ({
    name,
    figures: { 'a call': figureOf(values, 'ns'), ratio: ratioOf(values, of(runs, base)) },
  }))
}

function timedLoop([name, loop]: [string, Loop]): Timed {
  const block = (operations: number) =>
    processorTimeOf(() => {
      if (loop(operations) !== operations * itemBytes) fail('a key was not there')
    })
  return { name, block }
}

const wide: Bounds = { entriesMax: Infinity, bytesMax: 1e12 }
const itemBytes = 300
const items: readonly Item[] = keys.map((key) => ({ key, sizeBytes: itemBytes }))

function opened(open: Open) {
  const [map, cache, tier] = [new Map<string, Item>(), openLru(wide), open(wide)]
  for (const item of items) {
    map.set(item.key, item)
    cache.set(item.key, item)
    tier.put(item)
  }
  return { map, cache, tier }
}

/** The sum of the sizes is what a loop gives: what was found is touched, as by any caller. */
function getLoops(open: Open): Record<string, Loop> {
  const { map, cache, tier } = opened(open)
  return {
    Map: (n) => {
      let bytes = 0
      for (let i = 0; i < n; i++) bytes += map.get(keyAt(i))?.sizeBytes ?? 0
      return bytes
    },
    [lru]: (n) => {
      let bytes = 0
      for (let i = 0; i < n; i++) bytes += cache.get(keyAt(i))?.sizeBytes ?? 0
      return bytes
    },
    [ours]: (n) => {
      let bytes = 0
      for (let i = 0; i < n; i++) bytes += tier.get(keyAt(i))?.sizeBytes ?? 0
      return bytes
    },
  }
}

function lookLoops(open: Open): Record<string, Loop> {
  const { map, cache, tier } = opened(open)
  return {
    Map: (n) => {
      let bytes = 0
      for (let i = 0; i < n; i++) bytes += map.get(keyAt(i))?.sizeBytes ?? 0
      return bytes
    },
    [lru]: (n) => {
      let bytes = 0
      for (let i = 0; i < n; i++) bytes += cache.peek(keyAt(i))?.sizeBytes ?? 0
      return bytes
    },
    [ours]: (n) => {
      let bytes = 0
      for (let i = 0; i < n; i++) bytes += tier.look(keyAt(i))?.sizeBytes ?? 0
      return bytes
    },
  }
}

function putLoops(open: Open): Record<string, Loop> {
  const all = [...items, ...items.map(({ key }) => ({ key: `other ${key}`, sizeBytes: itemBytes }))]
  const tight = { entriesMax: Infinity, bytesMax: items.length * itemBytes }
  const [cache, tier] = [openLru(tight), open(tight)]
  const itemAt = (at: number) => all[at % all.length] as Item
  let [atOfLru, atOfOurs] = [0, 0]
  return {
    [lru]: (n) => {
      for (let i = 0; i < n; i++) cache.set(itemAt(atOfLru).key, itemAt(atOfLru++))
      return n * itemBytes
    },
    [ours]: (n) => {
      for (let i = 0; i < n; i++) tier.put(itemAt(atOfOurs++))
      return n * itemBytes
    },
  }
}

/** The worst put: every entry was used, and the hand goes round once. */
function sweep(open: Open): Table {
  const figures: Record<string, Row['figures'][string]> = {}
  for (const held of [10_000, 100_000, 1_000_000]) {
    const tier = open({ entriesMax: held, bytesMax: 1e12 })
    for (let at = 0; at < held; at++) tier.put({ key: `k${at}`, sizeBytes: itemBytes })
    const runs = Array.from({ length: 9 }, (_, run) => {
      for (let at = 0; at < held; at++) tier.get(`k${at}`)
      for (let at = 0; at < run; at++) tier.get(`more ${at}`)
      const start = performance.now()
      tier.put({ key: `more ${run}`, sizeBytes: itemBytes })
      return performance.now() - start
    })
    figures[`${held.toLocaleString('en')} entries`] = figureOf(runs, 'ms')
  }
  return { title: 'The worst put: all entries were used since the last', rows: [{ name: ours, figures }] }
}

// The weights

/** What the store itself takes: keys and entries are there before, and shared. */
async function weights(open: Open): Promise<Table> {
  const all = Array.from({ length: keyCount }, (_, at) => ({ key: `key ${at}`, sizeBytes: itemBytes }))
  const known = new Set(all.map(({ key }) => key))
  const makers: Record<string, () => unknown> = {
    Map: () => new Map(all.map((item) => [item.key, item])),
    [lru]: () => {
      const cache = openLru(wide)
      for (const item of all) cache.set(item.key, item)
      return cache
    },
    [ours]: () => {
      const tier = open(wide)
      for (const item of all) tier.put(item)
      return tier
    },
  }
  const rows: Row[] = []
  const held: unknown[] = [known]
  for (const [name, make] of Object.entries(makers)) {
    const before = await usedBytes()
    held.push(make())
    const bytes = (await usedBytes()) - before
    rows.push({ name, figures: { 'an entry': figureOf([bytes / keyCount], 'B') } })
  }
  if (held.length !== 1 + rows.length) fail('it was collected')
  return { title: 'Heap of the store itself, 100,000 entries, without keys and values', rows }
}

async function usedBytes(): Promise<number> {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  for (let i = 0; i < 3; i++) {
    await turn()
    collect()
  }
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return heapUsed + arrayBuffers
}
