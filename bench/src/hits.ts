/**
 * A hit in memory: `getOrSet` and `peek` beside what one would write by hand, and beside every peer.
 *
 * Each contender lives in a process of its own and runs a block of hits when it is told to; the blocks of all take
 * turns. In one process they would share lru-cache, which several of them use, and what V8 learned of it.
 *
 * On Node 20 an AsyncLocalStorage makes every promise of its process dearer, be it ours or not. So all is measured
 * twice: `off`, where nothing tracks, and `on`, where a cache with automatic tracking has loaded once.
 *
 *   hoisted   the loader is one function for all calls (what a row means that says nothing else)
 *   inline    the loader is made at each call and closes over the key, as in most programs
 */
import { createCache } from 'staleproof'
import { atMost, figureOf, ratioOf, type Report, type Row } from './figures.ts'
import { AsyncMap, CoarseClock, PromiseMap } from './hand-written.ts'
import { hitsOfPeers } from './peers.ts'
import { interleave, type Contender, type Timed } from './rounds.ts'
import { fail, keyAt, keyCount, keys, load, type User } from './world.ts'

const byHand = 'Map + TTL + version, promise kept'
const bareGet = 'Map.get + coarse clock'

const awaited: Readonly<Record<string, () => Contender>> = {
  [byHand]: () => promiseHits(),
  [`${byHand}, inline`]: () => promiseInline(),
  'Map + TTL + version, async function': () => asyncHits(),
  'staleproof, automatic': () => ours('automatic'),
  'staleproof, automatic, inline': () => oursInline('automatic'),
  'staleproof, explicit': () => ours('explicit'),
  'staleproof, explicit, inline': () => oursInline('explicit'),
  ...Object.fromEntries(Object.entries(hitsOfPeers).map(([name, open]) => [name, () => open(keyCount * 2)])),
}

const atOnce: Readonly<Record<string, () => Contender>> = {
  [bareGet]: () => bareMap(),
  'staleproof, automatic: peek': () => peeks('automatic'),
  'staleproof, explicit: peek': () => peeks('explicit'),
}

/** One loader for all keys: what it gives is not looked at, only hits are timed. */
const hoisted = () => load('user:1')

/** Opens a contender in this process. */
export async function openHits(name: string, mode: string): Promise<Contender> {
  if (mode === 'on') await createCache().getOrSet('any', () => 1)
  return (awaited[name] ?? atOnce[name] ?? fail(`no contender ${name}`))()
}

/** @param open starts a contender in a process of its own */
export async function measureHits(
  rounds: number,
  open: (name: string, mode: string) => Opened,
): Promise<Report> {
  const reports: Report[] = []
  for (const mode of ['off', 'on']) {
    // Automatic tracking is what turns it on.
    const names = (all: object) =>
      Object.keys(all).filter((name) => mode === 'on' || !name.includes('automatic'))
    const runs = await timed(names(awaited), { mode, rounds, open })
    const sync = await timed(names(atOnce), { mode, rounds, open })
    reports.push(reportOf(mode, runs, sync))
  }
  return {
    tables: reports.flatMap(({ tables }) => tables),
    targets: reports.flatMap(({ targets }) => targets),
  }
}

export interface Opened extends Timed {
  close(): void
}

async function timed(
  names: readonly string[],
  { mode, rounds, open }: { mode: string; rounds: number; open: (name: string, mode: string) => Opened },
): Promise<Map<string, number[]>> {
  const contenders = names.map((name) => open(name, mode))
  const runs = await interleave(contenders, { rounds, blockMs: 10 })
  for (const contender of contenders) contender.close()
  return runs
}

type Runs = ReadonlyMap<string, readonly number[]>

function reportOf(mode: string, runs: Runs, sync: Runs): Report {
  const who = mode === 'on' ? 'staleproof, automatic' : 'staleproof, explicit'
  const own = of(runs, who)
  const fastest = Object.keys(hitsOfPeers).map((name) => ratioOf(own, of(runs, name)))
  const worst = fastest.reduce((so, ratio) => (ratio.median > so.median ? ratio : so))
  return {
    tables: [
      { title: `A hit, awaited; tracking ${mode} in its process`, rows: rowsOf(runs, byHand) },
      { title: `A hit, at once; tracking ${mode} in its process`, rows: rowsOf(sync, bareGet) },
    ],
    targets: [
      atMost(`tracking ${mode}: ${who} over the hand-written one`, ratioOf(own, of(runs, byHand)), 1.3),
      atMost(`tracking ${mode}: ${who} over the fastest peer`, worst, 1),
      atMost(
        `tracking ${mode}: ${who}: peek over ${bareGet}`,
        ratioOf(of(sync, `${who}: peek`), of(sync, bareGet)),
        2,
      ),
    ],
  }
}

function rowsOf(runs: Runs, base: string): Row[] {
  return [...runs].map(([name, values]) => ({
    name,
    figures: { 'a call': figureOf(values, 'ns'), ratio: ratioOf(values, of(runs, base)) },
  }))
}

function of(runs: Runs, name: string): readonly number[] {
  return runs.get(name) ?? fail(`${name} was not measured`)
}

function promiseHits(): Contender {
  const map = new PromiseMap<User>(new CoarseClock())
  return {
    async run(n) {
      for (let i = 0; i < n; i++) await map.getOrSet(keyAt(i), hoisted)
    },
  }
}

function promiseInline(): Contender {
  const map = new PromiseMap<User>(new CoarseClock())
  return {
    async run(n) {
      for (let i = 0; i < n; i++) {
        const key = keyAt(i)
        await map.getOrSet(key, () => load(key))
      }
    },
  }
}

function asyncHits(): Contender {
  const map = new AsyncMap<User>()
  return {
    async run(n) {
      for (let i = 0; i < n; i++) await map.getOrSet(keyAt(i), hoisted)
    },
  }
}

function ours(tracking: 'automatic' | 'explicit'): Contender {
  const cache = createCache({ tracking })
  return {
    async run(n) {
      for (let i = 0; i < n; i++) await cache.getOrSet(keyAt(i), hoisted)
      if (cache.stats().loads > keyCount) fail('a hit has loaded')
    },
  }
}

function oursInline(tracking: 'automatic' | 'explicit'): Contender {
  const cache = createCache({ tracking })
  return {
    async run(n) {
      for (let i = 0; i < n; i++) {
        const key = keyAt(i)
        await cache.getOrSet(key, () => load(key))
      }
      if (cache.stats().loads > keyCount) fail('a hit has loaded')
    },
  }
}

function bareMap(): Contender {
  const clock = new CoarseClock()
  const entries = keys.map((key) => [key, { value: load(key), expiresAt: clock.ms + 3_600_000 }] as const)
  const map = new Map(entries)
  return {
    run(n) {
      let found = 0
      for (let i = 0; i < n; i++) {
        const entry = map.get(keyAt(i))
        if (entry !== undefined && clock.ms < entry.expiresAt) found++
      }
      if (found !== n) fail('a key was not there')
    },
  }
}

function peeks(tracking: 'automatic' | 'explicit'): Contender {
  const cache = createCache({ tracking })
  const filled = Promise.all(keys.map((key) => cache.getOrSet(key, () => load(key))))
  return {
    async run(n) {
      await filled
      let found = 0
      for (let i = 0; i < n; i++) if (cache.peek(keyAt(i)) !== undefined) found++
      if (found !== n) fail('a key was not there')
    },
  }
}
