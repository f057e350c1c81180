/**
 * What may be said of a value when it is stored.
 */
import type { Consistency } from './invalidation.ts'
import type { Duration } from './quantity.ts'

export interface StoreOptions<P extends string = string> {
  /** Default: 'default'. */
  readonly policy?: P | undefined
  /** Milliseconds, or text such as '5m'; kept within the policy's bounds. Default: the policy's. */
  readonly ttl?: Duration | undefined
  /** Names that this entry goes by, too: `invalidate` one of them and it goes. */
  readonly tags?: string | readonly string[] | undefined
  /** Names that it is made from. */
  readonly dependsOn?: string | readonly string[] | undefined
  /** Weight of the value in bytes. Default: exact for bytes and text, an estimate for objects. */
  readonly size?: number | undefined
}

export interface SetOptions<P extends string = string> extends StoreOptions<P> {
  /**
   * When `set` resolves, and so how long afterwards a reader on another node may still be served what was there before: strict:
   * never; eventual: 5 s; relaxed: 30 s. Default: that of the policy.
   */
  readonly consistency?: Consistency | undefined
}

export const storeOptions: readonly (keyof StoreOptions)[] = ['policy', 'ttl', 'tags', 'dependsOn', 'size']
export const setOptions: readonly (keyof SetOptions)[] = [...storeOptions, 'consistency']
