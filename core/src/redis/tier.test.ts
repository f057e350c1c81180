/**
 * The tier, where a server does to it what servers do: evicts, expires, fills up, begins anew, gives other bytes back.
 */
import { afterAll, afterEach, beforeAll, beforeEach, expect, it, vi } from 'vitest'
import { startRedis, type RedisServer } from 'staleproof-testbed'
import { TestClock } from '../../tests/clock.ts'
import { RedisWorld, type RedisNode } from '../../tests/redis-world.ts'
import { putScript } from './history-lua.ts'
import { prelude } from './lua.ts'
import { claimScript } from './queue-lua.ts'
import { endedMax, laterScript, removeScript, storeScript } from './tier-lua.ts'

let server: RedisServer
let world: RedisWorld
beforeAll(async () => {
  server = await startRedis()
})
afterAll(() => server.stop())
beforeEach(() => {
  world = new RedisWorld(server)
})
afterEach(async () => {
  await world.close()
})

const key = ({ driver }: RedisNode, name: string) => `${driver.prefix}:${name}`

/** Of what has many steps. */
const patience = { timeout: 10_000, interval: 10 }

/** What a node that settles is shown. */
async function seen({ tier, entry }: RedisNode, name: string) {
  let shown: unknown
  await tier.settle(entry('looks'), (hold) => {
    shown = { isHeld: hold.headOf(name) !== undefined, endedAt: hold.endedAt(name) }
    return undefined
  })
  return shown
}

it('knows of an entry whose value was evicted, and stores it anew', async () => {
  const node = await world.node()
  const { tier, driver, entry } = node
  await tier.put(entry('k', { dependencies: ['d'] }))
  await driver.call('DEL', key(node, 'e:k'))
  expect(await tier.get('k')).toBeUndefined()
  expect([(await tier.held(['k'])).length, await tier.dependents(['d']), await tier.withPrefix('k')]).toEqual(
    [1, ['k'], ['k']],
  )
  expect(await seen(node, 'k')).toEqual({ isHeld: true, endedAt: 0 })
  await tier.put(entry('k', { dependencies: ['d'] }))
  expect((await tier.get('k'))?.value).toBe('value of k')
  await driver.call('DEL', key(node, 'e:k'))
  expect([await tier.delete(['k']), await tier.held(['k'])]).toEqual([1, []])
})

it('lets a server that is full evict values, and no heads', async () => {
  const node = await world.node()
  const { tier, entry, driver } = node
  await driver.call('CONFIG', 'SET', 'maxmemory-policy', 'volatile-ttl')
  await driver.call('CONFIG', 'SET', 'maxmemory', '6mb')
  const keys = Array.from({ length: 400 }, (_, i) => `k${i}`)
  for (const name of keys) await tier.put(entry(name, { value: name.padEnd(20_000), dependencies: ['d'] }))
  const got = await Promise.all(keys.map((name) => tier.get(name)))
  await driver.call('CONFIG', 'SET', 'maxmemory', '0')
  await driver.call('CONFIG', 'SET', 'maxmemory-policy', 'noeviction')
  expect(got.filter((each) => each === undefined).length).toBeGreaterThan(100)
  expect(got.filter((each) => each !== undefined).length).toBeGreaterThan(50)
  expect(await tier.held(keys)).toHaveLength(400)
  expect(await tier.dependents(['d'])).toHaveLength(400)
})

it('says that memory is full when it stores, and deletes and answers all the same', async () => {
  const node = await world.node()
  const { tier, entry, driver, log } = node
  await tier.put(entry('k', { dependencies: ['d'] }))
  await tier.put(entry('page', { dependencies: ['new'] }))
  await driver.call('CONFIG', 'SET', 'maxmemory', '1')
  await expect(tier.put(entry('n'))).rejects.toMatchObject({ code: 'E_REDIS_FULL' })
  await expect(node.admit(entry('new', { dependencies: ['a'] }))).rejects.toMatchObject({
    code: 'E_REDIS_FULL',
  })
  expect(log.owned, 'records that are still to come').toBe(0)
  expect((await tier.get('k'))?.value).toBe('value of k')
  expect(await tier.delete(['k', 'n'])).toBe(1)
  await driver.call('CONFIG', 'SET', 'maxmemory', '0')
  expect([await tier.get('k'), await tier.held(['k', 'n']), await tier.dependents(['d'])]).toEqual([
    undefined,
    [],
    [],
  ])
})

