/**
 * What was accepted is carried out exactly once, or ends as failed or cancelled and is shown: invariant 20 of the
 * protocol, in one process, against an oracle that only sees what goes in and what is told.
 *
 * The mutants at the end show that the oracle can tell.
 */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { exactlyOnce } from '../../tests/drain-play.ts'
import { World } from '../../tests/drain-world.ts'
import type { Duration } from '../model/quantity.ts'
import { cancelledRecord, type Claim, type Job, pendingRecord } from './contract.ts'
import { MemoryQueue } from './memory-queue.ts'

test('what was accepted is done exactly once, or ends as failed or cancelled', async () => {
  await fc.assert(
    exactlyOnce(() => ({})),
    { numRuns: 300 },
  )
}, 60_000)

describe('the oracle sees a queue that', () => {
  class LosesAtRelease extends MemoryQueue {
    override release(job: Job) {
      return this.done(pendingRecord(job))
    }
  }
  class DoublesAtClaim extends MemoryQueue {
    override async claim(claim: Claim) {
      const jobs = await super.claim(claim)
      return [...jobs, ...jobs.slice(0, 1)]
    }
  }
  class LosesAtClaim extends MemoryQueue {
    override async claim(claim: Claim) {
      const jobs = await super.claim(claim)
      if (jobs.length === 1) return jobs
      for (const job of jobs.slice(1)) await this.done(pendingRecord(job))
      return jobs.slice(0, 1)
    }
  }
  class CancelsWhatRuns extends MemoryQueue {
    override async remove(id: string, endedAt: number) {
      const job = (await this.list()).find((each) => each.id === id)
      const removed = await super.remove(id, endedAt)
      if (removed !== undefined || job === undefined) return removed
      return (await this.done(cancelledRecord(job, endedAt))) ? job : undefined
    }
  }
  class DropsThird extends MemoryQueue {
    #count = 0
    override async add(job: Job) {
      return ++this.#count % 3 === 0 || super.add(job)
    }
  }
  class ForgetsAttempts extends MemoryQueue {
    override release(job: Job, dueAt: number) {
      return super.release({ ...job, attempts: 0 }, dueAt)
    }
  }

  test.each([LosesAtRelease, DoublesAtClaim, LosesAtClaim, CancelsWhatRuns, DropsThird, ForgetsAttempts])(
    '%o',
    async (Mutant) => {
      const { failed } = await fc.check(
        exactlyOnce(() => ({ queue: (history) => new Mutant({ history }) })),
        { numRuns: 300, endOnFailure: true },
      )
      expect(failed).toBe(true)
    },
    60_000,
  )
})

describe('waiting raises priority', () => {
  /** How many jobs of a better priority are done before a job that was there first. */
  async function passedBy(aging: Duration): Promise<number> {
    const world = new World({
      queue: (history) => new MemoryQueue({ history, aging }),
      rules: {
        strategies: { scheduled: { priority: 1, batch: 1, interval: '1s' }, background: { priority: 9 } },
      },
    })
    await world.submit('patient', { strategy: 'background' })
    for (let i = 0; i < 100; i++) {
      // Two come for each that is done: without aging, the better ones never run out.
      await world.submit(`urgent${2 * i}`)
      await world.submit(`urgent${2 * i + 1}`)
      const [job] = await world.queue.claim({
        now: world.clock.now(),
        namesMax: { scheduled: 1, background: 1 },
        jobsMax: 1,
      })
      if (job?.id === 'patient') return i
      if (job !== undefined) await world.queue.done(pendingRecord(job))
      await world.clock.advance(1000)
    }
    return 100
  }

  test('so that nothing starves', async () => {
    expect(await passedBy('5s')).toBeLessThan(100)
  })

  test('and without it something does', async () => {
    expect(await passedBy('3650d')).toBe(100)
  })
})
