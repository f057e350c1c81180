import { expect, it } from 'vitest'
import { durationMs, isDuration, isSize, sizeBytes } from './quantity.ts'

it.each([
  [0, 0],
  ['250ms', 250],
  ['1.5s', 1500],
  ['5M', 300_000],
  ['7d', 604_800_000],
] as const)('reads the duration %j as %d ms', (value, ms) => {
  expect(isDuration(value)).toBe(true)
  expect(durationMs(value as '1s')).toBe(ms)
})

it.each([-1, Number.NaN, '5', 'soon', '5w', '4000d', null, ['1s', '2s'], '5constructor'])(
  'refuses the duration %j',
  (value) => {
    expect(isDuration(value)).toBe(false)
  },
)

it.each([
  [10, 10],
  ['64kb', 65_536],
  ['1.5b', 1],
  ['2GB', 2 * 1024 ** 3],
] as const)('reads the size %j as %d bytes', (value, bytes) => {
  expect(isSize(value)).toBe(true)
  expect(sizeBytes(value as '1b')).toBe(bytes)
})

it.each([0, '0.5b', '12 parsecs', true, undefined])('refuses the size %j', (value) => {
  expect(isSize(value)).toBe(false)
})
