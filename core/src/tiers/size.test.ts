import { describe, expect, it } from 'vitest'
import { estimateBytes } from './size.ts'

describe('the weight of a value', () => {
  it('is exact for bytes and text, but for a header', () => {
    expect(estimateBytes(new Uint8Array(10_000))).toBe(10_048)
    expect(estimateBytes('x'.repeat(10_000))).toBe(20_024)
  })

  it('grows with what an object holds, whatever it is made of', () => {
    const text = 'x'.repeat(1000)
    for (const value of [[text], { text }, new Map([['k', text]]), new Set([text]), { a: { b: [text] } }]) {
      expect(estimateBytes(value)).toBeGreaterThan(2000)
      expect(estimateBytes(value)).toBeLessThan(2500)
    }
  })

  it('counts what is there twice once, and ends with circles', () => {
    const shared = { text: 'x'.repeat(1000) }
    const circle: { self?: unknown; shared: unknown[] } = { shared: [shared, shared] }
    circle.self = circle
    expect(estimateBytes(circle)).toBeLessThan(2500)
  })

  it('of a large value is estimated from its beginning, and quickly', () => {
    const rows = Array.from({ length: 200_000 }, (_, id) => ({ id, name: 'row' }))
    const bytes = estimateBytes(rows)
    expect(bytes).toBeGreaterThan(200_000 * 8)
    expect(estimateBytes(Array.from({ length: 100_000 }, () => 7))).toBeGreaterThan(100_000 * 8)
  })

  it.each([[null], [7], [true], [7n], [Symbol('s')], [() => 1]])('of %s is small', (value) => {
    expect(estimateBytes(value)).toBeLessThan(100)
  })
})
