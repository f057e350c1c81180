import { describe, expect, it } from 'vitest'
import type { Backing, BackingParts } from '../../src/backing/contract.ts'
import { InProcess } from '../../src/cache/in-process.ts'
import type { CacheEvents, CacheOptions } from '../../src/index.ts'
import type { EntryParts } from '../../src/model/entry.ts'
import type { Admit, Hold, SharedTier } from '../../src/tiers/contract.ts'
import { AskedTier } from '../asked-tier.ts'
import { MapTier } from '../map-tier.ts'
import { gate, opened } from '../opened.ts'

class AskedSharedTier extends AskedTier implements SharedTier {
  readonly isShared = false

  async settle(entry: EntryParts, admit: Admit): Promise<EntryParts | undefined> {
    this.asked.push(`settle ${entry.key}`)
    if (this.failure !== undefined) throw this.failure
    const kept = admit(alone)
    if (kept !== undefined) this.entries.set(kept.key, kept)
    return kept
  }

  async ended(): Promise<void> {}
}

const alone: Hold = {
  isCurrent: true,
  headOf: () => undefined,
  endedAt: () => 0,
  dependentsOf: () => [],
  announce: () => 0,
}

const once = { strict: { retries: 0 } }
/** Of the first pause, 10 s, a quarter is taken off by a `random` of 0.5. */
const pauseMs = 7500

