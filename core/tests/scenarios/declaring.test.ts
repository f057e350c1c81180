import { describe, expect, it } from 'vitest'
import { gate, opened } from '../opened.ts'

describe('links', () => {
  it('declare what a name is made from, before or after it is cached', async () => {
    const { cache } = opened()
    await cache.link('thumb:7', { dependsOn: 'file:7' })
    await cache.set('thumb:7', 1)
    await cache.set('thumb:8', 1)
    await cache.link('thumb:8', { dependsOn: ['file:8'] })
    expect(cache.peek('thumb:8')).toBe(1)
    await cache.invalidate('file:7')
    await cache.invalidate('file:8')
    expect([cache.peek('thumb:7'), cache.peek('thumb:8')]).toEqual([undefined, undefined])
  })

  it('make stale what was made before its dependency was invalidated', async () => {
    const { cache } = opened()
    await cache.set('thumb', 1)
    await cache.set('page', 1, { dependsOn: 'thumb' })
    await cache.invalidate('file')
    expect(cache.peek('thumb')).toBe(1)
    await cache.link('thumb', { dependsOn: 'file' })
    expect([cache.peek('thumb'), cache.peek('page')]).toEqual([undefined, undefined])
  })

  it('reach through what is cached in between, in whatever order it came', async () => {
    const steps = {
      link: (cache: Cache) => cache.link('a', { dependsOn: 'b' }),
      b: (cache: Cache) => cache.getOrSet('b', (load) => (load.dependsOn('c'), 1)),
      a: (cache: Cache) => cache.getOrSet('a', () => 1),
    }
    type Cache = ReturnType<typeof opened>['cache']
    const orders = [
      ['link', 'b', 'a'],
      ['link', 'a', 'b'],
      ['b', 'link', 'a'],
      ['b', 'a', 'link'],
      ['a', 'b', 'link'],
      ['a', 'link', 'b'],
    ] as const
    for (const order of orders) {
      const { cache } = opened()
      for (const step of order) await steps[step](cache)
      await cache.invalidate('c')
      expect([order, cache.peek('a'), cache.peek('b')]).toEqual([order, undefined, undefined])
    }
  })

  it('are taken back, one or all', async () => {
    const { cache } = opened()
    await cache.link('a', { dependsOn: ['x', 'y', 'z'] })
    await cache.set('a', 1)
    await cache.unlink('a', { dependsOn: 'x' })
    await cache.invalidate('x')
    expect(cache.peek('a')).toBe(1)
    await cache.unlink('a')
    await cache.invalidate(['y', 'z'])
    expect(cache.peek('a')).toBe(1)
    await cache.link('a', { dependsOn: 'x' })
    expect(cache.peek('a')).toBeUndefined()
  })
})

describe('rules', () => {
  it('declare by pattern', async () => {
    const { cache } = opened()
    await cache.rule('thumb:{album}/{photo}', { dependsOn: 'file:/photos/{album}/{photo}' })
    await cache.rule('album:{album}', { dependsOn: 'file:/photos/{album}/{photo}' })
    await cache.rule('page:{album}/{number}', { dependsOn: 'album:{album}' })
    for (const key of ['thumb:a/1', 'thumb:a/2', 'album:a', 'album:b', 'page:a/1', 'page:b/1'])
      await cache.set(key, 1)
    const { cascade } = await cache.invalidate('file:/photos/a/1')
    expect(cascade.map(({ name }) => name)).toEqual(['file:/photos/a/1', 'thumb:a/1', 'album:a', 'page:a/1'])
    const left = await cache.getMany(['thumb:a/1', 'thumb:a/2', 'album:a', 'album:b', 'page:a/1', 'page:b/1'])
    expect([...left.keys()]).toEqual(['thumb:a/2', 'album:b', 'page:b/1'])
  })

  it('make stale once what they speak of, and nothing when said again', async () => {
    const { cache } = opened()
    const declare = () => cache.rule('thumb:{id}', { dependsOn: 'file:{id}' })
    await cache.set('thumb:1', 1)
    await cache.set('other', 1)
    await declare()
    expect([cache.peek('thumb:1'), cache.peek('other')]).toEqual([undefined, 1])
    await cache.set('thumb:1', 1)
    await declare()
    expect(cache.peek('thumb:1')).toBe(1)
    await cache.unrule('thumb:{id}')
    await cache.invalidate('file:1')
    expect(cache.peek('thumb:1')).toBe(1)
  })

  it('reach through what is cached in between', async () => {
    const { cache } = opened()
    await cache.rule('album:{album}', { dependsOn: 'photo:{album}/{photo}' })
    await cache.set('album:a', 1)
    await cache.getOrSet('photo:a/1', (load) => (load.dependsOn('exif'), 1))
    await cache.invalidate('exif')
    expect([cache.peek('photo:a/1'), cache.peek('album:a')]).toEqual([undefined, undefined])
  })
})

