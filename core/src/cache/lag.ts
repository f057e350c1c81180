/**
 * Lag: whether a load may have asked a source that had not heard yet of what was invalidated before the load began.
 *
 *   write -> invalidated -------> the source that is asked has it, too
 *                  load begins       what it gives may be of before the write: handed out, and not kept
 *
 * Two ways to know: the loader says of when its source is (`asOf`); the policy says for how long after an invalidation
 * a source is not relied on (`holdOff`).
 *
 * Invariants: what lags is not kept, and nothing that was made from it either; a time that is not known counts as the
 * latest that it may have been; strictly by when a load began, never by when it ended.
 */
import type { Flight } from '../loading/flight.ts'
import type { Judge } from '../log/judge.ts'

export interface LagParts {
  readonly judge: Pick<Judge, 'lastWhen'>
  /** Clocks of nodes and sources differ by less. */
  readonly clockSkewMs: number
}

/** Notes on the flight what its dependencies, as far as they are known, say of it. */
export function noteLag(flight: Flight, parts: LagParts): void {
  if (flight.asOfMs < Infinity && !flight.isOlder) flight.isOlder = isOlder(flight, parts)
  if (flight.holdOffMs > 0) holdOff(flight, parts)
}

export function lagOf(flight: Flight): 'older-source' | 'held-off' | undefined {
  if (flight.isOlder) return 'older-source'
  return flight.sharedUntilMs < Infinity ? 'held-off' : undefined
}

/** What was made from a value that lags does so, too. */
export function inheritLag(within: Flight, from: Flight): void {
  within.isOlder ||= from.isOlder
  within.sharedUntilMs = Math.min(within.sharedUntilMs, from.sharedUntilMs)
}

function isOlder({ key, noted, asOfMs }: Flight, { judge, clockSkewMs }: LagParts): boolean {
  // One that was written in this very millisecond may be missing.
  const isAfter = (name: string) => judge.lastWhen(name).atMs + clockSkewMs >= asOfMs
  if (isAfter(key)) return true
  for (const name of noted.keys()) if (isAfter(name)) return true
  return false
}

/**
 * Who begins when it is over might get something newer from a load of his own. Of each name the last invalidation is known
 * only: if that came when the load was under way, another may have come right before it.
 */
function holdOff(flight: Flight, { judge }: LagParts): void {
  const { beganMs, holdOffMs } = flight
  for (const name of [flight.key, ...flight.noted.keys()]) {
    const { heardMs } = judge.lastWhen(name)
    if (beganMs >= heardMs + holdOffMs) continue
    const untilMs = heardMs > beganMs ? beganMs : heardMs + holdOffMs
    flight.sharedUntilMs = Math.min(flight.sharedUntilMs, untilMs)
  }
}