it('sweeps what nobody can be served any more, and leaves nothing behind', async () => {
  const clock = new TestClock(Date.now())
  const node = await world.node({ clock, lagMs: 60_000 })
  const { tier, entry } = node
  await tier.put(entry('stays', { dependencies: ['d', 'row of stays'] }))
  const before = await world.keys()
  const names = Array.from({ length: 450 }, (_, i) => `k${i}`)
  await Promise.all(
    names.map((name) => tier.put(entry(name, { ttlMs: 100, dependencies: ['d', `row of ${name}`] }))),
  )
  const rounds = () => node.driver.asked.filter((command) => command === 'ZRANGEBYSCORE').length
  await vi.waitFor(async () => {
    await clock.advance(1000)
    expect(rounds()).toBeGreaterThan(1)
  }, patience)
  expect(await tier.held(names), 'as long as clocks may differ').toHaveLength(450)
  await vi.waitFor(async () => {
    await clock.advance(5000)
    expect(await world.keys()).toEqual(before)
  }, patience)
  expect([await tier.withPrefix(''), tier.sweep.removed]).toEqual([['stays'], 450])
  const sizes = ['keys', 'names', 'gone'].map((table) => node.driver.call('ZCARD', key(node, table)))
  expect(await Promise.all(sizes), 'keys, names and moments').toEqual([1, 2, 1])
  await vi.waitFor(async () => {
    await clock.advance(1000)
    expect(tier.usage.entries).toBe(1)
  }, patience)
})

it('removes rows behind, and none of what was stored anew meanwhile', async () => {
  const clock = new TestClock(Date.now())
  const node = await world.node({ clock })
  const { tier, entry, driver } = node
  const rows = () => Promise.all(['keys', 'gone'].map((table) => driver.call('ZCARD', key(node, table))))
  const names = Array.from({ length: 700 }, (_, i) => `k${i}`)
  await Promise.all(names.map((name) => tier.put(entry(name, { dependencies: ['d'] }))))
  expect(await tier.delete(names)).toBe(700)
  expect([await tier.held(names), await tier.dependents(['d']), await tier.withPrefix('k')]).toEqual([
    [],
    [],
    [],
  ])
  expect(await rows(), 'rows in keys and gone').toEqual([700, 700])
  await tier.put(entry('k7', { dependencies: ['e'] }))
  await vi.waitFor(async () => {
    await clock.advance(1000)
    expect(await rows(), 'rows in keys and gone').toEqual([1, 1])
  }, patience)
  expect([await tier.withPrefix('k'), await tier.dependents(['e']), await world.keys()]).toEqual([
    ['k7'],
    ['k7'],
    expect.not.arrayContaining(['left']),
  ])
})

it('removes a row that stands in no list of those left', async () => {
  const clock = new TestClock(Date.now())
  const node = await world.node({ clock, lagMs: 0 })
  await node.tier.put(node.entry('k', { ttlMs: 100 }))
  await node.tier.delete(['k'])
  await node.driver.call('DEL', key(node, 'left'))
  await vi.waitFor(async () => {
    await clock.advance(1000)
    expect(await node.driver.call('EXISTS', key(node, 'gone'), key(node, 'keys'))).toBe(0)
  }, patience)
})