describe('wrapped functions', () => {
  it('are keyed by their arguments', async () => {
    const { cache } = opened()
    let calls = 0
    const album = cache.wrap('album', (id: string, size: number) => `${id}@${size}#${++calls}`)
    expect(await album('7', 2)).toBe('7@2#1')
    expect(await album('7', 2)).toBe('7@2#1')
    expect(await album('7', 3)).toBe('7@3#2')
    expect(album.key('7', 2)).toBe('album:7:#2')
    await album.invalidate('7', 2)
    expect(await album('7', 2)).toBe('7@2#3')
    expect(await album('7', 3)).toBe('7@3#2')
    await album.invalidateAll()
    expect(await album('7', 3)).toBe('7@3#4')
  })

  it('may name what a result is made from by its arguments', async () => {
    const { cache } = opened()
    const exif = cache.wrap(
      'exif',
      (path: string) => path.length,
      (path) => ({ dependsOn: `file:${path}` }),
    )
    await exif('/a')
    await exif('/b')
    await cache.invalidate('file:/a')
    expect([cache.peek('exif:/a'), cache.peek('exif:/b')]).toEqual([undefined, 2])
  })

  it('never take two different calls for one', async () => {
    const { cache } = opened()
    const { key } = cache.wrap('f', (...args: unknown[]) => args)
    const calls: unknown[][] = [
      [],
      [''],
      ['a:b'],
      ['a', 'b'],
      ['a%3Ab'],
      [7],
      ['7'],
      ['#7'],
      [null],
      ['null'],
      [undefined],
      [true],
      [7n],
      [NaN],
      [{ a: 1, b: 2 }],
      [{ a: '7n' }],
      [{ a: 7n }],
      [[1, 2]],
      [new Date(0)],
      ['1970-01-01T00:00:00.000Z'],
    ]
    expect(new Set(calls.map((args) => key(...args))).size).toBe(calls.length)
    expect(key({ b: 2, a: 1 })).toBe(key({ a: 1, b: 2 }))
    expect(() => key(() => 1)).toThrow(expect.objectContaining({ code: 'E_KEY_UNMAKEABLE' }))
    expect(() => key(new Map())).toThrow(expect.objectContaining({ code: 'E_KEY_UNMAKEABLE' }))
  })
})

describe('fills from outside', () => {
  it('are kept if nothing they depend on was invalidated since their token', async () => {
    const { cache } = opened()
    const since = cache.token()
    await cache.invalidate('unrelated')
    expect(await cache.fill('a', 1, { since, dependsOn: 'row' })).toMatchObject({ stored: true })
    expect(cache.peek('a')).toBe(1)
    await cache.invalidate('row')
    expect(cache.peek('a')).toBeUndefined()
    expect(await cache.fill('a', 2, { since, dependsOn: 'row' })).toEqual({
      stored: false,
      refused: 'invalidated',
      expiresAt: null,
    })
    expect(await cache.fill('row', 2, { since })).toMatchObject({ refused: 'invalidated' })
  })

  it('are refused if what they name was loaded before it was invalidated, and handed out all the same', async () => {
    const { cache } = opened()
    const since = cache.token()
    const { passed, open } = gate()
    const list = cache.getOrSet('list', () => passed.then(() => 'old'), { tags: ['row'] })
    await cache.invalidate('row')
    open()
    expect([await list, cache.peek('list')]).toEqual(['old', undefined])
    expect(await cache.fill('page', 'of the old list', { since, dependsOn: 'list' })).toMatchObject({
      refused: 'invalidated',
    })
    const now = cache.token()
    expect(await cache.fill('page', 'of a new list', { since: now, dependsOn: 'list' })).toMatchObject({
      stored: true,
    })
  })

  it('that are refused refuse nobody who names what is held', async () => {
    const { cache } = opened()
    const old = cache.token()
    await cache.set('c', 1)
    await cache.invalidate('c')
    await cache.set('b', 1)
    const since = cache.token()
    await cache.invalidate('other')
    expect(await cache.fill('b', 2, { since: old, dependsOn: 'c' })).toMatchObject({ refused: 'invalidated' })
    expect(await cache.fill('p', 1, { since, dependsOn: 'b' })).toMatchObject({ stored: true })
    expect((await cache.explain('b')).went).toBeNull()
  })

  it('are refused for a load that was overtaken by the position of what overtook it, and no later', async () => {
    const { cache } = opened()
    const { passed, open } = gate()
    const list = cache.getOrSet('list', () => passed.then(() => 'old'), { tags: ['row'] })
    await cache.invalidate('row')
    const since = cache.token()
    await cache.getOrSet('list', () => 'new', { tags: ['row'] })
    await cache.invalidate('other')
    open()
    expect([await list, cache.peek('list')]).toEqual(['old', 'new'])
    expect(await cache.fill('page', 'of the new list', { since, dependsOn: 'list' })).toMatchObject({
      stored: true,
    })
    expect((await cache.explain('list')).went).toBeNull()
  })

  it('are refused with a token of another life of the cache', async () => {
    const since = opened().cache.token()
    expect(await opened().cache.fill('a', 1, { since })).toMatchObject({
      stored: false,
      refused: 'unknown-token',
    })
    await expect(opened().cache.fill('a', 1, { since: 'x' })).rejects.toMatchObject({
      code: 'E_TOKEN_INVALID',
    })
  })
})
