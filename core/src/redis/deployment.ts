/**
 * Deployment: whether the server is one that the log may be kept on, and what strict is worth there.
 *
 * Invariant: what cannot be told is refused or called unknown, never taken for good.
 */
import type { Worth } from '../model/backing.ts'
import { StaleproofError } from '../model/errors.ts'
import { textOf, type Driver } from './driver.ts'

export interface Deployment {
  readonly worth: Worth
}

/** Where what is kept apart from the log may be evicted, but nothing that the log needs. */
const good = new Set(['noeviction', 'volatile-lru', 'volatile-lfu', 'volatile-ttl', 'volatile-random'])

/** @throws E_REDIS_VERSION, E_REDIS_EVICTION */
export async function inspect(driver: Driver, replicas: number): Promise<Deployment> {
  const info = fieldsOf(textOf(await driver.call('EVAL', allInfo, 1, driver.prefix)))
  const version = info.get('redis_version') ?? ''
  if (Number.parseInt(version, 10) < 7) throw tooOld(version)
  const policy = info.get('maxmemory_policy') ?? 'unknown'
  if (!good.has(policy)) throw evicting(policy)
  return { worth: worthOf(Number(info.get('connected_slaves') ?? Number.NaN), replicas) }
}

/** By a script, so that a cluster asks the server that has the keys. */
const allInfo = `
#!lua
return redis.call('INFO', 'server') .. redis.call('INFO', 'memory') .. redis.call('INFO', 'replication')
`.trimStart()

function worthOf(attached: number, replicas: number): Worth {
  if (Number.isNaN(attached))
    return { is: 'unknown', why: 'the server does not say how many replicas it has' }
  if (attached === 0 && replicas === 0) return { is: 'single', why: 'one instance: strict holds' }
  const waits = `${replicas} of ${attached} replicas are waited for with every record`
  if (attached > 0 && replicas >= attached)
    return {
      is: 'waited',
      why: `${waits}: strict holds if only those are promoted, and min-replicas-to-write is ${replicas}`,
    }
  return {
    is: 'unsafe',
    why: `${waits}: one that is promoted may lack what was acknowledged; raise the option replicas, and min-replicas-to-write`,
  }
}

function fieldsOf(info: string): Map<string, string> {
  const lines = info.split('\r\n').map((line) => line.split(':'))
  return new Map(lines.map(([name = '', ...value]) => [name, value.join(':')]))
}

function tooOld(version: string): StaleproofError {
  return new StaleproofError(
    'E_REDIS_VERSION',
    `the server is Redis ${version}; Redis 7 or Valkey 8 is needed, or newer`,
    { details: { version } },
  )
}

function evicting(policy: string): StaleproofError {
  return new StaleproofError(
    'E_REDIS_EVICTION',
    `the server may evict any key (maxmemory-policy ${policy}), so also what says that something is stale; set it to ` +
      'noeviction, or to volatile-lru: then only cached values are evicted',
    { details: { policy } },
  )
}
