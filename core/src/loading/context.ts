/**
 * Context: which load is running here, so that what it reads is tracked by itself.
 *
 * One AsyncLocalStorage serves all caches: each store makes every promise of the program a little dearer.
 * Reads are noted at call time; a pool or a batch that runs its callbacks in somebody else's context should be
 * given the explicit `load` argument instead, which needs no context at all.
 */
import { AsyncLocalStorage } from 'node:async_hooks'
import type { Flight } from './flight.ts'

const running = new AsyncLocalStorage<Flight | undefined>()

/** The flight of `owner` in whose loader we are; other caches' loaders in between are looked through. */
export function currentFlight(owner: object): Flight | undefined {
  let flight = running.getStore()
  while (flight !== undefined && flight.owner !== owner) flight = flight.parent
  return flight
}

/** The innermost flight of any cache: the parent of the next one. */
export function innermostFlight(): Flight | undefined {
  return running.getStore()
}

export function runWithin<T>(flight: Flight | undefined, work: () => T): T {
  return running.run(flight, work)
}
