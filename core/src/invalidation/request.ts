/**
 * From what a caller says to a request with every choice made.
 */
import { randomUUID } from 'node:crypto'
import { StaleproofError } from '../model/errors.ts'
import {
  consistencies,
  strategies,
  type InvalidateOptions,
  type Mode,
  type Target,
} from '../model/invalidation.ts'
import { checkKnown, checkText, kindOf, oneOf } from '../model/known.ts'
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
  if (typeof all !== 'boolean') throw notBoolean(all)
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
  requestedAt: number,
): InvalidationRequest {
  checkKnown(options, ['strategy', 'consistency', 'mode', 'reason', 'actor'], 'invalidate')
  checkText(options.reason ?? undefined, 'reason')
  checkText(options.actor ?? undefined, 'actor')
  const mode = oneOf(options.mode ?? 'purge', modes, ['mode', 'E_MODE_UNKNOWN'])
  const byDefault = mode === 'soft' ? 'eventual' : 'strict'
  const request: InvalidationRequest = {
    ...resolveTarget(target),
    id: idAt(requestedAt),
    requestedAt,
    strategy: oneOf(options.strategy ?? 'immediate', strategies, ['strategy', 'E_STRATEGY_UNKNOWN']),
    consistency: oneOf(options.consistency ?? byDefault, consistencies, [
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

/** A UUID that begins with the time (RFC 9562, version 7): what is asked for together lies together on a disk. */
function idAt(ms: number): string {
  const time = ms.toString(16).padStart(12, '0')
  return `${time.slice(0, 8)}-${time.slice(8, 12)}-7${randomUUID().slice(15)}`
}

function asTarget(target: TargetLike): Target {
  if (typeof target === 'string' || Array.isArray(target))
    return { names: listOf(target as readonly string[]) }
  const given = (target ?? {}) as Target
  checkKnown(given, ['names', 'prefix', 'all'], 'the target of an invalidation')
  return given
}

function notBoolean(all: unknown): StaleproofError {
  return new StaleproofError('E_OPTIONS_INVALID', `all takes true or false; ${kindOf(all)} was given`)
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
