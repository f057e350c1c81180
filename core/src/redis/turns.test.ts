import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import { startRedis, type RedisServer } from 'staleproof-testbed'
import { TestClock } from '../../tests/clock.ts'
import { surroundings } from '../../tests/surroundings.ts'
import { HeldDriver } from '../../tests/held-driver.ts'
import { RedisClient } from './client.ts'
import { RedisTurns } from './turns.ts'

let server: RedisServer
let asking: RedisClient
let clock: TestClock
beforeAll(async () => {
  server = await startRedis()
  asking = new RedisClient({ url: server.url }, 'turns', surroundings)
  clock = new TestClock()
})
afterAll(async () => {
  await asking.close()
  await server.stop()
})

function node() {
  const driver = new HeldDriver(asking)
  return { driver, turns: new RedisTurns({ driver, clock, nodeId: randomUUID() }) }
}

/** What is left of the turns there are, ms. */
async function left(): Promise<number[]> {
  const keys = (await asking.call('KEYS', '{turns}:turn:*')) as Buffer[]
  return Promise.all(keys.map(async (key) => (await asking.call('PTTL', key)) as number))
}

/** As if the node that has it had died. */
async function runOut(): Promise<void> {
  for (const key of (await asking.call('KEYS', '{turns}:turn:*')) as Buffer[]) await asking.call('DEL', key)
}

it('gives the turn of a key to one node, until that gives it up', async () => {
  const [a, b] = [node().turns, node().turns]
  expect([await a.take('k'), await b.take('k'), await b.take('other'), await a.take('k')]).toEqual([
    true,
    false,
    true,
    true,
  ])
  await b.release('k')
  expect(await b.take('k'), 'when one gave it up who did not have it').toBe(false)
  await a.release('k')
  expect(await b.take('k')).toBe(true)
  for (const key of ['k', 'other']) await b.release(key)
  expect(await left(), 'turns that are left').toEqual([])
})

it('keeps a turn while the load goes on, and no longer', async () => {
  const { turns } = node()
  await turns.take('k')
  expect((await left())[0]).toBeGreaterThan(2000)
  const [key] = (await asking.call('KEYS', '{turns}:turn:*')) as [Buffer]
  for (const _ of ['renewed', 'renewed again']) {
    await asking.call('PEXPIRE', key, 1500)
    await clock.advance(1000)
    await vi.waitFor(async () => expect((await left())[0]).toBeGreaterThan(2000))
  }
  await turns.release('k')
  const waiting = clock.waiting
  await clock.advance(5000)
  expect([await left(), clock.waiting]).toEqual([[], waiting])
})

it('gives up only what is its own', async () => {
  const [a, b] = [node().turns, node().turns]
  await a.take('k')
  await runOut()
  await b.take('k')
  await a.release('k')
  expect(await a.take('k')).toBe(false)
  await b.release('k')
})

it('does not take back what another node has taken since it ran out', async () => {
  const [a, b] = [node(), node()]
  await a.turns.take('k')
  await runOut()
  expect(await b.turns.take('k')).toBe(true)
  await clock.advance(1000)
  await vi.waitFor(async () => expect(await a.turns.take('k')).toBe(false))
  await a.turns.release('k')
  expect(await a.turns.take('k')).toBe(false)
  await b.turns.release('k')
})

it('says that a turn is free when it is, and asks no more than every 20 ms', async () => {
  const [a, b] = [node(), node()]
  await a.turns.take('k')
  await b.turns.take('k')
  const asked = () => b.driver.asked.filter((command) => command === 'GET').length
  for (let ms = 0; ms < 100; ms += 5) {
    expect(b.turns.isFree('k')).toBe(false)
    await clock.advance(5)
  }
  expect(asked()).toBeGreaterThan(0)
  expect(asked()).toBeLessThanOrEqual(5)
  await a.turns.release('k')
  await vi.waitFor(async () => {
    await clock.advance(20)
    expect(b.turns.isFree('k')).toBe(true)
  })
})

it('says that a turn is free when it is, though the clock was set back', async () => {
  const [a, b] = [node(), node()]
  await a.turns.take('k')
  await b.turns.take('k')
  clock.step(-3_600_000)
  await a.turns.release('k')
  await vi.waitFor(async () => {
    await clock.advance(20)
    expect(b.turns.isFree('k')).toBe(true)
  })
})

it('says that a turn is free of which it cannot ask', async () => {
  const [a, b] = [node(), node()]
  await a.turns.take('k')
  await b.turns.take('k')
  b.driver.call = () => Promise.reject(new Error('cut off'))
  await vi.waitFor(async () => {
    await clock.advance(20)
    expect(b.turns.isFree('k')).toBe(true)
  })
  await a.turns.release('k')
})

it('a turn that is told of after the end is left to run out', async () => {
  const { turns, driver } = node()
  let answer: () => void = () => undefined
  driver.before = () => new Promise<void>((resolve) => (answer = resolve))
  const taking = turns.take('late')
  turns.close()
  answer()
  await taking
  await clock.advance(5000)
  expect(driver.asked).toHaveLength(1)
})
