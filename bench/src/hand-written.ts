/**
 * What one would write by hand: a Map with a TTL and a version that invalidates everything at once.
 *
 * Two variants. Both lack single-flight for errors, eviction, dependencies, grace: they are the floor.
 */

interface Kept<V> {
  readonly value: V
  readonly promise: Promise<V>
  readonly version: number
  readonly expiresAt: number
}

const ttlMs = 3_600_000

/** The time, looked at every ms and not at every hit. */
export class CoarseClock {
  ms = Date.now()
  readonly #timer = setInterval(() => (this.ms = Date.now()), 1)

  close(): void {
    clearInterval(this.#timer)
  }
}

/** Hands out the promise that was kept. */
export class PromiseMap<V> {
  readonly #entries = new Map<string, Kept<V>>()
  readonly #clock: CoarseClock
  version = 1

  constructor(clock: CoarseClock) {
    this.#clock = clock
  }

  getOrSet(key: string, loader: () => Promise<V>): Promise<V> {
    const entry = this.#entries.get(key)
    if (entry !== undefined && entry.version === this.version && this.#clock.ms < entry.expiresAt)
      return entry.promise
    return this.#load(key, loader)
  }

  async #load(key: string, loader: () => Promise<V>): Promise<V> {
    const { version } = this
    const value = await loader()
    const promise = Promise.resolve(value)
    this.#entries.set(key, { value, promise, version, expiresAt: this.#clock.ms + ttlMs })
    return value
  }
}

/** An async function, as most would write it. */
export class AsyncMap<V> {
  readonly #entries = new Map<string, Kept<V>>()
  version = 1

  async getOrSet(key: string, loader: () => Promise<V>): Promise<V> {
    const entry = this.#entries.get(key)
    if (entry !== undefined && entry.version === this.version && Date.now() < entry.expiresAt)
      return entry.value
    const { version } = this
    const value = await loader()
    const promise = Promise.resolve(value)
    this.#entries.set(key, { value, promise, version, expiresAt: Date.now() + ttlMs })
    return value
  }
}
