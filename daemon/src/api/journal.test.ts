import { describe, expect, test } from 'vitest'
import { Journal } from './journal.ts'

const soon = 1
const tell = (journal: Journal, ...names: string[]) => {
  for (const name of names) journal.tell({ event: 'changed', data: { name, n: 0 } })
}
const never = () => {
  throw new Error('the follower was cut off')
}

describe('a follower', () => {
  test('gets what was kept, then what comes, in order', async () => {
    const journal = new Journal()
    tell(journal, 'a', 'b')
    const follower = journal.follow(1, never)
    expect(await follower.next(soon)).toMatchObject({ id: journal.idOf(1), data: { name: 'a' } })
    expect(await follower.next(soon)).toMatchObject({ data: { name: 'b' } })
    const coming = follower.next(60_000)
    tell(journal, 'c')
    expect(await coming).toMatchObject({ id: journal.idOf(3), data: { name: 'c' } })
  })

  test('is told when it is quiet', async () => {
    expect(await new Journal().follow(1, never).next(soon)).toBe('quiet')
  })

  test('is cut off, once, when the journal has moved on', async () => {
    const journal = new Journal({ events: 2, length: 1000 })
    let lost = 0
    const follower = journal.follow(1, () => (lost += 1))
    tell(journal, 'a', 'b')
    expect(lost).toBe(0)
    tell(journal, 'c', 'd')
    expect(lost).toBe(1)
    expect(await follower.next(soon)).toBe('ended')
    expect(journal.followers).toBe(0)
  })

  test('ends with the journal, also if it comes late', async () => {
    const journal = new Journal()
    const waiting = journal.follow(1, never).next(60_000)
    journal.close()
    expect(await waiting).toBe('ended')
    expect(await journal.follow(1, never).next(60_000)).toBe('ended')
    expect(journal.followers).toBe(0)
  })
})

describe('going on', () => {
  test('starts now without an id, and after the event of an id', () => {
    const journal = new Journal()
    tell(journal, 'a', 'b')
    expect(journal.startAfter(undefined)).toEqual({ from: 3 })
    expect(journal.startAfter(journal.idOf(1))).toEqual({ from: 2 })
    expect(journal.startAfter(journal.idOf(2))).toEqual({ from: 3 })
    expect(journal.startAfter(journal.idOf(0))).toEqual({ from: 1 })
  })

  test('keeps no more text than it may', () => {
    const journal = new Journal({ events: 1000, length: 100 })
    tell(journal, 'x'.repeat(40), 'y'.repeat(40), 'z'.repeat(1000))
    expect(journal.startAfter(journal.idOf(2))).toEqual({ from: 4, gap: 'too-old' })
    expect(journal.startAfter(journal.idOf(3))).toEqual({ from: 4 })
  })

  test.each([
    ['', 'unknown-id'],
    ['1', 'unknown-id'],
    ['00000000.1', 'other-start'],
  ])('knows no event %j', (id, gap) => {
    expect(new Journal().startAfter(id)).toEqual({ from: 1, gap })
  })

  test('knows no event of its own that is still to come', () => {
    const journal = new Journal()
    expect(journal.startAfter(journal.idOf(1))).toEqual({ from: 1, gap: 'unknown-id' })
  })
})