/** With a tier that failed five times. */
async function failing(options: CacheOptions = {}) {
  const lower = new AskedTier()
  const changes: string[] = []
  const { cache, clock, take } = opened({ tiers: [lower], consistency: once, ...options })
  cache.on('tier', ({ tier, status, error }) => changes.push([tier, status, messageOf(error)].join(' ')))
  const fail = async () => {
    lower.failure = new Error('disk is gone')
    for (let reads = 0; reads < 5; reads++) await cache.get(`read ${reads}`)
    take()
    lower.take()
  }
  return { cache, clock, take, lower, changes, fail }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

describe('a tier that fails', () => {
  it('is not asked any more after five failures in a row, which is told once', async () => {
    const { cache, lower, take, changes } = await failing()
    lower.failure = new Error('disk is gone')
    for (let reads = 0; reads < 4; reads++) await cache.get('a')
    lower.failure = undefined
    await cache.get('a')
    lower.failure = new Error('disk is gone')
    for (let reads = 0; reads < 4; reads++) await cache.get('a')
    expect(changes).toEqual([])
    expect(cache.stats().tiers).toEqual({ lower: { status: 'ok', error: null, owed: 0 } })
    take()
    await cache.get('a')
    expect(take()).toEqual(["error  get 'a' from lower", 'miss a'])
    expect(changes).toEqual(['lower failing disk is gone'])
    lower.take()
    expect(await cache.getOrSet('b', () => 1)).toBe(1)
    expect(cache.peek('b')).toBe(1)
    expect(await cache.get('a')).toBeUndefined()
    expect([lower.take(), take()]).toEqual([[], ['miss b', 'load b stored', 'hit b', 'miss a']])
    expect(cache.stats().tiers).toEqual({ lower: { status: 'failing', error: 'disk is gone', owed: 0 } })
  })

  it('is tried by one call after a pause; the others pass by until that is answered', async () => {
    const { cache, clock, lower, take, changes, fail } = await failing()
    await fail()
    await clock.advance(pauseMs - 1)
    await cache.get('a')
    expect(lower.take()).toEqual([])
    lower.failure = undefined
    lower.gate = gate()
    await clock.advance(1)
    const trial = cache.get('a')
    expect(await cache.get('b')).toBeUndefined()
    expect(lower.take()).toEqual(['get a'])
    expect(changes).toEqual(['lower failing disk is gone'])
    lower.gate.open()
    await trial
    expect(changes).toEqual(['lower failing disk is gone', 'lower ok null'])
    await cache.get('b')
    expect(lower.take()).toEqual(['get b'])
    expect(take()).toEqual(['miss a', 'miss b', 'miss a', 'miss b'])
    expect(cache.stats().tiers['lower']).toEqual({ status: 'ok', error: null, owed: 0 })
  })

  it('is left alone twice as long after each trial in vain, up to two minutes, and nobody is told', async () => {
    const { cache, clock, lower, take, changes, fail } = await failing()
    await fail()
    const pauses: number[] = []
    for (let trial = 0; trial < 6; trial++) {
      let seconds = 0
      for (; lower.take().length === 0; seconds += 0.5) {
        await clock.advance(500)
        await cache.get('a')
      }
      pauses.push(seconds)
    }
    expect(pauses).toEqual([7.5, 15, 30, 60, 90, 90])
    expect(take().filter((line) => line.startsWith('error'))).toHaveLength(6)
    expect(changes).toEqual(['lower failing disk is gone'])
  })

  it('is not left alone longer because somebody sets the wall clock back', async () => {
    const { cache, clock, lower, changes, fail } = await failing()
    await fail()
    lower.failure = undefined
    clock.step(-86_400_000)
    await clock.advance(pauseMs)
    await cache.get('a')
    expect(changes.at(-1)).toBe('lower ok null')
  })

  it('refuses at once what has to be known, with the reason and the time of the next trial', async () => {
    const { cache, lower, fail } = await failing()
    await fail()
    const message =
      "tier 'lower' failed again and again and is not asked now (disk is gone); " +
      'it is tried again at 2026-01-01T00:00:07.500Z, by itself'
    await expect(cache.link('page', { dependsOn: 'row' })).rejects.toMatchObject({
      code: 'E_TIERS_UNREACHABLE',
      cause: { code: 'E_RECOVERY_TIER_FAILING', message, details: { tier: 'lower' } },
    })
    await expect(cache.plan({ prefix: 'a' })).rejects.toMatchObject({ code: 'E_TIERS_UNREACHABLE' })
    expect(lower.take()).toEqual([])
  })

  it('is read all the same if it only takes nothing in any more', async () => {
    const { cache, lower, changes } = await holding()
    lower.putFailure = new Error('disk is full')
    await Promise.all(Array.from({ length: 10 }, (_, i) => cache.set(`key ${i}`, i)))
    expect(changes).toEqual([])
    expect(await cache.get('a')).toBe(1)
  })

  it('is tried by a value to be stored, too', async () => {
    const { cache, clock, lower, changes, fail } = await failing()
    await fail()
    await clock.advance(pauseMs)
    await cache.set('a', 1)
    await clock.advance(2 * pauseMs)
    lower.failure = undefined
    lower.take()
    await cache.set('a', 2)
    await clock.settle()
    expect([lower.take(), changes.at(-1)]).toEqual([['put a'], 'lower ok null'])
  })

  it('leaves the others at work', async () => {
    const other = new MapTier('other')
    const lower = new AskedTier()
    const { cache, take } = opened({ tiers: [lower, other], memory: false })
    lower.failure = new Error('disk is gone')
    for (let reads = 0; reads < 5; reads++) await cache.get('a')
    await cache.getOrSet('a', () => 1)
    take()
    expect(await cache.getOrSet('a', () => 2)).toBe(1)
    expect(take()).toEqual(['hit a'])
  })
})

/** With an entry `a`, made from `row`, that only the tier holds. */
async function holding(options: CacheOptions = {}) {
  const parts = await failing({ memory: { maxEntries: 1 }, ...options })
  const { cache, lower } = parts
  const replayed: CacheEvents['replayed'][] = []
  cache.on('replayed', (event) => replayed.push(event))
  await cache.set('a', 1, { dependsOn: 'row' })
  await cache.set('b', 2)
  lower.take()
  return { ...parts, replayed }
}

function outcomeOf(invalidating: Promise<unknown>): Promise<unknown> {
  return invalidating.catch((error: unknown) => error)
}

function incomplete(error: unknown) {
  const lower = { status: 'failed', error, verified: false }
  return {
    code: 'E_INVALIDATION_INCOMPLETE',
    details: { result: { status: 'failed', tiers: { memory: { status: 'purged' }, lower } } },
  }
}

describe('an invalidation while a tier fails', () => {
  it('says so, and is carried out there before the tier answers anything else', async () => {
    const { cache, lower, replayed } = await holding()
    lower.failure = new Error('disk is gone')
    expect(await outcomeOf(cache.invalidate('row'))).toMatchObject(incomplete('disk is gone'))
    expect(cache.stats().tiers['lower']).toEqual({ status: 'ok', error: null, owed: 1 })
    expect([lower.entries.has('a'), replayed]).toEqual([true, []])
    lower.failure = undefined
    lower.take()
    expect(await cache.get('c')).toBeUndefined()
    expect(lower.take()).toEqual(['dependents row', 'held row a', 'delete a', 'get c'])
    expect([lower.entries.has('a'), lower.entries.has('b')]).toEqual([false, true])
    expect(replayed).toEqual([{ tier: 'lower', owed: 1, purged: 1 }])
    expect(cache.stats().tiers['lower']).toEqual({ status: 'ok', error: null, owed: 0 })
    const [record] = (await cache.invalidations.list()).records
    expect(record).toMatchObject({ status: 'failed' })
    expect(await cache.invalidations.retry(record?.id ?? '')).toMatchObject({ status: 'completed' })
  })

  it('is refused while the tier is not asked, and is the first that it is asked then', async () => {
    const { cache, clock, lower, replayed, changes, fail } = await holding()
    await fail()
    const refusal = expect.stringMatching(/not asked now \(disk is gone\)/)
    expect(await outcomeOf(cache.invalidate('row'))).toMatchObject(incomplete(refusal))
    expect(lower.take()).toEqual([])
    expect(cache.stats().tiers['lower']).toEqual({ status: 'failing', error: 'disk is gone', owed: 1 })
    await clock.advance(pauseMs)
    lower.failure = undefined
    await Promise.all([cache.get('c'), cache.get('d')])
    expect(lower.take()).toEqual(['dependents row', 'held row a', 'delete a', 'get c'])
    expect(replayed).toHaveLength(1)
    expect(changes.at(-1)).toBe('lower ok null')
  })

  it('is owed until all of it was deleted; a tier that fails at that serves nothing', async () => {
    const { cache, clock, lower, replayed, fail } = await holding()
    await fail()
    await outcomeOf(cache.invalidate('row'))
    await clock.advance(pauseMs)
    await cache.get('b')
    expect(await cache.get('a')).toBeUndefined()
    expect(lower.take()).toEqual(['dependents row'])
    expect(cache.stats().tiers['lower']).toMatchObject({ status: 'failing', owed: 1 })
    expect(replayed).toEqual([])
  })

  it('keeps reads that come at once waiting for one replay', async () => {
    const { cache, lower, replayed } = await holding()
    lower.failure = new Error('disk is gone')
    await outcomeOf(cache.invalidate('row'))
    lower.failure = undefined
    lower.take()
    await Promise.all(['b', 'c', 'd'].map((key) => cache.get(key)))
    expect(lower.take()).toEqual(['dependents row', 'held row a', 'delete a', 'get c', 'get d'])
    expect(replayed).toHaveLength(1)
  })

  it('removes nothing that is stored after it', async () => {
    const { cache, clock, lower } = await holding()
    lower.failure = new Error('disk is gone')
    await outcomeOf(cache.invalidate('a'))
    lower.failure = undefined
    await cache.set('a', 3, { dependsOn: 'row' })
    await clock.settle()
    expect(lower.entries.get('a')).toMatchObject({ value: 3 })
  })

  it.each([
    [{ prefix: 'a' }, ['withPrefix a', 'held a', 'delete a', 'get c'], ['b']],
    [{ all: true } as const, ['withPrefix ', 'held a b', 'delete a b', 'get c'], []],
  ])('is replayed of %j', async (target, asked, left) => {
    const { cache, lower } = await holding()
    lower.failure = new Error('disk is gone')
    await outcomeOf(cache.invalidate(target))
    lower.failure = undefined
    lower.take()
    await cache.get('c')
    expect(lower.take()).toEqual(asked)
    expect([...lower.entries.keys()]).toEqual(left)
  })

  it('of more names than can be kept in mind is of everything', async () => {
    const { cache, lower, replayed } = await holding()
    lower.failure = new Error('disk is gone')
    const names = Array.from({ length: 100_000 }, (_, i) => `name ${i}`)
    await outcomeOf(cache.invalidate([...names, 'row']))
    expect(cache.stats().tiers['lower']).toMatchObject({ owed: 'everything' })
    lower.failure = undefined
    lower.take()
    expect(await cache.get('c')).toBeUndefined()
    expect(lower.take()).toEqual(['withPrefix ', 'held a b', 'delete a', 'get c'])
    expect(replayed).toEqual([{ tier: 'lower', owed: 'everything', purged: 1 }])
    expect(lower.entries.has('b')).toBe(true)
  })

  it('is owed too by a tier that could not delete what a read found invalid', async () => {
    const { cache, clock, lower, take } = await holding()
    await cache.invalidate('row', { strategy: 'lazy' })
    lower.deleteFailure = new Error('disk is read-only')
    take()
    expect(await cache.get('a')).toBeUndefined()
    await clock.settle()
    expect(take()).toEqual(['miss a', "error  delete 'a' from lower"])
    expect([lower.entries.has('a'), cache.stats().tiers['lower']?.owed]).toEqual([true, 1])
    lower.deleteFailure = undefined
    await cache.get('c')
    expect(lower.entries.has('a')).toBe(false)
  })

  it('leaves what others stored meanwhile', async () => {
    const { cache, lower } = await holding()
    lower.failure = new Error('disk is gone')
    await outcomeOf(cache.invalidate('row'))
    const old = lower.entries.get('a')
    const { n } = cache.stats().log
    if (old !== undefined) lower.entries.set('other', { ...old, key: 'other', stamp: n, keyStamp: n })
    lower.failure = undefined
    expect(await cache.get('other')).toBe(1)
    expect([...lower.entries.keys()]).toEqual(['b', 'other'])
  })

  it('removes what an earlier process left, too', async () => {
    const { cache, lower } = await holding()
    const old = lower.entries.get('a')
    if (old !== undefined)
      lower.entries.set('a', { ...old, generation: 'earlier', stamp: 1000, keyStamp: 1000 })
    lower.failure = new Error('disk is gone')
    await outcomeOf(cache.invalidate('row'))
    lower.failure = undefined
    await cache.get('c')
    expect([...lower.entries.keys()]).toEqual(['b'])
  })

  it('is carried out though nobody reads', async () => {
    const { cache, clock, lower, take, fail } = await holding()
    await fail()
    await outcomeOf(cache.invalidate('row'))
    await clock.advance(20_000)
    expect([lower.entries.has('a'), take()]).toEqual([true, []])
    lower.failure = undefined
    await clock.advance(20_000)
    expect([lower.entries.has('a'), take()]).toEqual([false, []])
    expect(cache.stats().tiers['lower']).toEqual({ status: 'ok', error: null, owed: 0 })
  })

  it('is tried once more when the cache is closed, and told of if that is in vain', async () => {
    const well = await holding()
    well.lower.failure = new Error('disk is gone')
    await outcomeOf(well.cache.invalidate('row'))
    well.lower.failure = undefined
    await well.cache.close()
    expect([well.lower.entries.has('a'), well.lower.closed]).toEqual([false, true])
    const ill = await holding()
    await ill.fail()
    await outcomeOf(ill.cache.invalidate('row'))
    ill.take()
    await ill.cache.close()
    expect(ill.take().filter((line) => line.startsWith('error'))).toEqual([
      'error  delete what was invalidated from lower',
    ])
    expect(ill.lower.closed).toBe(true)
  })
})

describe('a tier that processes share', () => {
  function sharing() {
    const shared = new AskedSharedTier('shared')
    const open = (parts: BackingParts): Backing => {
      const { log, queue, history } = new InProcess(parts)
      return { log, queue, history, shared, turns: undefined, state: undefined, close: () => log.close() }
    }
    return { shared, ...opened({ disk: { kind: 'disk', open }, consistency: once }) }
  }

  it('is passed by like any other: what is loaded meanwhile is in memory alone', async () => {
    const { cache, clock, shared, take } = sharing()
    await cache.set('a', 1, { dependsOn: 'row' })
    await clock.settle()
    expect(shared.entries.has('a')).toBe(true)
    shared.failure = new Error('disk is full')
    for (let reads = 0; reads < 5; reads++) await cache.get('c')
    const invalidated = await outcomeOf(cache.invalidate('row'))
    expect(invalidated).toMatchObject({ details: { result: { tiers: { shared: { status: 'failed' } } } } })
    take()
    shared.take()
    expect(await cache.getOrSet('d', () => 4)).toBe(4)
    await clock.settle()
    expect([shared.take(), take()]).toEqual([[], ['miss d', 'load d stored']])
    expect([await cache.get('d'), cache.stats().tiers['shared']?.owed]).toEqual([4, 2])
    shared.failure = undefined
    await clock.advance(pauseMs)
    await cache.getOrSet('e', () => 5)
    await clock.settle()
    expect(shared.take()).toEqual(['dependents row a', 'held row a', 'delete a', 'get e', 'settle e'])
    expect([...shared.entries.keys()]).toEqual(['e'])
  })
})
