import { expect, it } from 'vitest'
import { TestClock } from '../../tests/clock.ts'
import { Lease } from './lease.ts'

const termMs = 3000
/** Within the term, less what clocks may differ by. */
const heldMs = 2949

async function granted() {
  const clock = new TestClock()
  const lease = new Lease(clock, termMs)
  lease.grant(lease.moment())
  await clock.settle()
  return { clock, lease }
}

it('is not held before it is granted, nor after it was ended', async () => {
  expect(new Lease(new TestClock(), termMs).isHeld).toBe(false)
  const { lease } = await granted()
  expect(lease.isHeld).toBe(true)
  lease.end()
  expect(lease.isHeld).toBe(false)
})

it('ends by itself, though no timer looks at it, and others wait longer than that', async () => {
  const { clock, lease } = await granted()
  await clock.advance(heldMs)
  expect(lease.isHeld).toBe(true)
  await clock.advance(1)
  expect(lease.isHeld).toBe(false)
  expect(lease.outlastMs).toBeGreaterThan(termMs)
})

it('counts from when the sync was sent, not from its answer', async () => {
  const clock = new TestClock()
  const lease = new Lease(clock, termMs)
  const sent = lease.moment()
  await clock.advance(2000)
  lease.grant(sent)
  await clock.advance(heldMs - 2000)
  expect(lease.isHeld).toBe(true)
  await clock.advance(1)
  expect(lease.isHeld).toBe(false)
})

it('is not shortened by the answer to an earlier sync', async () => {
  const { clock, lease } = await granted()
  const earlier = lease.moment()
  await clock.advance(1000)
  lease.grant(lease.moment())
  lease.grant(earlier)
  await clock.advance(heldMs)
  expect(lease.isHeld).toBe(true)
})

it.each([
  ['forward, or the machine slept', termMs],
  ['back', -1],
])('ends if the wall clock was set %s', async (_, ms) => {
  const { clock, lease } = await granted()
  clock.step(ms)
  expect(lease.isHeld).toBe(false)
})

it('is looked at again when the run of microtasks is over, and after many looks within one', async () => {
  const { clock, lease } = await granted()
  expect(lease.isHeld).toBe(true)
  clock.step(termMs)
  expect(lease.isHeld).toBe(true)
  for (let i = 0; i < 1000; i++) void lease.isHeld
  expect(lease.isHeld).toBe(false)
  lease.grant(lease.moment())
  expect(lease.isHeld).toBe(true)
  clock.step(termMs)
  await clock.settle()
  expect(lease.isHeld).toBe(false)
})

/** Found by the simulation: the machine was suspended, and its wall clock set back when the lease was over. */
it('does not come back when the wall clock is set back', async () => {
  const { clock, lease } = await granted()
  clock.step(3000)
  await clock.settle()
  expect(lease.isHeld).toBe(false)
  clock.step(-2000)
  expect(lease.isHeld).toBe(false)
})
