/**
 * Runs a loader: within its context, for at most its hard timeout.
 */
import type { Clock } from '../model/clock.ts'
import { StaleproofError } from '../model/errors.ts'
import { runWithin } from './context.ts'
import type { Flight } from './flight.ts'
import type { Load, Loader } from './load.ts'

export interface RunOptions {
  readonly loader: Loader<unknown>
  readonly load: Load
  readonly hardTimeoutMs: number | null
  readonly clock: Clock
  /** Tracked by context, not only through `load`. */
  readonly automatic: boolean
}

/**
 * Resolves with the loader's value or rejects with its error, with E_LOADING_TIMEOUT, or with what aborted it.
 * The flight has ended then, whatever the loader still does.
 */
export async function runLoader(flight: Flight, options: RunOptions): Promise<unknown> {
  const { loader, load, hardTimeoutMs, clock, automatic } = options
  const timer =
    hardTimeoutMs === null
      ? undefined
      : clock.schedule(hardTimeoutMs, () => flight.abort(timeout(flight.key, hardTimeoutMs)))
  try {
    const running = automatic ? runWithin(flight, async () => loader(load)) : (async () => loader(load))()
    return await Promise.race([running, aborted(flight)])
  } finally {
    timer?.cancel()
    flight.ended = true
  }
}

/** Never resolves; rejects when the flight is aborted. */
function aborted(flight: Flight): Promise<never> {
  return new Promise((_, reject) => {
    flight.onAbort = reject
  })
}

function timeout(key: string, afterMs: number): StaleproofError {
  return new StaleproofError(
    'E_LOADING_TIMEOUT',
    `the loader of '${key}' did not end within ${afterMs} ms; raise the policy's hardTimeout, or let the loader heed load.signal`,
    { details: { key, afterMs } },
  )
}
