import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Ledger } from './ledger.ts'
import { Table } from './table.ts'

/** What a ledger of unlimited size knows. */
class Model {
  readonly #names = new Map<string, number>()
  readonly #prefixes = new Map<string, number>()

  record(name: string, n: number): void {
    this.#names.set(name, n)
  }

  recordPrefix(prefix: string, n: number): void {
    this.#prefixes.set(prefix, n)
  }

  after(n: number, name: string): number {
    const matching = [...this.#prefixes].filter(([prefix]) => name.startsWith(prefix)).map(([, at]) => at)
    const newest = Math.max(0, this.#names.get(name) ?? 0, ...matching)
    return newest > n ? newest : 0
  }
}

const name = fc.string({ unit: fc.constantFrom('a', 'b', ':'), minLength: 1, maxLength: 4 })
const records = fc.array(fc.record({ name, isPrefix: fc.boolean() }), { maxLength: 300 })

function fill(
  ledgers: readonly (Ledger | Model)[],
  told: readonly { name: string; isPrefix: boolean }[],
): void {
  told.forEach((record, i) => {
    for (const ledger of ledgers) {
      if (record.isPrefix) ledger.recordPrefix(record.name, i + 1)
      else ledger.record(record.name, i + 1)
    }
  })
}

describe('the ledger', () => {
  it('knows what a Map knows, as long as it has room', () => {
    fc.assert(
      fc.property(records, name, fc.nat(300), (told, asked, n) => {
        const ledger = new Ledger(2 ** 20)
        const model = new Model()
        fill([ledger, model], told)
        expect(ledger.after(n, asked)).toBe(model.after(n, asked))
        expect(ledger.low).toBe(0)
      }),
    )
  })

  it('forgets within its budget, and what it forgot is never valid', () => {
    fc.assert(
      fc.property(records, name, fc.nat(300), (told, asked, n) => {
        const ledger = new Ledger(512)
        const model = new Model()
        fill([ledger, model], told)
        expect(ledger.bytes).toBeLessThanOrEqual(512)
        if (model.after(n, asked) > 0) expect(ledger.after(n, asked)).toBeGreaterThan(n)
        if (n >= ledger.low) expect(ledger.after(n, asked)).toBe(model.after(n, asked))
      }),
    )
  })

  it('takes 64 MiB for more than a million names, and forgets the oldest first', () => {
    const ledger = new Ledger(2 ** 20)
    for (let n = 1; n <= 100_000; n++) ledger.record(`name:${n}`, n)
    expect(ledger.bytes).toBe(2 ** 20)
    expect(ledger.size).toBeGreaterThan((2 ** 20 / 48) | 0)
    expect(ledger.low).toBeGreaterThan(0)
    expect(ledger.after(99_999, 'name:100000')).toBe(100_000)
    expect(ledger.after(1, 'name:100000')).toBe(ledger.low)
  })

  it('tells a name from a prefix that reads like it', () => {
    const ledger = new Ledger(2 ** 20)
    for (let i = 0; i < 100; i++) {
      ledger.recordPrefix(`a${i}`, 1)
      ledger.record(`b${i}`, 2)
    }
    for (let i = 0; i < 100; i++) expect(ledger.after(0, `b${i}`)).toBe(2)
    for (let i = 100; i < 200; i++) expect(ledger.after(0, `c${i}`)).toBe(0)
  })
})

describe('the table', () => {
  it('keeps the greatest position of a hash, also when hashes share their lower half', () => {
    const table = new Table(16)
    table.raise(1, 5, 10)
    table.raise(2, 5, 20)
    table.raise(1, 5, 7)
    expect([table.get(1, 5), table.get(2, 5), table.get(3, 5)]).toEqual([10, 20, 0])
    expect(table.doubled().get(2, 5)).toBe(20)
    expect(table.newest).toBe(20)
  })
})
