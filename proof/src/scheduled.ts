/**
 * Runs programs under fast-check's scheduler: it decides which of all that waits goes on next.
 */
import fc from 'fast-check'
import type { Library } from './library.ts'
import { programs, type Profile, type Program } from './program.ts'
import { World, type Surroundings } from './world.ts'

type Scheduler = fc.Scheduler

/** Waits on the clock (retries, timeouts) end within this many turns of a minute. */
const turnsMax = 50

/** No run of a program of this profile, in any order, shows a fault. */
export function anyOrder(profile: Profile, more: Omit<Surroundings, 'pause'> = {}) {
  return (library: Library): fc.IAsyncPropertyWithHooks<[Program, Scheduler]> =>
    fc.asyncProperty(programs(profile), fc.scheduler(), async (program, scheduler) => {
      const pause = (label: string) => scheduler.schedule(Promise.resolve(), label)
      const world = new World(library, program, { ...more, pause })
      try {
        await runAll(world, program, scheduler)
      } finally {
        await world.directory?.remove()
      }
      if (world.faults.length > 0) throw new Error(world.faults.slice(0, 3).join('\n'))
    })
}

async function runAll(world: World, { clients }: Program, scheduler: Scheduler): Promise<void> {
  const running = new Set(clients)
  const all = clients.map((steps) => world.client(steps).finally(() => running.delete(steps)))
  for (let turns = 0; running.size > 0; turns++) {
    await idle(world, scheduler)
    if (running.size > 0 && turns > turnsMax) throw new Error('a call does not end')
    if (running.size > 0) world.clock.advance(60_000)
  }
  await Promise.all(all)
  world.look()
}

/** Looks so often whether what was written leads to more, before time passes. */
const looksMax = 4

/** Until nothing goes on but by the clock. */
async function idle({ directory }: World, scheduler: Scheduler): Promise<void> {
  await scheduler.waitIdle()
  if (directory === undefined) return
  for (let looks = 0; looks < looksMax; ) {
    await new Promise((resolve) => setImmediate(resolve))
    if (scheduler.count() > 0) await scheduler.waitOne()
    else if (directory.busy > 0) continue
    else looks++
  }
}
