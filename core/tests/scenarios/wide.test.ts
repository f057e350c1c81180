/**
 * Records that reach very many names through links and rules: wide ones.
 *
 * Invariants: nobody sees whether a wide record is written down already: what it reached is never served, be it read
 * before, while or after that, and whatever is linked or unlinked meanwhile; what it did not reach stays, unless a rule
 * speaks of it; no turn of the event loop is long.
 */
import { afterEach, describe, expect, it } from 'vitest'
import { disk } from '../../src/disk.ts'
import { TestClock } from '../clock.ts'
import { directory } from '../directories.ts'
import { gate, opened } from '../opened.ts'

/** Work in slices goes on when the test lets it. */
class PausedClock extends TestClock {
  readonly #gate = gate()

  override turn(): Promise<void> {
    this.turns++
    return this.#gate.passed
  }

  goOn(): Promise<void> {
    this.#gate.open()
    return this.settle()
  }
}

/** Whoever is first to ask has his turn when the test lets him, all others at once. */
class LateClock extends TestClock {
  isFirst = false
  readonly #gate = gate()

  override async turn(): Promise<void> {
    this.turns++
    const isFirst = this.isFirst
    this.isFirst = false
    await (isFirst ? this.#gate.passed : new Promise((resolve) => setImmediate(resolve)))
  }

  goOn(): void {
    this.#gate.open()
  }
}

const crowd = 1100

/** `crowd:0` to `crowd:1099` depend on `hub`, `end` on one of them; all are held. `apart` depends on nothing of it. */
async function openCrowd(clock: TestClock = new PausedClock()) {
  const { cache } = opened({ clock, policies: { lasting: { ttl: '1h', grace: '1h' } } })
  for (let i = 0; i < crowd; i++) await cache.link(`crowd:${i}`, { dependsOn: 'hub' })
  await cache.link('end', { dependsOn: 'crowd:700' })
  await cache.link('apart', { dependsOn: 'elsewhere' })
  for (const key of ['crowd:0', 'crowd:700', 'crowd:1099', 'end', 'apart', 'free']) {
    await cache.getOrSet(key, () => 'old', { policy: 'lasting' })
  }
  await cache.getOrSet('reader', () => 'old', { dependsOn: 'end' })
  return { cache, clock: clock as PausedClock }
}

const reached = ['crowd:0', 'crowd:700', 'crowd:1099', 'end', 'reader']
const others = ['apart', 'free']
const none = (keys: readonly string[]) => keys.map(() => undefined)

describe('a wide record', () => {
  it('ends what it reaches, and nothing else, before it is written down', async () => {
    const { cache, clock } = await openCrowd()
    await cache.invalidate('hub', { strategy: 'lazy' })
    expect(reached.map((key) => cache.peek(key))).toEqual(none(reached))
    expect(others.map((key) => cache.peek(key))).toEqual(['old', 'old'])
    await cache.getOrSet('end', () => 'new')
    await clock.goOn()
    expect([cache.peek('end'), cache.peek('apart')]).toEqual(['new', 'old'])
  })

  it('may be of a prefix, or of everything', async () => {
    for (const target of [{ prefix: 'hu' }, { all: true } as const]) {
      const { cache, clock } = await openCrowd()
      const lost = 'all' in target ? [...reached, ...others] : reached
      await cache.invalidate(target, { strategy: 'lazy' })
      expect(lost.map((key) => cache.peek(key))).toEqual(none(lost))
      await cache.getOrSet('end', () => 'new')
      await clock.goOn()
      expect(cache.peek('end')).toBe('new')
      expect(lost.slice(0, 3).map((key) => cache.peek(key))).toEqual(none(lost.slice(0, 3)))
    }
  })

  it('ends the same after it is written down', async () => {
    const { cache, clock } = await openCrowd()
    await cache.invalidate('hub', { strategy: 'lazy' })
    await clock.goOn()
    expect(reached.map((key) => cache.peek(key))).toEqual(none(reached))
    expect(others.map((key) => cache.peek(key))).toEqual(['old', 'old'])
  })

  it('keeps no load that read what it reaches, and lets nobody join it', async () => {
    const { cache } = await openCrowd()
    const finish = gate<string>()
    const before = cache.getOrSet('load', () => finish.passed, { dependsOn: 'end' })
    await Promise.resolve()
    await cache.invalidate('hub', { strategy: 'lazy' })
    const after = cache.getOrSet('load', () => 'new', { dependsOn: 'end' })
    finish.open('old')
    expect([await before, await after, cache.peek('load')]).toEqual(['old', 'new', 'new'])
  })

  it('is what explains the end of what it reached', async () => {
    const { cache, clock } = await openCrowd()
    const { id } = await cache.invalidate('hub', { strategy: 'lazy' })
    const lastOf = async (key: string) => (await cache.explain(key)).dependencies[0]?.lastInvalidation?.id
    expect([await lastOf('end'), await lastOf('apart')]).toEqual([id, undefined])
    expect((await cache.explain('end')).state).toBe('invalidated')
    await clock.goOn()
    expect([await lastOf('end'), await lastOf('apart')]).toEqual([id, undefined])
  })

  it('makes stale what is linked to what it reached', async () => {
    const { cache, clock } = await openCrowd()
    await cache.invalidate('hub', { strategy: 'lazy' })
    await cache.link('free', { dependsOn: 'end' })
    await cache.link('apart', { dependsOn: 'free:other' })
    expect([cache.peek('free'), cache.peek('apart')]).toEqual([undefined, 'old'])
    await clock.goOn()
    expect(cache.peek('apart')).toBe('old')
  })

  it('goes round a circle once', async () => {
    const { cache, clock } = await openCrowd()
    await cache.link('hub', { dependsOn: 'end' })
    await cache.set('hub', 'old')
    await cache.set('free', 'old', { dependsOn: 'hub' })
    await cache.invalidate('crowd:3', { strategy: 'lazy' })
    expect([cache.peek('free'), cache.peek('hub')]).toEqual(['old', 'old'])
    await cache.invalidate('crowd:700', { strategy: 'lazy' })
    expect([cache.peek('free'), cache.peek('hub')]).toEqual([undefined, undefined])
    await clock.goOn()
    await cache.set('free', 'new', { dependsOn: 'hub' })
    expect(cache.peek('free')).toBe('new')
  })

  it('reaches what rules make of what it reaches', async () => {
    const { cache, clock } = await openCrowd()
    await cache.rule('thumb:{i}', { dependsOn: 'crowd:{i}' })
    await cache.set('thumb:9', 'old')
    await cache.set('page', 'old', { dependsOn: 'thumb:9' })
    await cache.invalidate('hub', { strategy: 'lazy' })
    expect(cache.peek('page')).toBeUndefined()
    await clock.goOn()
    expect(cache.peek('thumb:9')).toBeUndefined()
  })

  it('spares what a rule speaks of and was not reached, once it is written down', async () => {
    const { cache, clock } = await openCrowd()
    await cache.rule('thumb:{i}', { dependsOn: 'photo:{i}' })
    await cache.set('thumb:9', 'old')
    await cache.invalidate('hub', { strategy: 'lazy' })
    await clock.advance(10 * 60_000) // it was time for a sweep
    await clock.goOn()
    expect(cache.peek('thumb:9')).toBe('old')
    await cache.invalidate('hub', { strategy: 'lazy' })
    await clock.settle()
    expect(cache.peek('thumb:9')).toBe('old')
  })

  it('of a change of a key leaves its own new value', async () => {
    const { cache, clock } = await openCrowd()
    await cache.set('hub', 'new')
    expect([cache.peek('hub'), cache.peek('end')]).toEqual(['new', undefined])
    await clock.goOn()
    expect([cache.peek('hub'), cache.peek('end')]).toEqual(['new', undefined])
  })
})

describe('what is declared goes', () => {
  it('when wide records are written, so that what they reached stays stale', async () => {
    const { cache, clock } = await openCrowd()
    await cache.rule('thumb:{i}', { dependsOn: 'crowd:{i}' })
    await cache.set('thumb:9', 'old')
    await cache.invalidate('hub', { strategy: 'lazy' })
    const gone = Promise.all([cache.unlink('end'), cache.unrule('thumb:{i}')])
    await clock.settle()
    const { declared } = cache.stats().graph
    expect([declared, cache.stats().graph.rules]).toEqual([crowd + 2, 1])
    await clock.goOn()
    await gone
    expect([cache.stats().graph.declared, cache.stats().graph.rules]).toEqual([crowd + 1, 0])
    expect(['end', 'thumb:9'].map((key) => cache.peek(key))).toEqual([undefined, undefined])
  })

  it('however often such records come', async () => {
    class BusyClock extends TestClock {
      work = () => {}
      override turn(): Promise<void> {
        this.work()
        return super.turn()
      }
    }
    const clock = new BusyClock()
    const { cache } = await openCrowd(clock)
    for (let i = 0; i < crowd; i++) await cache.link(`crowd:${i}`, { dependsOn: 'other hub' })
    let count = 0
    clock.work = () => void cache.invalidate(count++ % 2 === 0 ? 'hub' : 'other hub', { strategy: 'lazy' })
    clock.work()
    await cache.unlink('end')
    clock.work = () => {}
    expect([count > 1, cache.stats().graph.declared]).toEqual([true, 2 * crowd + 1])
  })

  it('at the same time as one comes, in whatever order', async () => {
    const firsts = new Set<boolean>()
    for (let ticks = 0; ticks < 12; ticks++) {
      const { cache, clock } = await openCrowd()
      const { n } = cache.stats().log
      const gone = cache.unlink('end')
      for (let tick = 0; tick < ticks; tick++) await Promise.resolve()
      const { position } = await cache.invalidate('hub', { strategy: 'lazy' })
      await clock.goOn()
      await gone
      const isFirst = position?.n === n + 1
      expect([ticks, cache.peek('end')]).toEqual([ticks, isFirst ? undefined : 'old'])
      firsts.add(isFirst)
    }
    expect(firsts.size).toBe(2)
  })
})

describe('a wide soft record', () => {
  it('lets be served what is stale until its bound is over, written down or not', async () => {
    for (const isWritten of [false, true]) {
      const { cache, clock } = await openCrowd()
      await cache.invalidate('hub', { strategy: 'lazy', mode: 'soft', consistency: 'eventual' })
      if (isWritten) await clock.goOn()
      expect((await cache.entry('end'))?.state).toBe('stale')
      expect((await cache.entry('apart'))?.state).toBe('fresh')
      await clock.advance(5001)
      expect([await cache.entry('end'), await cache.entry('crowd:0')]).toEqual([undefined, undefined])
    }
  })

  it('gains no time by a later one', async () => {
    const { cache, clock } = await openCrowd()
    await cache.invalidate('elsewhere', { strategy: 'lazy' })
    await cache.invalidate('hub', { strategy: 'lazy', mode: 'soft', consistency: 'eventual' })
    await cache.invalidate('hub', { strategy: 'lazy', mode: 'soft', consistency: 'relaxed' })
    await cache.invalidate('end', { strategy: 'lazy', mode: 'soft', consistency: 'relaxed' })
    await clock.goOn()
    await clock.advance(5001)
    expect(await cache.entry('end')).toBeUndefined()
  })
})

describe('an immediate invalidation', () => {
  it('of very many declared dependents counts them, lists the first in order, and removes what is held', async () => {
    const clock = new TestClock()
    const { cache } = await openCrowd(clock)
    const record = await cache.invalidate('hub')
    expect(record.reached).toBe(1 + crowd + 2)
    expect(record.cascade).toHaveLength(250)
    expect(record.cascade[0]).toEqual({ name: 'hub', depth: 0, because: null })
    expect(record.cascade[9]).toMatchObject({ depth: 1, because: 'hub' })
    expect(record.tiers['memory']).toMatchObject({ purged: 5, verified: true })
    expect((await cache.plan('apart')).entries['memory']).toBe(1)
  })

  it('counts more than are walked in one go, and soft ones too', async () => {
    for (const mode of ['purge', 'soft'] as const) {
      const { cache } = opened()
      for (let i = 0; i < 6000; i++) await cache.link(`a:${i}`, { dependsOn: i === 0 ? 'top' : 'a:0' })
      await cache.link('b', { dependsOn: 'a:5' })
      const { reached, cascade, truncated } = await cache.invalidate('top', { mode, consistency: 'eventual' })
      expect([reached, cascade.length, truncated]).toEqual([6002, 250, true])
      expect(cascade.slice(0, 2).map(({ name }) => name)).toEqual(['top', 'a:0'])
    }
  })

  it('lists dependencies first of a name that very many are linked to', async () => {
    const { cache } = opened()
    for (let i = 0; i < 6000; i++) await cache.link(`a:${i}`, { dependsOn: 'hub' })
    await cache.link('a:5999', { dependsOn: 'a:5998' })
    const { reached, cascade } = await cache.invalidate('hub')
    const names = cascade.map(({ name }) => name)
    expect([reached, names[0]]).toEqual([6001, 'hub'])
    expect(names.indexOf('a:5998')).toBeLessThan(names.indexOf('a:5999'))
    expect(cascade.slice(1).every(({ depth, because }) => depth === 1 && because === 'hub')).toBe(true)
  })

  it('of a prefix finds all that begins with it, and what depends on that', async () => {
    for (const others of [10, 6000]) {
      const { cache } = opened()
      for (let i = 0; i < others; i++) await cache.getOrSet(`other:${i}`, () => i)
      await cache.getOrSet('row:1', () => 1)
      await cache.getOrSet('row:2', () => cache.get('row:1').then(() => 2))
      await cache.getOrSet('page', () => cache.get('row:2').then(() => 3))
      const { cascade, reached, tiers } = await cache.invalidate({ prefix: 'row:' })
      expect(cascade.map(({ name, depth }) => [name, depth])).toEqual([
        ['row:1', 0],
        ['row:2', 0],
        ['page', 1],
      ])
      expect([reached, tiers['memory']?.purged, cache.stats().memory.entries]).toEqual([3, 3, others])
    }
  })

  it('of a prefix of very many names lists some of them, and removes all', async () => {
    const { cache } = opened()
    for (let i = 0; i < 6000; i++) await cache.getOrSet(`row:${i}`, () => i)
    await cache.getOrSet('page', () => 1, { dependsOn: 'row:77' })
    await cache.getOrSet('free', () => 1)
    const { cascade, reached, truncated, tiers } = await cache.invalidate({ prefix: 'row:' })
    expect([cascade.length, reached, truncated]).toEqual([250, 6001, true])
    expect(cascade.every(({ name, depth }) => name.startsWith('row:') && depth === 0)).toBe(true)
    expect([tiers['memory']?.purged, cache.stats().memory.entries]).toEqual([6001, 1])
  })
})

describe('a wide record of caches that share a directory', () => {
  const closing: (() => Promise<void>)[] = []

  afterEach(async () => {
    for (const close of closing.splice(0)) await close()
  })

  function openOn(path: string, clock: TestClock) {
    const { cache } = opened({ clock, disk: disk({ path }) })
    closing.push(() => cache.close())
    return cache
  }

  /** Both have heard of each other. */
  async function openTwo() {
    const [path, clock] = [directory(), new PausedClock()]
    const [one, other] = [openOn(path, clock), openOn(path, new TestClock())]
    closing.unshift(() => clock.goOn())
    const others = () => [one, other].map((cache) => (cache.token(), cache.stats().disk?.others))
    await expect.poll(others).toEqual([1, 1])
    const names = Array.from({ length: crowd }, (_, i) => `crowd:${i}`)
    await Promise.all(names.map((name) => one.link(name, { dependsOn: 'hub' })))
    return { path, one, other, clock }
  }

  it('hides from nobody what was made anew from more, though it may have ended that', async () => {
    const { one, other } = await openTwo()
    await one.rule('ruled:{x}', { dependsOn: 'root:{x}' })
    await other.set('part', 1, { dependsOn: 'before' })
    await other.getOrSet('ruled:1', async () => [await other.get('part')])
    await one.invalidate('hub', { strategy: 'lazy' })
    // This one has written it.
    other.token()
    await new Promise((resolve) => setImmediate(resolve))
    expect(other.peek('ruled:1')).toEqual([1])
    await one.fill('part', 2, { since: one.token(), dependsOn: ['before', 'more'] })
    await one.invalidate('more', { strategy: 'lazy' })
    expect(other.peek('ruled:1')).toBeUndefined()
  })

  it('is removed from the directory when it is written, and for certain', async () => {
    const { other, path } = await openTwo()
    const clock = new LateClock()
    const late = openOn(path, clock)
    await other.set('crowd:700', 1)
    late.token()
    clock.isFirst = true
    const done = late.invalidate('hub', { consistency: 'strict' })
    // The purge waits for that.
    await expect.poll(() => clock.turns).toBeGreaterThan(100)
    clock.goOn()
    const { status, tiers } = await done
    expect([status, tiers]).toMatchObject(['completed', { disk: { purged: 1, verified: true } }])
  })

  it('is known to a cache that is opened later', async () => {
    const { path, one, other, clock } = await openTwo()
    await other.set('crowd:700', 1)
    await other.set('apart', 1)
    await one.invalidate('hub', { strategy: 'lazy' })
    const token = one.token()
    await clock.goOn()
    for (const close of closing.splice(0)) await close()
    const later = openOn(path, new TestClock())
    expect(later.token()).toBe(token)
    expect([await later.get('crowd:700'), await later.get('apart')]).toEqual([undefined, 1])
  })
})
