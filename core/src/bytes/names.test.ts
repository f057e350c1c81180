import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { keyOf, nameOf, pairOf, pairsOf, rangeOf, splitPair } from './names.ts'

/** Of every kind: short and long, with half a surrogate pair in it or not, alike but for their ends. */
const name = fc.oneof(
  fc.string({ unit: 'binary', minLength: 1, maxLength: 20 }),
  fc
    .constantFrom('a', '\ud83d', '\ude00', 'é')
    .chain((end) =>
      fc.constantFrom(0, 447, 448, 449, 479, 480, 481, 3000).map((length) => 'x'.repeat(length) + end),
    ),
  fc
    .array(fc.constantFrom('\ud83d', '\ude00', 'a', '\ufffd'), { minLength: 1, maxLength: 4 })
    .map((parts) => parts.join('')),
)

const isWithin = (key: Buffer, { start, end }: { start?: Buffer; end?: Buffer }) =>
  (start === undefined || start.compare(key) <= 0) && (end === undefined || key.compare(end) < 0)

describe('a name as a key', () => {
  it('is the name itself up to 480 bytes, and has 465 beyond', () => {
    expect(keyOf('photo:é')).toEqual(Buffer.from('photo:é'))
    expect(keyOf('x'.repeat(480)).length).toBe(480)
    const long = keyOf('x'.repeat(481))
    expect(long.length).toBe(465)
    expect(long.subarray(0, 449)).toEqual(Buffer.concat([Buffer.from('x'.repeat(448)), Buffer.of(0xff)]))
    expect(long.toString('hex', 449)).toBe('920a23beef54579d8007f01660d20a18')
  })

  it('is another for every other name, and gives the name back if it holds all of it', () => {
    fc.assert(
      fc.property(name, name, (a, b) => {
        expect(keyOf(a).equals(keyOf(b))).toBe(a === b)
        expect([a, undefined]).toContain(nameOf(keyOf(a)))
        if (Buffer.byteLength(a) <= 480 && Buffer.from(a).toString() === a) expect(nameOf(keyOf(a))).toBe(a)
      }),
      { numRuns: 2000 },
    )
  })

  it('stands in the range of each of its prefixes', () => {
    fc.assert(
      fc.property(name, fc.nat(4000), (a, length) => {
        expect(isWithin(keyOf(a), rangeOf(a.slice(0, length)))).toBe(true)
      }),
      { numRuns: 2000 },
    )
  })
})

describe('a pair of names as a key', () => {
  it('gives both back, and stands among those of its name only', () => {
    fc.assert(
      fc.property(name, name, name, (a, b, other) => {
        const pair = pairOf(keyOf(a), keyOf(b))
        expect(splitPair(pair)).toEqual({ name: keyOf(a), key: keyOf(b) })
        expect(isWithin(pair, pairsOf(keyOf(other)))).toBe(a === other)
        expect(isWithin(pair, rangeOf(a))).toBe(true)
      }),
      { numRuns: 2000 },
    )
  })
})
