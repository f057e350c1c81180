import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Sieve } from './sieve.ts'

/** As the paper says it, in a list from the oldest to the newest; the hand is who it points at. */
class NaiveSieve {
  readonly list: { readonly name: number; isUsed: boolean }[] = []
  hand: number | undefined

  use(name: number): void {
    for (const node of this.list) if (node.name === name) node.isUsed = true
  }

  leave(name: number): void {
    const at = this.list.findIndex((node) => node.name === name)
    if (this.hand === name) this.hand = this.list[at + 1]?.name
    this.list.splice(at, 1)
  }

  victim(kept: number | undefined): number {
    const start = this.list.findIndex(({ name }) => name === this.hand)
    for (let at = Math.max(0, start); ; at = (at + 1) % this.list.length) {
      const node = this.list[at] as { name: number; isUsed: boolean }
      if (!node.isUsed && node.name !== kept) return (this.hand = node.name)
      node.isUsed = false
    }
  }
}

/** Both at once: name -> slot. */
class Pair {
  readonly naive = new NaiveSieve()
  readonly sieve = new Sieve()
  readonly slots: number[] = []

  enter(): void {
    this.naive.list.push({ name: this.slots.length, isUsed: false })
    this.slots.push(this.sieve.enter())
  }

  /** One of those who are in, if there are any. */
  at(pick: number): number | undefined {
    const { list } = this.naive
    return list[pick % Math.max(1, list.length)]?.name
  }

  use(name: number): void {
    this.naive.use(name)
    this.sieve.use(this.slotOf(name))
  }

  leave(name: number): void {
    this.naive.leave(name)
    this.sieve.leave(this.slotOf(name))
  }

  evict(kept?: number): void {
    const name = this.naive.victim(kept)
    expect(this.sieve.victim(kept === undefined ? 0 : this.slotOf(kept))).toBe(this.slotOf(name))
    this.leave(name)
  }

  slotOf(name: number): number {
    return this.slots[name] as number
  }
}

const step = fc.record({
  do: fc.constantFrom('enter', 'enter', 'use', 'use', 'leave', 'evict', 'evict but'),
  pick: fc.nat(100),
})

function perform(pair: Pair, { do: what, pick }: { do: string; pick: number }): void {
  const name = pair.at(pick)
  const count = pair.naive.list.length
  if (what === 'enter') pair.enter()
  else if (name === undefined) return
  else if (what === 'use') pair.use(name)
  else if (what === 'leave') pair.leave(name)
  else if (what === 'evict') pair.evict()
  else if (count > 1) pair.evict(name)
}

describe('the sieve', () => {
  it('names whom the paper names, whatever entered, was used and left', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 300, size: 'max' }), (steps) => {
        const pair = new Pair()
        for (const each of steps) perform(pair, each)
        while (pair.naive.list.length > 0) pair.evict()
      }),
      { numRuns: 500 },
    )
  })

  it('keeps its order and its flags when it grows', () => {
    const pair = new Pair()
    for (let i = 0; i < 1000; i++) {
      pair.enter()
      if (i % 3 === 0) pair.use(i)
    }
    for (let i = 0; i < 1000; i++) pair.evict()
  })

  it('gives out the slots of those who left again', () => {
    const sieve = new Sieve()
    const slots = Array.from({ length: 10 }, () => sieve.enter())
    for (const slot of slots) sieve.leave(slot)
    expect(new Set(slots.map(() => sieve.enter()))).toEqual(new Set(slots))
  })

  it('begins at the oldest again when the hand was at the newest', () => {
    const sieve = new Sieve()
    const [oldest, newest] = [sieve.enter(), sieve.enter()]
    sieve.use(oldest)
    expect(sieve.victim()).toBe(newest)
    sieve.leave(newest)
    sieve.enter()
    expect(sieve.victim()).toBe(oldest)
  })
})
