import pc from 'picocolors'
import { describe, expect, it } from 'vitest'
import { bytes, safe, span, table } from './layout.ts'

describe('a table', () => {
  it('has columns as wide as their widest cell, and no space at the end', () => {
    expect(
      table([
        ['a', 'bbb', 'c'],
        ['aaaa', 'b', ''],
      ]),
    ).toBe('a     bbb  c\naaaa  b')
  })

  it('does not count colours', () => {
    const { red } = pc.createColors(true)
    expect(
      table([
        [red('a'), 'x'],
        ['bb', 'x'],
      ]),
    ).toBe(`${red('a')}   x\nbb  x`)
  })

  it('of nothing is nothing', () => {
    expect(table([])).toBe('')
  })
})

it.each([
  [0, '0ms'],
  [999.4, '999ms'],
  [1000, '1s'],
  [65_000, '1m 5s'],
  [90_061_000, '1d 1h'],
  [3_600_000, '1h'],
])('%d ms are %s', (ms, text) => expect(span(ms)).toBe(text))

it.each([
  [1023, '1023 B'],
  [1024, '1.0 kB'],
  [1.5 * 1024 ** 2, '1.5 MB'],
  [5 * 1024 ** 4, '5120.0 GB'],
])('%d bytes are %s', (count, text) => expect(bytes(count)).toBe(text))

it('does not let a name play with the terminal', () => {
  expect(safe('a\u001b[31mb\nc')).toBe('a\\x1b[31mb\\x0ac')
})
