/**
 * A cache under a clock that the test moves, with a source that counts and a trace of what happened.
 */
import type { Cache } from '../src/cache/cache.ts'
import { createCache } from '../src/index.ts'
import type { BuiltInPolicy, CacheEventName, CacheOptions } from '../src/index.ts'
import { TestClock } from './clock.ts'

const traced: readonly CacheEventName[] = [
  'hit',
  'miss',
  'load',
  'stale',
  'departed',
  'changed',
  'error',
  'warning',
]

export interface Opened<P extends string> {
  readonly cache: Cache<P | BuiltInPolicy>
  readonly clock: TestClock
  /** What happened since it was last taken: `miss a`, `load a stored`, `departed a invalidated` ... */
  take(): string[]
}

export function opened<const P extends string = never>(options: CacheOptions<P> = {}): Opened<P> {
  const clock = new TestClock()
  const cache = createCache<P>({ clock, random: () => 0.5, ...options })
  const lines: string[] = []
  for (const name of traced) cache.on(name, (event) => lines.push(lineOf(name, event)))
  return { cache, clock, take: () => lines.splice(0) }
}

function lineOf(name: CacheEventName, event: object): string {
  const fields = event as Record<string, string | boolean | undefined>
  const { key, name: named, refused, stored, because, why, during, code } = fields
  const outcome =
    name === 'load' ? (stored === true ? 'stored' : refused) : (because ?? why ?? during ?? code ?? '')
  return `${name} ${String(key ?? named ?? '')} ${String(outcome)}`.trim()
}

export interface Gate<T> {
  readonly passed: Promise<T>
  readonly open: (value: T) => void
  readonly fail: (error: Error) => void
}

/** A promise that the test settles. */
export function gate<T = void>(): Gate<T> {
  let open: Gate<T>['open'] | undefined
  let fail: Gate<T>['fail'] | undefined
  const passed = new Promise<T>((resolve, reject) => {
    open = resolve
    fail = reject
  })
  if (open === undefined || fail === undefined) throw new Error('a promise runs its executor at once')
  return { passed, open, fail }
}
