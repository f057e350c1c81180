/**
 * Up to: waits until this node has applied the log as far as a token says.
 *
 * Invariants: it resolves only when whatever was invalidated at or before the token is known here, or nothing from before
 * is served any more, since another generation began; a node that cannot find out rejects.
 */
import type { Log } from '../log/contract.ts'
import type { Clock } from '../model/clock.ts'
import { StaleproofError } from '../model/errors.ts'
import { parseToken } from '../model/position.ts'

/** A process that gave out the token is done telling the others after so long, unless it died over it. */
const pausesMs: readonly number[] = [0, 5, 50, 500, 1000]

/** @throws E_TOKEN_INVALID, E_TOKEN_UNKNOWN, E_CONSISTENCY_UNREACHED */
export async function upTo(token: string, { log, clock }: { log: Log; clock: Clock }): Promise<void> {
  const { generation, n } = parseToken(token)
  const isThere = () => log.generation === generation && log.applied >= n
  log.catchUp()
  if (isThere()) return
  for (const pauseMs of pausesMs) {
    if (pauseMs > 0) await new Promise<void>((resolve) => clock.schedule(pauseMs, resolve, true))
    if (log.membership !== undefined && !(await log.membership.refresh())) throw unreached(token, log)
    log.catchUp()
    // What the log says now is newer than the token: its generation is over.
    if (log.generation !== generation || isThere()) return
  }
  throw new StaleproofError(
    'E_TOKEN_UNKNOWN',
    `the token '${token}' is ahead of the log, which is at ${log.applied}: it was not given by a cache of this log, or the log was ` +
      'set back; invalidate again what it was for',
    { details: { token, applied: log.applied } },
  )
}

function unreached(token: string, { membership, applied }: Log): StaleproofError {
  const failure = membership?.failure
  return new StaleproofError(
    'E_CONSISTENCY_UNREACHED',
    `this node has applied the log up to ${applied} and could not ask for more (${failure?.message ?? 'it was closed'}), so that it ` +
      `cannot tell what was invalidated up to '${token}'; try again, or read from the source`,
    { cause: failure, details: { token, applied } },
  )
}
