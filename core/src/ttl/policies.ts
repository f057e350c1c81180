/**
 * The policies of a cache: the seed's four, those that the user adds, each with every rule decided.
 */
import { StaleproofError } from '../model/errors.ts'
import { consistencies } from '../model/invalidation.ts'
import { checkKnown, checkObject, oneOf } from '../model/known.ts'
import type { OnFence, Policy, PolicyOptions } from '../model/policy.ts'
import { durationMs, positiveDurationMs, type Duration } from '../model/quantity.ts'

export interface TtlOptions {
  /** TTL of a policy that names none. Default 1 h. */
  readonly default?: Duration | undefined
  /** Least TTL that a caller may give. Default 1 min. */
  readonly min?: Duration | undefined
  /** Greatest TTL that a caller may give. Default 1 d. */
  readonly max?: Duration | undefined
}

export type BuiltInPolicy = 'default' | 'media' | 'metadata' | 'config'

const builtIn: Readonly<Record<BuiltInPolicy, PolicyOptions>> = {
  default: {},
  media: { ttl: '1d', accessMultiplier: 1.5, maxExtension: '7d' },
  metadata: { ttl: '5m', accessMultiplier: 2, maxExtension: '1h' },
  config: { ttl: '30m', accessMultiplier: 1.2, maxExtension: '2h' },
}

export class Policies {
  readonly #byName = new Map<string, Policy>()

  /** @throws E_OPTIONS_INVALID, E_DURATION_INVALID naming the policy and the rule */
  constructor(own: Readonly<Record<string, PolicyOptions>> = {}, ttl: TtlOptions = {}) {
    checkObject(own, 'policies')
    checkKnown(ttl, ['default', 'min', 'max'], 'ttl')
    for (const name of new Set([...Object.keys(builtIn), ...Object.keys(own)])) {
      checkKnown(own[name], rules, `policies.${name}`)
      const options = { ...builtIn[name as BuiltInPolicy], ...own[name] }
      this.#byName.set(name, resolvePolicy(name, options, ttl))
    }
  }

  /** @throws E_POLICY_UNKNOWN listing those that exist */
  get(name = 'default'): Policy {
    const policy = this.#byName.get(name)
    if (policy !== undefined) return policy
    const known = [...this.#byName.keys()]
    throw new StaleproofError(
      'E_POLICY_UNKNOWN',
      `there is no policy '${name}'; use one of ${known.join(', ')}, or add it to the option 'policies'`,
      { details: { policy: name, known } },
    )
  }

  /** The policy of an entry that was written by another version of the program may be gone: then the default's. */
  find(name: string): Policy {
    return this.#byName.get(name) ?? this.get()
  }

  /** Whether any of them has to know when something was invalidated. */
  get holdsOff(): boolean {
    return this.all().some(({ holdOffMs }) => holdOffMs > 0)
  }

  all(): Policy[] {
    return [...this.#byName.values()]
  }
}

const onFences: readonly OnFence[] = ['bypass', 'error', 'stale']

const rules: readonly (keyof PolicyOptions)[] = [
  'ttl',
  'accessMultiplier',
  'maxExtension',
  'minTtl',
  'maxTtl',
  'jitter',
  'grace',
  'refreshAhead',
  'softTimeout',
  'hardTimeout',
  'negativeTtl',
  'errorTtl',
  'consistency',
  'onFence',
  'holdOff',
]

function resolvePolicy(name: string, options: PolicyOptions, ttl: TtlOptions): Policy {
  const what = (rule: string) => `policies.${name}.${rule}`
  const ttlMs = positiveDurationMs(options.ttl ?? ttl.default ?? '1h', what('ttl'))
  const minTtlMs = positiveDurationMs(options.minTtl ?? ttl.min ?? '1m', what('minTtl'))
  const maxTtlMs = positiveDurationMs(options.maxTtl ?? ttl.max ?? '1d', what('maxTtl'))
  const off = (duration: Duration | undefined, rule: string) => durationMs(duration ?? 0, what(rule))
  if (minTtlMs > maxTtlMs) {
    throw new StaleproofError('E_OPTIONS_INVALID', `${what('minTtl')} is greater than ${what('maxTtl')}`)
  }
  if ((options.accessMultiplier ?? 1) > 1 && options.maxExtension === undefined) {
    const message = `${what('accessMultiplier')} extends nothing without ${what('maxExtension')}; give both`
    throw new StaleproofError('E_OPTIONS_INVALID', message)
  }
  return {
    name,
    ttlMs,
    accessMultiplier: ratio(options.accessMultiplier ?? 1, what('accessMultiplier'), [1, 1000]),
    maxExtensionMs: durationMs(options.maxExtension ?? ttlMs, what('maxExtension')),
    // A policy's own TTL is always allowed, whatever the general bounds are.
    minTtlMs: Math.min(minTtlMs, ttlMs),
    maxTtlMs: Math.max(maxTtlMs, ttlMs),
    jitter: ratio(options.jitter ?? 0, what('jitter'), [0, 1]),
    graceMs: off(options.grace, 'grace'),
    refreshAhead:
      options.refreshAhead === undefined ? null : ratio(options.refreshAhead, what('refreshAhead'), [0, 1]),
    softTimeoutMs: off(options.softTimeout, 'softTimeout'),
    hardTimeoutMs:
      options.hardTimeout === undefined ? null : positiveDurationMs(options.hardTimeout, what('hardTimeout')),
    negativeTtlMs: off(options.negativeTtl, 'negativeTtl'),
    errorTtlMs: off(options.errorTtl, 'errorTtl'),
    consistency: oneOf(options.consistency ?? 'eventual', consistencies, [
      what('consistency'),
      'E_CONSISTENCY_UNKNOWN',
    ]),
    onFence: oneOf(options.onFence ?? 'bypass', onFences, [what('onFence'), 'E_OPTIONS_INVALID']),
    holdOffMs: off(options.holdOff, 'holdOff'),
  }
}

function ratio(value: number, what: string, [min, max]: readonly [number, number]): number {
  if (typeof value === 'number' && value >= min && value <= max) return value
  throw new StaleproofError(
    'E_OPTIONS_INVALID',
    `${what} is ${String(value)}; give a number from ${min} to ${max}`,
  )
}
