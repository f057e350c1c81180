/**
 * Census: which results the gallery holds, and which were loaded, from the events of its cache.
 *
 * Invariant: `held` are the keys that were stored and have not left; a replaced one has not left.
 */
import type { Cache } from 'staleproof'

export class Census {
  readonly #held = new Set<string>()
  readonly #ends: (() => void)[]
  #loads: string[] = []

  constructor(cache: Pick<Cache, 'on'>) {
    this.#ends = [
      cache.on('store', ({ key }) => this.#held.add(key)),
      cache.on('departed', ({ key, why }) => why !== 'replaced' && this.#held.delete(key)),
      cache.on('load', ({ key }) => this.#loads.push(key)),
    ]
  }

  held(): string[] {
    return [...this.#held].sort()
  }

  /** What was loaded since this was asked last; a key twice if it was loaded twice. */
  takeLoads(): string[] {
    const loads = this.#loads.sort()
    this.#loads = []
    return loads
  }

  end(): void {
    for (const end of this.#ends) end()
  }
}

export const kinds = ['thumbnails', 'metadata', 'lists', 'pages', 'settings'] as const
export type Kind = (typeof kinds)[number]

export function kindOf(key: string): Kind {
  if (key.startsWith('thumb:')) return 'thumbnails'
  if (key.startsWith('exif:')) return 'metadata'
  if (key.startsWith('page:')) return 'pages'
  return key === 'settings' ? 'settings' : 'lists'
}
