/**
 * Context: which load is running here, so that what it reads is tracked by itself.
 *
 * One AsyncLocalStorage serves all caches: each store makes every promise of the program a little dearer.
 * Reads are noted at call time; a pool or a batch that runs its callbacks in somebody else's context should be
 * given the explicit `load` argument instead, which needs no context at all.
 *
 * To ask the storage takes almost half as long as all else in a `peek`. Hence the answer "no loader" is remembered, and
 * reads that follow each other without an await ask once.
 *
 * Invariant: where the async id is `outside`, the storage holds nothing. It stays so, since in Node 20 and 22
 *   an id belongs to one resource, for ever (but 0, which stands for none and is not remembered);
 *   what the storage holds is written on that resource when it is made, before anything runs in it;
 *   later only `running.run` writes there, and `runWithin` forgets before and after.
 * A Node that keeps contexts in another way does not move the id at each await. There nothing is remembered.
 */
import { AsyncLocalStorage, executionAsyncId } from 'node:async_hooks'
import type { Flight } from './flight.ts'

const running = new AsyncLocalStorage<Flight | undefined>()

/** The storage has the method that copies what it holds from resource to resource. */
const isOnResources = '_propagate' in AsyncLocalStorage.prototype
const nowhere = -1
/** One async id, or `nowhere`. An array, since it keeps ids past 2^31 without an object for each. */
const outside = new Float64Array([nowhere])

/** The flight of `owner` in whose loader we are; other caches' loaders in between are looked through. */
export function currentFlight(owner: object): Flight | undefined {
  return isOnResources && executionAsyncId() === outside[0] ? undefined : flightOf(owner)
}

function flightOf(owner: object): Flight | undefined {
  let flight = innermostFlight()
  while (flight !== undefined && flight.owner !== owner) flight = flight.parent
  return flight
}

/** The innermost flight of any cache: the parent of the next one. */
export function innermostFlight(): Flight | undefined {
  const flight = running.getStore()
  if (isOnResources && flight === undefined) outside[0] = executionAsyncId() || nowhere
  return flight
}

export function runWithin<T>(flight: Flight | undefined, work: () => T): T {
  outside[0] = nowhere
  try {
    return running.run(flight, work)
  } finally {
    outside[0] = nowhere
  }
}
