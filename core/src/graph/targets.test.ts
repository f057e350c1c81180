import fc from 'fast-check'
import { expect, test } from 'vitest'
import { prefixIn, widest } from './targets.ts'

const text = fc.string({ unit: fc.constantFrom('a', 'b', ':', '\uffff'), maxLength: 4 })

test('the prefix of a name is the one among the widest that it begins with', () => {
  fc.assert(
    fc.property(fc.array(text), text, (prefixes, name) => {
      const found = prefixIn(widest(prefixes), name)
      expect(found === undefined).toBe(!prefixes.some((prefix) => name.startsWith(prefix)))
      if (found !== undefined)
        expect([prefixes.includes(found), name.startsWith(found)]).toEqual([true, true])
    }),
  )
})
