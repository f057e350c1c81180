/**
 * The models of the protocol between machines: the right one holds in every state of small worlds, and each rule that
 * is switched off is found. `npm run proof:model` looks at larger worlds.
 */
import { describe, expect, it } from 'vitest'
import { cases } from './cases.ts'
import { check, type Model } from './checker.ts'
import { keysOf } from './keys.ts'
import { allRules } from './rules.ts'

const short = cases.filter(({ long }) => !long)

describe('the protocol between machines', () => {
  it.each(short.filter(({ expected }) => expected === 'holds'))('holds: $name, $what', ({ run }) => {
    const { outcome, broken, trace, states } = run()
    expect({ outcome, broken, trace }).toEqual({ outcome: 'holds', broken: undefined, trace: undefined })
    expect(states).toBeGreaterThan(50)
  })

  it.each(short.filter(({ expected }) => expected === 'violation'))('does not hold $name', ({ run }) => {
    const { outcome, trace } = run()
    expect(outcome).toBe('violation')
    expect(trace?.length).toBeGreaterThan(2)
  })

  it('every rule is switched off once', () => {
    const names = new Set(cases.map(({ name }) => name))
    expect(Object.keys(allRules).filter((rule) => !names.has(`without ${rule}`))).toEqual([])
  })
})

describe('the checker', () => {
  /** Two counters of one byte each, of which the sum must not reach `limit`. */
  const counters = (limit: number): Model<readonly [number, number]> => ({
    start: [0, 0],
    moves([left, right], visit) {
      if (left < 200) visit('left', [left + 1, right])
      if (right < 200) visit('right', [left, right + 1])
    },
    broken: ([left, right]) => (left + right >= limit ? `${left} + ${right}` : undefined),
    key([left, right], bytes) {
      bytes.set([left, right])
      return 2
    },
  })

  it('visits each state once', () => {
    expect(check(counters(500))).toEqual({ outcome: 'holds', states: 201 * 201 })
  })

  it('gives the shortest way to a violation', () => {
    const { outcome, trace, broken } = check(counters(3))
    expect({ outcome, trace, broken }).toEqual({
      outcome: 'violation',
      trace: ['left', 'left', 'left'],
      broken: '3 + 0',
    })
  })

  it('says so when it was cut short', () => {
    expect(check(counters(500), { statesMax: 1000 }).outcome).toBe('cut short')
  })

  it('tells keys apart whose hashes meet, through every growth', () => {
    const keys = keysOf(3)
    const key = (index: number) => Uint8Array.of(index & 255, (index >> 8) & 255, index >> 16)
    const indexes = Array.from({ length: 150_000 }, (_, index) => index)
    expect(indexes.filter((index) => keys.add(key(index)) !== index)).toEqual([])
    expect(indexes.filter((index) => keys.add(key(index)) !== -1)).toEqual([])
    expect(keys.size()).toBe(150_000)
  })
})
