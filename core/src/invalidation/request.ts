/**
 * From what a caller says to a request with every choice made.
 */
import { StaleproofError, type ErrorCode } from '../model/errors.ts'
import {
  consistencies,
  strategies,
  type InvalidateOptions,
  type Mode,
  type Target,
} from '../model/invalidation.ts'
import { checkKnown } from '../model/known.ts'
import { checkName, checkNames, listOf } from '../model/name.ts'
import type { InvalidationRequest } from './contract.ts'

const modes: readonly Mode[] = ['purge', 'soft']

/** What changed: one name, several, or a target. */
export type TargetLike = string | readonly string[] | Target

export type ResolvedTarget = Pick<InvalidationRequest, 'names' | 'prefix' | 'all'>

/** @throws E_NAME_INVALID, E_TARGET_EMPTY */
export function resolveTarget(target: TargetLike): ResolvedTarget {
  const { names: given = [], prefix, all = false } = asTarget(target)
  const names = listOf(given)
  checkNames(names)
  if (prefix !== undefined) checkName(prefix, 'prefix')
  if (names.length === 0 && prefix === undefined && !all) {
    throw new StaleproofError('E_TARGET_EMPTY', 'nothing was named; give names, a prefix, or all: true')
  }
  return { names: [...new Set(names)], prefix: prefix ?? null, all }
}

/**
 * @throws E_NAME_INVALID, E_TARGET_EMPTY, E_STRATEGY_UNKNOWN, E_CONSISTENCY_UNKNOWN, E_MODE_UNKNOWN,
 *   E_MODE_UNSUPPORTED
 */
export function resolveRequest(
  target: TargetLike,
  options: InvalidateOptions,
  { id, requestedAt }: { id: string; requestedAt: number },
): InvalidationRequest {
  checkKnown(options, ['strategy', 'consistency', 'mode', 'reason', 'actor'], 'invalidate')
  const mode = known(options.mode ?? 'purge', modes, ['mode', 'E_MODE_UNKNOWN'])
  const byDefault = mode === 'soft' ? 'eventual' : 'strict'
  const request: InvalidationRequest = {
    ...resolveTarget(target),
    id,
    requestedAt,
    strategy: known(options.strategy ?? 'immediate', strategies, ['strategy', 'E_STRATEGY_UNKNOWN']),
    consistency: known(options.consistency ?? byDefault, consistencies, [
      'consistency',
      'E_CONSISTENCY_UNKNOWN',
    ]),
    mode,
    reason: options.reason ?? null,
    actor: options.actor ?? null,
  }
  if (mode === 'soft') checkSoft(request)
  return request
}

function asTarget(target: TargetLike): Target {
  if (typeof target === 'string' || Array.isArray(target))
    return { names: listOf(target as readonly string[]) }
  checkKnown(target, ['names', 'prefix', 'all'], 'the target of an invalidation')
  return target as Target
}

/** A soft invalidation lets old values be served for its bound: it has to have one, and to name what it speaks of. */
function checkSoft(request: InvalidationRequest): void {
  const problem =
    request.consistency === 'strict'
      ? "strict allows no reader to get the old value; use 'eventual' or 'relaxed'"
      : request.prefix !== null || request.all
        ? 'a prefix or "all" cannot be made stale softly; name what changed'
        : undefined
  if (problem === undefined) return
  throw new StaleproofError(
    'E_MODE_UNSUPPORTED',
    `mode 'soft' was asked for, but ${problem}, or mode 'purge'`,
  )
}

function known<T extends string>(value: T, all: readonly T[], [what, code]: readonly [string, ErrorCode]): T {
  if (all.includes(value)) return value
  throw new StaleproofError(code, `there is no ${what} '${String(value)}'; use one of ${all.join(', ')}`, {
    details: { [what]: value, known: all },
  })
}
