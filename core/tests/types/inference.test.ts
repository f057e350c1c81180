import { describe, expectTypeOf, it } from 'vitest'
import { disk } from '../../src/disk.ts'
import { createCache } from '../../src/index.ts'
import { redis } from '../../src/redis.ts'

describe('types follow from what is written', () => {
  const cache = createCache({ policies: { page: { ttl: '2h' } } })

  it('a value has the type that its loader gives', () => {
    expectTypeOf(cache.getOrSet('k', () => 1)).resolves.toBeNumber()
    expectTypeOf(cache.getOrSet('k', async () => ({ a: [true] }))).resolves.toEqualTypeOf<{ a: boolean[] }>()
    expectTypeOf(cache.peek<string>('k')).toEqualTypeOf<string | undefined>()
  })

  it('a policy is one of the options, or one that is there always', () => {
    type Options = NonNullable<Parameters<typeof cache.set>[2]>
    expectTypeOf<Options['policy']>().toEqualTypeOf<
      'page' | 'default' | 'media' | 'metadata' | 'config' | undefined
    >()
    // @ts-expect-error there is no such policy
    void (() => cache.getOrSet('k', () => 1, { policy: 'pgae' }))
    // @ts-expect-error nor is that a duration
    void (() => cache.getOrSet('k', () => 1, { ttl: 'soon' }))
    // @ts-expect-error nor is there such an option
    void (() => cache.getOrSet('k', (load) => load.getOrSet('j', () => 1, { polcy: 'page' })))
  })

  it('a wrapped function takes and gives what the function does', () => {
    const album = cache.wrap('album', async (id: string, size: number) => ({ id, size }))
    expectTypeOf(album).parameters.toEqualTypeOf<[string, number]>()
    expectTypeOf(album).returns.resolves.toEqualTypeOf<{ id: string; size: number }>()
    expectTypeOf(album.invalidate).parameters.toEqualTypeOf<[string, number]>()
  })

  it('a backend knows its option', () => {
    // @ts-expect-error a server is no directory
    void (() => createCache({ disk: redis() }))
    // @ts-expect-error a directory is no server
    void (() => createCache({ redis: disk({ path: '.' }) }))
  })

  it('a listener knows its event', () => {
    cache.on('load', (event) => expectTypeOf(event.durationMs).toBeNumber())
    // @ts-expect-error there is no such event
    void (() => cache.on('loaded', () => undefined))
  })
})
