/**
 * A hit in memory: `getOrSet` and `peek` beside what one would write by hand, and beside every peer.
 *
 * On Node 20 an AsyncLocalStorage makes every promise of the process dearer, be it ours or not. So it is measured
 * in two processes: `off`, where nothing tracks, and `on`, where a cache with automatic tracking has loaded once.
 *
 *   hoisted   the loader is one function for all calls
 *   inline    the loader is made at each call and closes over the key, as in most programs
 */
import { createCache, type Cache } from 'staleproof'
import { atMost, figureOf, ratioOf, type Report, type Row } from './figures.ts'
import { AsyncMap, CoarseClock, PromiseMap } from './hand-written.ts'
import { hitsOfPeers } from './peers.ts'
import { interleave, type Contender } from './rounds.ts'
import { fail, keyAt, keyCount, load, type User } from './world.ts'

const promiseMap = 'Map + TTL + version, promise kept'
const mapGet = 'Map.get + coarse clock'

/** One loader for all keys: what it gives is not looked at, only hits are timed. */
const hoisted = () => load('user:1')

export async function measureHits(mode: string, rounds: number): Promise<Report> {
  const isOn = mode === 'on'
  const clock = new CoarseClock()
  const caches = { explicit: createCache({ tracking: 'explicit' }), automatic: createCache() }
  const ours = isOn ? [caches.automatic, caches.explicit] : [caches.explicit]
  for (const cache of ours) await fill(cache)
  const contenders = [
    ...handWritten(clock),
    ...(isOn ? [automaticHits(caches.automatic), automaticInline(caches.automatic)] : []),
    explicitHits(caches.explicit),
    explicitInline(caches.explicit),
    ...hitsOfPeers(keyCount * 2),
  ]
  const awaited = await interleave(contenders, { rounds, blockMs: 10 })
  const sync = await interleave(
    [bareMap(clock), isOn ? automaticPeek(caches.automatic) : explicitPeek(caches.explicit)],
    { rounds, blockMs: 5 },
  )
  for (const cache of ours) if (cache.stats().loads !== keyCount) fail('a hit has loaded')
  for (const contender of contenders) await contender.close?.()
  await Promise.all([caches.automatic.close(), caches.explicit.close()])
  clock.close()
  return reportOf(mode, awaited, sync)
}

function reportOf(mode: string, awaited: Map<string, number[]>, sync: Map<string, number[]>): Report {
  const base = awaited.get(promiseMap) as number[]
  const subject = mode === 'on' ? 'staleproof, automatic' : 'staleproof, explicit'
  const ratios = (runs: Map<string, number[]>, to: readonly number[]): Row[] =>
    [...runs].map(([name, values]) => ({
      name,
      figures: { 'a call': figureOf(values, 'ns'), ratio: ratioOf(values, to) },
    }))
  const [own = [], bare = []] = [[...sync.values()][1], sync.get(mapGet)]
  const peers = [...awaited.keys()].slice([...awaited.keys()].indexOf('lru-cache.fetch'))
  const fastest = peers.map((name) =>
    ratioOf(awaited.get(subject) as number[], awaited.get(name) as number[]),
  )
  return {
    tables: [
      { title: `A hit, awaited; tracking ${mode} in this process`, rows: ratios(awaited, base) },
      { title: `A hit, at once; tracking ${mode} in this process`, rows: ratios(sync, bare) },
    ],
    targets: [
      atMost(
        `tracking ${mode}: ${subject} over the hand-written one`,
        ratioOf(awaited.get(subject) as number[], base),
        1.3,
      ),
      atMost(
        `tracking ${mode}: ${subject} over the fastest peer`,
        fastest.reduce((worst, ratio) => (ratio.median > worst.median ? ratio : worst)),
        1,
      ),
      atMost(`tracking ${mode}: peek over ${mapGet}`, ratioOf(own, bare), 2),
    ],
  }
}

async function fill(cache: Cache<'default'>): Promise<void> {
  for (let i = 0; i < keyCount; i++) await cache.getOrSet(keyAt(i), () => load(keyAt(i)))
}

function handWritten(clock: CoarseClock): Contender[] {
  const kept = new PromiseMap<User>(clock)
  const inline = new PromiseMap<User>(clock)
  const written = new AsyncMap<User>()
  return [
    {
      name: promiseMap,
      async run(n) {
        for (let i = 0; i < n; i++) await kept.getOrSet(keyAt(i), hoisted)
      },
    },
    {
      name: `${promiseMap}, inline`,
      async run(n) {
        for (let i = 0; i < n; i++) {
          const key = keyAt(i)
          await inline.getOrSet(key, () => load(key))
        }
      },
    },
    {
      name: 'Map + TTL + version, async function',
      async run(n) {
        for (let i = 0; i < n; i++) await written.getOrSet(keyAt(i), hoisted)
      },
    },
  ]
}

function automaticHits(cache: Cache<'default'>): Contender {
  return {
    name: 'staleproof, automatic',
    async run(n) {
      for (let i = 0; i < n; i++) await cache.getOrSet(keyAt(i), hoisted)
    },
  }
}

function automaticInline(cache: Cache<'default'>): Contender {
  return {
    name: 'staleproof, automatic, inline',
    async run(n) {
      for (let i = 0; i < n; i++) {
        const key = keyAt(i)
        await cache.getOrSet(key, () => load(key))
      }
    },
  }
}

function explicitHits(cache: Cache<'default'>): Contender {
  return {
    name: 'staleproof, explicit',
    async run(n) {
      for (let i = 0; i < n; i++) await cache.getOrSet(keyAt(i), hoisted)
    },
  }
}

function explicitInline(cache: Cache<'default'>): Contender {
  return {
    name: 'staleproof, explicit, inline',
    async run(n) {
      for (let i = 0; i < n; i++) {
        const key = keyAt(i)
        await cache.getOrSet(key, () => load(key))
      }
    },
  }
}

function bareMap(clock: CoarseClock): Contender {
  const map = new Map(
    Array.from({ length: keyCount }, (_, i) => [keyAt(i), { expiresAt: clock.ms + 3_600_000 }]),
  )
  return {
    name: mapGet,
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

function automaticPeek(cache: Cache<'default'>): Contender {
  return {
    name: 'staleproof, automatic: peek',
    run(n) {
      let found = 0
      for (let i = 0; i < n; i++) if (cache.peek(keyAt(i)) !== undefined) found++
      if (found !== n) fail('a key was not there')
    },
  }
}

function explicitPeek(cache: Cache<'default'>): Contender {
  return {
    name: 'staleproof, explicit: peek',
    run(n) {
      let found = 0
      for (let i = 0; i < n; i++) if (cache.peek(keyAt(i)) !== undefined) found++
      if (found !== n) fail('a key was not there')
    },
  }
}
