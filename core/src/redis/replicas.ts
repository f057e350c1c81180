/**
 * Replicas: what has to outlive its primary is not acknowledged before they have it.
 */
import { StaleproofError } from '../model/errors.ts'
import type { Driver } from './driver.ts'

/** Everything else that is asked on the connection waits as long. */
const waitMs = 1000

/**
 * To be called when what was written was answered: on another connection there would be nothing to wait for.
 * @throws E_REDIS_REPLICAS: it stands on the primary, and would be lost if a replica were promoted now
 */
export async function replicated(driver: Driver, replicas: number): Promise<void> {
  if (replicas === 0) return
  const count = await driver.replicated(replicas, waitMs)
  if (count >= replicas) return
  throw new StaleproofError(
    'E_REDIS_REPLICAS',
    `only ${count} of ${replicas} replicas have what was written, after ${waitMs} ms; it is in the primary and does not count ` +
      'before they have it: see to the replicas, or lower the option replicas',
    { details: { count, replicas } },
  )
}
