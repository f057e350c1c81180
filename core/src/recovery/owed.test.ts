import { describe, expect, it } from 'vitest'
import { Owed } from './owed.ts'

const names = (count: number, from = 0) => Array.from({ length: count }, (_, i) => `name ${from + i}`)

describe('what is owed', () => {
  it('is paid in parts, prefixes first, and leaves as it is paid', () => {
    const owed = new Owed()
    owed.add({ names: names(1500), prefix: 'a' })
    const sizes: unknown[] = []
    for (let part = owed.next(); part !== undefined; part = owed.next()) {
      sizes.push('prefix' in part ? part.prefix : part.names.length, owed.count)
      owed.paid(part)
    }
    expect(sizes).toEqual(['a', 1501, 1000, 1500, 500, 500])
    expect(owed.isNothing).toBe(true)
  })

  it('is asked for again until it is paid', () => {
    const owed = new Owed()
    owed.add({ names: ['a'], prefix: null })
    expect([owed.next(), owed.next()]).toEqual([{ names: ['a'] }, { names: ['a'] }])
  })

  it('counts a name once', () => {
    const owed = new Owed()
    owed.add({ names: ['a', 'b'], prefix: null })
    owed.add({ names: ['b', 'c'], prefix: null })
    expect(owed.count).toBe(3)
  })

  it('is everything, past 100,000', () => {
    const owed = new Owed()
    owed.add({ names: names(100_000), prefix: null })
    expect(owed.count).toBe(100_000)
    const part = owed.next()
    owed.add({ names: ['one more'], prefix: null })
    expect(owed.count).toBe('everything')
    if (part !== undefined) owed.paid(part)
    expect(owed.next()).toEqual({ prefix: '' })
    owed.add({ names: ['another'], prefix: 'a' })
    expect(owed.count).toBe('everything')
    owed.paid({ prefix: '' })
    expect(owed.isNothing).toBe(true)
  })
})
