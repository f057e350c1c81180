/**
 * Rules against regular expressions that are allowed to backtrack.
 */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { headOf, parsePattern, readName, type Pattern } from './pattern.ts'
import { Rules } from './rules.ts'
import { widest } from './targets.ts'

const photos = { dependent: 'thumb:{album}/{photo}', dependsOn: ['file:/photos/{album}/{photo}', 'settings'] }

describe('a pattern that cannot be read is refused, with the column', () => {
  test.each([
    ['', 1, 'it is empty'],
    ['a:{b', 3, 'never closed'],
    ['a:b}', 4, 'never opened'],
    ['a:{}', 3, 'no name'],
    ['a:{*}', 3, 'no name'],
    ['a:{b c}', 3, 'no variable'],
    ['a:{b}/{b}', 7, 'occurs twice'],
    ['a:{b}{c}', 6, 'put text between'],
    ['a:{{{b', 5, 'never closed'],
  ])('%s', (text, column, problem) => {
    expect(() => parsePattern(text)).toThrow(
      expect.objectContaining({
        code: 'E_GRAPH_RULE_INVALID',
        message: expect.stringMatching(new RegExp(`column ${column}: .*${problem}`)),
        details: { pattern: text, column },
      }),
    )
  })

  test('so is a dependent that begins with a variable, and a rule that depends on nothing', () => {
    const rules = new Rules()
    expect(() => rules.add({ dependent: '{a}:b', dependsOn: ['c'] })).toThrow(/begin it with text/)
    expect(() => rules.add({ dependent: 'a', dependsOn: [] })).toThrow(/at least one pattern/)
    expect(rules.size).toBe(0)
  })
})

describe('reading a name', () => {
  test.each([
    ['file:/p/{a}/{b}', 'file:/p/x/y.jpg', ['x', 'y.jpg']],
    ['file:/p/{a}/{b}', 'file:/p/x/y/z', undefined],
    ['file:/p/{a}/{b}', 'file:/p//y', undefined],
    ['file:{path*}', 'file:/p/x/y', ['/p/x/y']],
    ['file:{path*}/{name}', 'file:/p/x/y', ['/p/x', 'y']],
    ['{a}-{b}', 'x-y-z', ['x', 'y-z']],
    ['{a*}.{b*}.c', 'x.y.c.z.c', ['x', 'y.c.z']],
    ['{{{a}}}', '{x}', ['x']],
    ['plain', 'plain', []],
    ['plain', 'plainer', undefined],
    ['a:{b}', 'a:', undefined],
    ['a:{b}', 'a:b:c', undefined],
  ])('%s reads %s', (pattern, name, values) => {
    expect(readName(parsePattern(pattern), name)).toEqual(values)
  })

  const letter = fc.constantFrom('a', 'b', '/', ':', '-')
  const shape = fc.array(
    fc.record({
      literal: fc.array(letter, { minLength: 1, maxLength: 2 }).map((letters) => letters.join('')),
      rest: fc.boolean(),
    }),
    { minLength: 1, maxLength: 4 },
  )
  const anyPattern = fc
    .record({ shape, tail: fc.constantFrom('', 'a', '/', 'b-') })
    .map(({ shape, tail }) => {
      const head = shape.map(({ literal, rest }, i) => `${literal}{v${i}${rest ? '*' : ''}}`).join('')
      return parsePattern(head + tail)
    })
  const anyName = fc.array(letter, { maxLength: 14 }).map((letters) => letters.join(''))

  /** Lazy quantifiers, tried one after the other: earlier variables take less. */
  function naive({ literals, variables }: Pattern, name: string): string[] | undefined {
    const body = variables.map(({ rest }, i) => (rest ? '(.+?)' : '([^/:]+?)') + literals[i + 1]).join('')
    return new RegExp(`^${literals[0]}${body}$`).exec(name)?.slice(1)
  }

  test('any pattern reads any name as a backtracking search would', () => {
    const values = fc.array(
      fc.array(letter, { minLength: 1, maxLength: 4 }).map((letters) => letters.join('')),
      { minLength: 4, maxLength: 4 },
    )
    let read = 0
    const agree = (pattern: Pattern, name: string) => {
      const expected = naive(pattern, name)
      if (expected !== undefined) read++
      expect(readName(pattern, name)).toEqual(expected)
    }
    const property = fc.property(anyPattern, anyName, values, (pattern, name, values) => {
      agree(pattern, headOf(pattern) + name)
      agree(pattern, pattern.literals.map((literal, i) => (i > 0 ? values[i - 1] : '') + literal).join(''))
    })
    fc.assert(property, { numRuns: 5000 })
    expect(read).toBeGreaterThan(1000)
  })

  test('a name made to confuse costs its length squared, not a power per variable', () => {
    const pattern = parsePattern('a{p*}-{q}-{r}-{s}-{t}!b{u}.')
    const name = `a${'-x'.repeat(4000)}.`
    const start = performance.now()
    expect(readName(pattern, name)).toBeUndefined()
    expect(performance.now() - start).toBeLessThan(2000)
  })
})