it('has no table of the same name as one of the log, the history or the queue', () => {
  const tablesOf = (text: string) =>
    new Set([...text.matchAll(/P \.\. ':([a-z]+)/g)].map(([, table]) => table))
  const own = tablesOf(storeScript.text.replace(prelude, ''))
  expect(own.size).toBeGreaterThan(8)
  for (const other of [prelude, putScript.text, claimScript.text])
    expect([...tablesOf(other)].filter((table) => own.has(table))).toEqual([])
})

it('keeps what has a longer life by the policy of today', async () => {
  const clock = new TestClock(Date.now())
  let graceMs = 0
  const node = await world.node({ clock, policyOf: (name) => ({ ...policy, name, graceMs }), lagMs: 0 })
  const { policy } = node.entry('any')
  const looks = () => node.driver.asked.filter((sha) => sha === laterScript.sha).length
  await node.tier.put(node.entry('k', { ttlMs: 100 }))
  graceMs = 600_000
  await vi.waitFor(async () => {
    await clock.advance(1000)
    expect(looks()).toBe(1)
  }, patience)
  await clock.advance(60_000)
  expect([await node.tier.held(['k']), looks()]).toEqual([[expect.anything()], 1])
  await clock.advance(600_000)
  await vi.waitFor(async () => {
    await clock.advance(1000)
    expect(await node.tier.held(['k'])).toEqual([])
  }, patience)
})

it('notes of what it sweeps that it had been invalidated', async () => {
  const clock = new TestClock(Date.now())
  const node = await world.node({ clock, lagMs: 0 })
  for (const name of ['k', 'valid']) await node.tier.put(node.entry(name, { ttlMs: 100 }))
  await node.invalidate('k')
  await vi.waitFor(async () => {
    await clock.advance(1000)
    expect(await node.tier.held(['k', 'valid'])).toEqual([])
  }, patience)
  const n = node.log.applied
  expect([await seen(node, 'k'), await seen(node, 'valid')]).toEqual([
    { isHeld: false, endedAt: n },
    { isHeld: false, endedAt: 0 },
  ])
})

it('takes bytes that are not what was written for a miss, tells of them once, and removes them', async () => {
  const node = await world.node()
  const { tier, entry, driver, errors } = node
  for (const _ of ['once', 'again']) {
    await tier.put(entry('k', { dependencies: ['d'] }))
    await driver.call('SETRANGE', key(node, 'e:k'), 3, 'x')
    expect(await tier.get('k')).toBeUndefined()
    expect(await driver.call('EXISTS', key(node, 'e:k'))).toBe(0)
  }
  expect(errors).toEqual([expect.objectContaining({ code: 'E_REDIS_DAMAGED' })])
  expect([tier.usage.damaged, (await tier.held(['k'])).length]).toEqual([2, 1])
})

it('removes damaged bytes only if nobody has stored others meanwhile', async () => {
  const [node, there] = [await world.node(), await world.node()]
  await node.tier.put(node.entry('k'))
  await node.driver.call('SETRANGE', key(node, 'e:k'), 3, 'x')
  node.driver.before = () => there.tier.put(there.entry('k'))
  expect(await node.tier.get('k')).toBeUndefined()
  expect((await node.tier.get('k'))?.value).toBe('value of k')
})

it('takes a damaged head for no entry, and replaces or removes it', async () => {
  const node = await world.node()
  const { tier, entry, driver } = node
  for (const end of ['replaced', 'removed']) {
    await tier.put(entry('k', { dependencies: ['d', 'e'] }))
    await driver.call('HSET', key(node, 'entries'), 'k', 'what is this')
    expect([await tier.held(['k']), await seen(node, 'k')]).toEqual([
      [],
      expect.objectContaining({ isHeld: false }),
    ])
    if (end === 'replaced') await tier.put(entry('k', { dependencies: ['d'] }))
    else await tier.delete(['k'])
    expect(await tier.held(['k'])).toHaveLength(end === 'replaced' ? 1 : 0)
  }
})

/** The log has lost its tail: a new generation begins. */
async function beginAnew(node: RedisNode): Promise<void> {
  await node.driver.call('DEL', key(node, 'meta'))
  await node.log.join()
}

it('has nothing of a generation that has ended, and sweeps it', async () => {
  const clock = new TestClock(Date.now())
  const node = await world.node({ clock })
  const { tier, entry } = node
  const names = Array.from({ length: 300 }, (_, i) => `k${i}`)
  await Promise.all(
    names.map((name) => tier.put(entry(name, { dependencies: ['d'], stamp: 9, keyStamp: 9 }))),
  )
  await tier.delete(['k0'])
  await beginAnew(node)
  expect([
    await tier.get('k1'),
    await tier.held(names),
    await seen(node, 'k1'),
    await seen(node, 'k0'),
  ]).toEqual([undefined, [], { isHeld: false, endedAt: 0 }, { isHeld: false, endedAt: 0 }])
  await tier.put(entry('k1', { stamp: 1, keyStamp: 1, dependencies: ['e'] }))
  await vi.waitFor(async () => {
    await clock.advance(5000)
    expect([await tier.dependents(['d']), await tier.withPrefix('')]).toEqual([[], ['k1']])
  }, patience)
  expect([(await tier.get('k1'))?.stamp, tier.sweep.removed]).toEqual([1, 298])
  await tier.delete(['k1'])
  const ends = [await seen(node, 'k0'), await seen(node, 'k1')]
  expect(ends).toEqual([
    { isHeld: false, endedAt: 0 },
    { isHeld: false, endedAt: node.log.applied },
  ])
})

it('leaves what is of a generation that it does not know yet', async () => {
  const [old, other] = [await world.node(), await world.node()]
  for (const name of ['old', 'theirs']) await old.tier.put(old.entry(name))
  await beginAnew(other)
  for (const name of ['theirs', 'ended']) await other.tier.put(other.entry(name, { value: 'of the new' }))
  await other.tier.delete(['ended'])
  await old.tier.put(old.entry('theirs', { stamp: 99, keyStamp: 99, value: 'of the old' }))
  expect(old.log.refused, 'what the old one was told').toBe('other')
  expect(await old.tier.settle(old.entry('n'), () => old.entry('n'))).toBeUndefined()
  expect(await old.tier.delete(['old', 'theirs', 'n'])).toBe(1)
  expect((await other.tier.get('theirs'))?.value).toBe('of the new')
  expect([await seen(other, 'theirs'), await seen(other, 'ended'), await seen(other, 'old')]).toEqual([
    { isHeld: true, endedAt: 0 },
    { isHeld: false, endedAt: other.log.applied },
    { isHeld: false, endedAt: 0 },
  ])
})

it('spares what is of a generation that it came to know while it removed', async () => {
  const [here, other] = [await world.node(), await world.node()]
  await beginAnew(other)
  const dependencies = Array.from({ length: 20 }, (_, i) => `d${i}`)
  // More than one script takes: the others are sent when it knows the generation.
  const names = Array.from({ length: 400 }, (_, i) => `k${i}`)
  await Promise.all(names.map((name) => other.tier.put(other.entry(name, { dependencies }))))
  here.driver.before = async (script) => {
    if (script !== removeScript) return
    here.driver.before = undefined
    await here.log.join()
  }
  expect(await here.tier.delete(names, () => true)).toBe(0)
  expect(here.log.generation).toBe(other.log.generation)
  expect(await other.tier.held(names)).toHaveLength(names.length)
})

it('spares when it deletes what became valid meanwhile', async () => {
  const [here, there] = [await world.node(), await world.node()]
  for (const name of ['k', 'gone']) await here.tier.put(here.entry(name))
  await here.invalidate('k', 'gone')
  here.driver.before = async (script) => {
    if (script !== removeScript) return
    here.driver.before = undefined
    there.log.catchUp()
    await there.tier.put(there.entry('k', { value: 'new' }))
  }
  expect(await here.purge('k', 'gone')).toBe(1)
  expect([(await here.tier.get('k'))?.value, await here.tier.get('gone')]).toEqual(['new', undefined])
  expect(await seen(here, 'k'), 'the one before it had ended').toEqual({
    isHeld: true,
    endedAt: here.log.applied,
  })
})

it('spares when it deletes what a server stored that counts from an earlier number again', async () => {
  const [old, other] = [await world.node(), await world.node()]
  await old.tier.put(old.entry('k'))
  old.driver.before = async (script) => {
    if (script !== removeScript) return
    await beginAnew(other)
    await other.driver.call('HSET', key(other, 'tier'), 'sequence', 0)
    await other.tier.put(other.entry('k', { value: 'of the new' }))
  }
  expect(await old.tier.delete(['k'])).toBe(0)
  expect((await other.tier.get('k'))?.value).toBe('of the new')
})

it('forgets what ended when that is too much, and then takes what it does not know for ended', async () => {
  const node = await world.node()
  const { tier, entry, driver } = node
  await tier.put(entry('old'))
  await node.invalidate('old')
  await tier.delete(['old'])
  expect(await seen(node, 'unknown')).toEqual({ isHeld: false, endedAt: 0 })
  for (let at = 0; at < endedMax; at += 10_000) {
    const others = Array.from({ length: 10_000 }, (_, i) => [`other ${at + i}`, 1])
    await driver.call('HSET', key(node, 'invalidated'), ...others.flat())
  }
  await tier.put(entry('last'))
  await tier.delete(['last'])
  expect(await driver.call('HLEN', key(node, 'invalidated'))).toBe(0)
  const n = node.log.applied
  expect([await seen(node, 'unknown'), await seen(node, 'old')]).toEqual([
    { isHeld: false, endedAt: n },
    { isHeld: false, endedAt: n },
  ])
})

it('keeps a value that is too large for it without that', async () => {
  const node = await world.node({ entryBytesMax: 1000 })
  const large = node.entry('k', { value: 'x'.repeat(1001), dependencies: ['d'] })
  await node.tier.put(node.entry('k', { value: 'small' }))
  expect(await node.tier.settle(large, () => large)).toMatchObject({ withoutValue: true, key: 'k' })
  expect([await node.tier.get('k'), await node.tier.dependents(['d'])]).toEqual([undefined, ['k']])
  expect(await node.driver.call('EXISTS', key(node, 'e:k'))).toBe(0)
})

it('reads what is asked for in one tick together, and large values in smaller parts', async () => {
  const { tier, entry, driver } = await world.node()
  const names = Array.from({ length: 300 }, (_, i) => `k${i}`)
  for (const name of names) await tier.put(entry(name, { value: `${name} `.padEnd(20_000) }))
  const commands = async (read: () => Promise<unknown>) => {
    const from = driver.asked.length
    await read()
    return driver.asked.length - from
  }
  const none = names.map((name) => `no ${name}`)
  expect(await commands(() => Promise.all(none.map((name) => tier.get(name))))).toBe(3)
  const got = async () => {
    const found = await Promise.all(names.map((name) => tier.get(name)))
    expect(found.map((each) => String(each?.value).trim())).toEqual(names)
  }
  expect(await commands(got), 'when it does not know how large they are').toBe(3)
  expect(await commands(got), 'when it does').toBeGreaterThan(15)
})
