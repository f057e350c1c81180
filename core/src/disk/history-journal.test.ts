/**
 * What is put with a record of the log is taken in later: no answer may show that.
 */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { record } from '../../tests/conformance/history.ts'
import { DiskPlace, type DiskPair } from '../../tests/disk-pair.ts'
import type { InvalidationResult, Status } from '../model/invalidation.ts'

const notEnded: readonly Status[] = ['pending', 'running']

/** As the log does it: in a transaction of its own. */
function journal(
  { environment, history }: DiskPair,
  all: readonly InvalidationResult[],
  from?: readonly Status[],
): Promise<void> {
  return environment.transact(() => {
    for (const each of all) history.putWithin(each, from)
  })
}

const journaled = (place: DiskPlace) => place.environment.table('historyJournal', 'numbers')
const ids = async ({ history }: DiskPair) => (await history.list({ limit: 1000 })).records.map(({ id }) => id)

describe('what is journaled', () => {
  test('is found by its id, its name and its time, by whoever asks, and is in the journal no more then', async () => {
    const place = new DiskPlace()
    const [one, other] = [place.open(), place.open()]
    await journal(one, [record('a', { names: ['x'] }), record('b', { requestedAt: 1001 })])
    expect(journaled(place).getCount()).toBe(1)
    expect((await other.history.get('a'))?.names).toEqual(['x'])
    expect((await other.history.list({ name: 'x' })).records.map(({ id }) => id)).toEqual(['a'])
    expect(await ids(one)).toEqual(['b', 'a'])
    expect(journaled(place).getCount()).toBe(0)
  })

  test('comes before what is put after it, in the same transaction too', async () => {
    const place = new DiskPlace()
    const pair = place.open()
    await place.environment.transact(() => {
      pair.history.putWithin(record('a', { status: 'running' }))
      pair.history.join()
      pair.history.write(record('a', { status: 'failed' }))
      pair.history.putWithin(record('a', { status: 'completed' }), notEnded)
    })
    expect((await pair.history.get('a'))?.status).toBe('failed')
    await journal(pair, [record('b', { status: 'running' })])
    expect(await pair.history.put(record('b', { status: 'completed' }), ['completed'])).toBe(false)
    expect((await pair.history.get('b'))?.status).toBe('running')
  })

  test('by a process that is gone is ended by who finds it', async () => {
    const place = new DiskPlace()
    const [one, other] = [place.open(), place.open()]
    await journal(one, [record('a', { status: 'running' })])
    expect(await other.history.endCutOff((found) => ({ ...found, status: 'failed' }))).toEqual([])
    place.kill(one)
    const ended = await other.history.endCutOff((found) => ({ ...found, status: 'failed' }))
    expect(ended.map(({ id, status }) => [id, status])).toEqual([['a', 'failed']])
  })

  test('is taken in when there is much of it, though nobody asks, and when the history is closed', async () => {
    const place = new DiskPlace()
    const pair = place.open()
    for (let i = 0; i < 17; i++) {
      const all = Array.from({ length: 128 }, (_, j) => record(`r${i}-${j}`))
      await journal(pair, all)
    }
    await place.clock.settle()
    await pair.history.close()
    expect(journaled(place).getCount()).toBe(0)
    expect(place.environment.table('history', 'bytes').getCount()).toBe(17 * 128)
  })

  test('and is not what was written is told of once, and left out', async () => {
    const place = new DiskPlace()
    const pair = place.open()
    await journal(pair, [record('a')])
    await journal(pair, [record('b')])
    const rows = journaled(place)
    await place.environment.transact(() => void rows.put(1, Buffer.from('not what was written')))
    expect(await ids(pair)).toEqual(['b'])
    expect(await ids(pair)).toEqual(['b'])
    expect(place.errors).toMatchObject([{ error: { code: 'E_DISK_DAMAGED' } }])
  })
})

test('what was put aside stays, though another row of the same number is', async () => {
  const place = new DiskPlace()
  const pair = place.open()
  const rows = journaled(place)
  const spoiled = ['one', 'other', 'third'].map((text) => Buffer.from(`not what was written: ${text}`))
  for (const bytes of spoiled) {
    await place.environment.transact(() => void rows.put(1, bytes))
    await ids(pair)
  }
  const kept = Array.from(rows.getRange(), ({ key, value }) => [key, value.toString()])
  expect(kept).toEqual(spoiled.map((bytes, i) => [-1 - i, bytes.toString()]).toReversed())
})

/** What is done to a history; the same to an oracle that journals nothing. */
const step = fc.record({
  by: fc.nat(1),
  how: fc.constantFrom('journal', 'put', 'ask'),
  id: fc.constantFrom('a', 'b', 'c', 'd'),
  status: fc.constantFrom<Status>('pending', 'running', 'completed', 'failed'),
  from: fc.constantFrom<readonly Status[] | undefined>(undefined, notEnded, ['failed']),
})

test('whatever processes journal and put, the answers are those of a history that is told all at once', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
      const place = new DiskPlace()
      const pairs = [place.open(), place.open()] as const
      const oracle = new Map<string, Status>()
      for (const { by, how, id, status, from } of steps) {
        const pair = pairs[by as 0 | 1]
        const known = oracle.get(id)
        const isTaken = known === undefined || from === undefined || from.includes(known)
        if (how === 'ask') {
          expect((await pair.history.get(id))?.status).toBe(known)
          continue
        }
        const one = record(id, { status })
        if (how === 'put') expect(await pair.history.put(one, from)).toBe(isTaken)
        else await journal(pair, [one], from)
        if (isTaken) oracle.set(id, status)
      }
      const { records } = await pairs[0].history.list({})
      const told = records.map((each) => [each.id, each.status])
      expect(told).toEqual([...oracle].toReversed())
      await place.close()
    }),
    { numRuns: 60 },
  )
})

/** Each id runs when it is named first, and has ended when it is named again; mostly they are taken in many at once. */
const how = fc.constantFrom('journal', 'journal', 'journal', 'journal', 'journal', 'put', 'ask')
const crossed = ['a', 'b', 'b', 'a'].map((id) => ({ by: 0, how: 'journal', id }))
const lives = fc.array(fc.record({ by: fc.nat(1), how, id: fc.nat(5).map(String) }), { maxLength: 30 })

test('whatever was journaled meanwhile, those that ended first are dropped first, and all stand in the order of arrival', async () => {
  await fc.assert(
    fc.asyncProperty(lives, fc.integer({ min: 1, max: 3 }), async (steps, keepCount) => {
      const place = new DiskPlace()
      const pairs = [place.open({ keepCount }), place.open({ keepCount })] as const
      const arrived: string[] = []
      const ended: string[] = []
      for (const { by, how, id } of steps) {
        const pair = pairs[by as 0 | 1]
        if (how === 'ask') await pair.history.get(id)
        if (how === 'ask' || ended.includes(id)) continue
        const begins = !arrived.includes(id)
        ;(begins ? arrived : ended).push(id)
        const one = record(id, { status: begins ? 'running' : 'completed' })
        if (how === 'put') await pair.history.put(one)
        else await journal(pair, [one])
      }
      const dropped = new Set(ended.slice(0, Math.max(0, ended.length - keepCount)))
      expect(await ids(pairs[0])).toEqual(arrived.filter((id) => !dropped.has(id)).toReversed())
      await place.close()
    }),
    { numRuns: 60, examples: [[crossed, 1]] },
  )
})
