import { expect, it } from 'vitest'
import { TestClock } from '../../tests/clock.ts'
import { Lease } from './lease.ts'

async function granted() {
  const clock = new TestClock()
  const lease = new Lease(clock, 3000)
  lease.grant(lease.moment())
  await clock.settle()
  return { clock, lease }
}

it('is over when either clock says so', async () => {
  const { clock, lease } = await granted()
  expect(lease.isHeld).toBe(true)
  clock.step(3000)
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

it('is not held while the wall clock is before the moment of asking', async () => {
  const { clock, lease } = await granted()
  clock.step(-1)
  await clock.settle()
  expect(lease.isHeld).toBe(false)
})