describe('a step', () => {
  test('leads from a name to its dependents, and back', () => {
    const rules = new Rules()
    rules.add(photos)
    expect(rules.dependentsOf('file:/photos/rome/1.jpg')).toEqual({
      names: ['thumb:rome/1.jpg'],
      prefixes: [],
    })
    expect(rules.dependenciesOf('thumb:rome/1.jpg')).toEqual({
      names: ['file:/photos/rome/1.jpg', 'settings'],
      prefixes: [],
    })
  })

  test('leads to a prefix where a variable is not known', () => {
    const rules = new Rules()
    rules.add({ dependent: 'page:{album}/by/{user}', dependsOn: ['album:{album}', 'settings'] })
    expect(rules.dependentsOf('album:rome')).toEqual({ names: [], prefixes: ['page:rome/by/'] })
    expect(rules.dependentsOf('settings')).toEqual({ names: [], prefixes: ['page:'] })
    expect(rules.dependenciesOf('page:rome/by/ann')).toEqual({
      names: ['album:rome', 'settings'],
      prefixes: [],
    })
  })

  test.each([
    ['', true],
    ['file:/ph', true],
    ['file:/photos/', true],
    ['file:/photos/rome/', true],
    ['sett', true],
    ['settings', true],
    ['settings/', false],
    ['file:/music', false],
  ])('from all that begins with %j: %s', (prefix, reaches) => {
    const rules = new Rules()
    rules.add(photos)
    expect(rules.dependentsOfPrefix(prefix)).toEqual({ names: [], prefixes: reaches ? ['thumb:'] : [] })
  })

  test('of a prefix covers the step of every name in it', () => {
    const rules = new Rules()
    rules.add(photos)
    rules.add({ dependent: 'feed', dependsOn: ['thumb:{a}/{b}'] })
    const name = fc.stringMatching(/^(file:\/photos\/|thumb:|settings)[ab/]{0,6}$/)
    const property = fc.property(name, fc.nat(20), (name, length) => {
      const { names, prefixes } = rules.dependentsOf(name)
      const wide = rules.dependentsOfPrefix(name.slice(0, length))
      const isCovered = (text: string) => wide.prefixes.some((prefix) => text.startsWith(prefix))
      for (const made of names) expect(wide.names.includes(made) || isCovered(made)).toBe(true)
      for (const prefix of prefixes) expect(isCovered(prefix)).toBe(true)
    })
    fc.assert(property, { numRuns: 500 })
  })
})

describe('a set of rules', () => {
  test('has a rule once, whatever the order of what it depends on', () => {
    const rules = new Rules()
    expect(rules.add(photos)).toBe(true)
    expect(rules.add({ ...photos, dependsOn: photos.dependsOn.toReversed() })).toBe(false)
    expect(rules.list()).toEqual([photos])
  })

  test('forgets a rule, and keeps others that share its patterns', () => {
    const rules = new Rules()
    const feed = { dependent: 'feed', dependsOn: ['settings'] }
    rules.add(photos)
    rules.add(feed)
    expect([rules.remove(photos), rules.remove(photos), rules.has(feed)]).toEqual([true, false, true])
    expect(rules.matches('file:/photos/a/b')).toBe(false)
    expect(rules.dependentsOf('settings')).toEqual({ names: ['feed'], prefixes: [] })
  })

  test('takes all patterns that a name is of, short heads and long ones', () => {
    const rules = new Rules()
    rules.add({ dependent: 'all', dependsOn: ['{any*}'] })
    rules.add({ dependent: 'files', dependsOn: ['file:{path*}'] })
    rules.add({ dependent: 'photos', dependsOn: ['file:/photos/{photo}'] })
    expect(rules.dependentsOf('file:/photos/1').names).toEqual(['all', 'files', 'photos'])
  })

  test('asks only the patterns whose head a name begins with', () => {
    const rules = new Rules()
    for (let i = 0; i < 1000; i++) rules.add({ dependent: `d${i}:{a}`, dependsOn: [`s${i}:{a}`] })
    expect(rules.dependentsOf('s77:x')).toEqual({ names: ['d77:x'], prefixes: [] })
    expect(rules.matches('other:x')).toBe(false)
  })
})

test('the widest of prefixes: sorted, none within another', () => {
  expect(widest(['b:1', 'a', 'b:', 'ab', 'b:1/2', 'c'])).toEqual(['a', 'b:', 'c'])
  expect(widest(['x', ''])).toEqual([''])
})
