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
      await runAll(world, program, scheduler)
      if (world.faults.length > 0) throw new Error(world.faults.slice(0, 3).join('\n'))
    })
}

async function runAll(world: World, { clients }: Program, scheduler: Scheduler): Promise<void> {
  const running = new Set(clients)
  const all = clients.map((steps) => world.client(steps).finally(() => running.delete(steps)))
  for (let turns = 0; running.size > 0; turns++) {
    await scheduler.waitIdle()
    if (running.size > 0 && turns > turnsMax) throw new Error('a call does not end')
    if (running.size > 0) world.clock.advance(60_000)
  }
  await Promise.all(all)
  world.look()
}
