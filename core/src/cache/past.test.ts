import { expect, test } from 'vitest'
import { Past, type PastParts } from './past.ts'

const bound = 50_000
const parts = {
  judge: { verdict: () => undefined },
  clock: { coarseNow: () => 0 },
  log: { applied: 0 },
} as unknown as PastParts
const keys = Array.from({ length: bound + 2 }, (_, i) => `entry:${i}`)

/** Each is ended at a position of its own: the first at 1. */
const ends: readonly (readonly [string, (past: Past, key: string, n: number) => void])[] = [
  [
    'entries',
    (past, key, n) =>
      past.left({ key, dependencies: [] } as never, { why: 'invalidated', by: { n, name: key } as never }),
  ],
  ['loads that were not kept', (past, key, n) => past.overtaken(key, n)],
]

test.each(ends)('of %s as many are known as there is room for, and of none before', (_, end) => {
  const past = new Past(parts)
  keys.slice(0, bound).forEach((key, i) => end(past, key, i + 1))
  expect(past.low).toBe(0)
  expect(past.endedAt('entry:0')).toBe(1)
  // Again: others have gone for longer.
  end(past, 'entry:0', bound + 1)
  keys.slice(bound).forEach((key, i) => end(past, key, bound + 2 + i))
  expect(past.low).toBe(3)
  expect(keys.filter((key) => past.endedAt(key) <= past.low)).toEqual(['entry:1', 'entry:2'])
  expect(past.endedAt('entry:0')).toBe(bound + 1)
})
