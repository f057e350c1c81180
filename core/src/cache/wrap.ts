/**
 * Wrapped functions: memoisation that cannot go stale. The key is the prefix and the arguments.
 */
import { StaleproofError } from '../model/errors.ts'
import type { InvalidateOptions, InvalidationResult } from '../model/invalidation.ts'
import { checkFunction, checkKnown } from '../model/known.ts'
import { checkName } from '../model/name.ts'
import type { Loader } from '../loading/load.ts'
import { storeOptions, type StoreOptions } from '../model/store.ts'
import type { TargetLike } from '../invalidation/request.ts'

/** What a wrapped function needs of its cache. */
export interface Memory<P extends string> {
  getOrSet<V>(key: string, loader: Loader<V>, options: StoreOptions<P>): Promise<V>
  invalidate(target: TargetLike, options?: InvalidateOptions): Promise<InvalidationResult>
}

/** How results are stored; by arguments, to name what a result is made from. */
export type WrapOptions<P extends string, A extends readonly unknown[]> =
  | StoreOptions<P>
  | ((...args: A) => StoreOptions<P>)

/** A memoised function; its arguments are text, numbers, plain objects, lists or dates. */
export interface Wrapped<A extends readonly unknown[], V> {
  (...args: A): Promise<V>
  /** The key of a call with these arguments. */
  key(...args: A): string
  /** One result. @throws E_KEY_UNMAKEABLE */
  invalidate(...args: A): Promise<InvalidationResult>
  /** Every result of this function, whatever the arguments. */
  invalidateAll(options?: InvalidateOptions): Promise<InvalidationResult>
}

/** @throws E_NAME_INVALID, E_OPTIONS_INVALID */
export function wrap<P extends string, A extends readonly unknown[], V>(
  cache: Memory<P>,
  prefix: string,
  { fn, options }: { fn: (...args: A) => V | Promise<V>; options: WrapOptions<P, A> },
): Wrapped<A, V> {
  checkName(prefix, 'prefix')
  checkFunction(fn, 'wrap takes a function whose results are kept')
  if (typeof options !== 'function') checkKnown(options, storeOptions, 'wrap')
  const key = (...args: A) => [prefix, ...args.map((arg) => keyPart(arg, prefix))].join(':')
  const optionsFor = typeof options === 'function' ? (args: A) => options(...args) : () => options
  const call = (...args: A): Promise<V> => {
    try {
      return cache.getOrSet(key(...args), () => fn(...args), optionsFor(args))
    } catch (error) {
      return Promise.reject(error)
    }
  }
  return Object.assign(call, {
    key,
    invalidate: async (...args: A) => cache.invalidate(key(...args)),
    invalidateAll: (more?: InvalidateOptions) =>
      cache.invalidate({ names: [prefix], prefix: `${prefix}:` }, more),
  })
}

/** Text as it is, so that keys can be read; all else as `#` and JSON with sorted members, so that 7 is not '7'. */
function keyPart(arg: unknown, prefix: string): string {
  if (typeof arg === 'string') return escapeText(arg)
  return `#${escapeText(JSON.stringify(canonical(arg, prefix)))}`
}

function escapeText(text: string): string {
  return text.replaceAll('%', '%25').replaceAll(':', '%3A').replaceAll('#', '%23')
}

function canonical(value: unknown, prefix: string): unknown {
  switch (typeof value) {
    case 'bigint':
      return { '#bigint': value.toString() }
    case 'undefined':
      return { '#undefined': true }
    case 'number':
      return Number.isFinite(value) ? value : { '#number': String(value) }
    case 'function':
    case 'symbol':
      throw unkeyable(prefix, typeof value)
    case 'object':
      return value === null ? null : canonicalObject(value, prefix)
    default:
      return value
  }
}

function canonicalObject(value: object, prefix: string): unknown {
  if (Array.isArray(value)) return value.map((part) => canonical(part, prefix))
  if (value instanceof Date) return { '#date': value.getTime() }
  const proto: unknown = Object.getPrototypeOf(value)
  if (proto !== Object.prototype && proto !== null) throw unkeyable(prefix, value.constructor.name)
  const members = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))
  // A member that reads like one of our own marks gets a second one.
  const nameOf = (name: string) => (name.startsWith('#') ? `#${name}` : name)
  return Object.fromEntries(members.map(([name, part]) => [nameOf(name), canonical(part, prefix)]))
}

function unkeyable(prefix: string, what: string): StaleproofError {
  return new StaleproofError(
    'E_KEY_UNMAKEABLE',
    `an argument of '${prefix}' is a ${what}, of which no key can be made; pass text, numbers, plain objects or dates`,
  )
}
