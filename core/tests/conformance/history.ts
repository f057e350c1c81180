/**
 * What every history has to do, whatever it is made of.
 */
import { describe, expect, test } from 'vitest'
import type { History } from '../../src/invalidation/contract.ts'
import type { HistoryQuery, InvalidationResult } from '../../src/model/invalidation.ts'
import { TestClock } from '../clock.ts'

export interface HistoryLimits {
  readonly clock: TestClock
  readonly keepForMs: number
  readonly keepCount: number
}

/** Makes an empty history. */
export type OpenHistory = (limits: HistoryLimits) => Promise<History>

export function record(id: string, parts: Partial<InvalidationResult> = {}): InvalidationResult {
  return {
    id,
    position: null,
    status: 'completed',
    names: [id],
    prefix: null,
    all: false,
    strategy: 'immediate',
    consistency: 'strict',
    mode: 'purge',
    reason: null,
    actor: null,
    cascade: [],
    reached: null,
    truncated: false,
    beyondDepth: 0,
    tiers: {},
    nodes: [],
    attempts: 1,
    requestedAt: 1000,
    startedAt: null,
    endedAt: null,
    error: null,
    token: null,
    ...parts,
  }
}

const full: Partial<InvalidationResult> = {
  position: { generation: 'g', n: 7 },
  status: 'failed',
  names: ['a', 'ä\u{1F600}'],
  prefix: 'p',
  all: true,
  strategy: 'scheduled',
  consistency: 'relaxed',
  mode: 'soft',
  reason: 'why',
  actor: 'who',
  cascade: [{ name: 'b', depth: 1, because: 'a' }],
  reached: 3,
  truncated: true,
  beyondDepth: 1,
  tiers: { memory: { status: 'failed', purged: 1, verified: false, held: ['b'], error: 'no answer' } },
  attempts: 4,
  startedAt: 1001,
  endedAt: 1002,
  error: { code: 'E_X', message: 'x' },
  token: 't',
}

/** A history that keeps as much as a test puts in, unless told. */
function start(open: OpenHistory, limits: Partial<HistoryLimits> = {}): Promise<History> {
  return open({ clock: new TestClock(1000), keepForMs: 3_600_000, keepCount: 10_000, ...limits })
}

async function fill(history: History, records: readonly InvalidationResult[]): Promise<void> {
  for (const each of records) await history.put(each)
}

async function ids(history: History, query: HistoryQuery = {}): Promise<string[]> {
  return (await history.list(query)).records.map((each) => each.id)
}

export function historySuite(name: string, open: OpenHistory): void {
  describe(`history: ${name}`, () => {
    recordTests(open)
    conditionTests(open)
    filterTests(open)
    pageTests(open)
    refusalTests(open)
    keepingTests(open)
  })
}

function recordTests(open: OpenHistory): void {
  test('a record comes back as it was put in, with every field', async () => {
    const history = await start(open)
    await history.put(record('a', full))
    expect(await history.get('a')).toEqual(record('a', full))
    expect((await history.list({})).records).toEqual([record('a', full)])
    expect(await history.get('unknown')).toBeUndefined()
  })

  test('putting again replaces, and keeps the place', async () => {
    const history = await start(open)
    await fill(history, [record('a', { status: 'pending' }), record('b'), record('a', { status: 'running' })])
    expect(await ids(history)).toEqual(['b', 'a'])
    expect((await history.get('a'))?.status).toBe('running')
    expect(await ids(history, { status: 'pending' })).toEqual([])
    expect(await ids(history, { status: 'running' })).toEqual(['a'])
  })

  test('the newest request comes first, of one time the one put in last', async () => {
    const history = await start(open)
    await fill(history, [
      record('b', { requestedAt: 20 }),
      record('c1', { requestedAt: 30 }),
      record('a', { requestedAt: 10 }),
      record('c2', { requestedAt: 30 }),
    ])
    expect(await ids(history)).toEqual(['c2', 'c1', 'b', 'a'])
  })
}

function conditionTests(open: OpenHistory): void {
  test('with a condition it is put only if there is none, or it is of such a status', async () => {
    const history = await start(open)
    const ended = ['failed', 'cancelled'] as const
    expect(await history.put(record('a', { status: 'failed' }), ended)).toBe(true)
    expect(await history.put(record('a', { status: 'running' }), ended)).toBe(true)
    expect(await history.put(record('a', { status: 'running', attempts: 9 }), ended)).toBe(false)
    expect(await history.get('a')).toMatchObject({ status: 'running', attempts: 1 })
    expect(await history.put(record('a'))).toBe(true)
    expect(await history.put(record('a', { status: 'running' }), ended)).toBe(false)
    expect(await history.get('a')).toMatchObject({ status: 'completed' })
  })

  test('of several that are put at once under a condition, one is', async () => {
    const history = await start(open)
    await history.put(record('a', { status: 'failed' }))
    const tries = [1, 2, 3].map((attempts) =>
      history.put(record('a', { status: 'running', attempts }), ['failed']),
    )
    expect(await Promise.all(tries)).toEqual([true, false, false])
    expect(await history.get('a')).toMatchObject({ attempts: 1 })
  })

  test('what this process has under way is not cut off', async () => {
    const history = await start(open)
    await fill(history, [record('a', { status: 'running' }), record('b', { status: 'pending' })])
    expect(await history.endCutOff((each) => ({ ...each, status: 'failed' }))).toEqual([])
    expect(await ids(history, { status: 'running' })).toEqual(['a'])
  })
}

function filterTests(open: OpenHistory): void {
  test('each filter keeps what it asks for, and all hold together', async () => {
    const history = await start(open)
    await fill(history, [
      record('1', { requestedAt: 10, actor: 'ann', names: ['x', 'y'] }),
      record('2', { requestedAt: 20, actor: 'bob', names: ['y'], strategy: 'lazy' }),
      record('3', { requestedAt: 30, actor: 'ann', names: ['z'], status: 'failed' }),
    ])
    expect(await ids(history, { actor: 'ann' })).toEqual(['3', '1'])
    expect(await ids(history, { name: 'y' })).toEqual(['2', '1'])
    expect(await ids(history, { strategy: 'lazy' })).toEqual(['2'])
    expect(await ids(history, { status: 'failed' })).toEqual(['3'])
    expect(await ids(history, { since: 20 })).toEqual(['3', '2'])
    expect(await ids(history, { until: 20 })).toEqual(['1'])
    expect(await ids(history, { since: 20, until: 30 })).toEqual(['2'])
    expect(await ids(history, { actor: 'ann', name: 'y' })).toEqual(['1'])
    expect(await ids(history, { actor: 'nobody' })).toEqual([])
  })

  test('a name is matched whole', async () => {
    const history = await start(open)
    await history.put(record('1', { names: ['album/1'] }))
    expect(await ids(history, { name: 'album' })).toEqual([])
  })
}

/** Every page of a query, with what `between` does in between. */
async function pages(
  history: History,
  query: HistoryQuery,
  between: () => Promise<void>,
): Promise<string[][]> {
  const all: string[][] = []
  let cursor: string | undefined
  do {
    const page = await history.list({ ...query, cursor })
    all.push(page.records.map((each) => each.id))
    cursor = page.next ?? undefined
    await between()
  } while (cursor !== undefined)
  return all
}

const nothing = () => Promise.resolve()

function pageTests(open: OpenHistory): void {
  test('pages hold as many as asked for, 50 if not asked, and the last says so', async () => {
    const history = await start(open)
    const many = Array.from({ length: 120 }, (_, i) => record(`r${i}`, { requestedAt: 1000 + i }))
    await fill(history, many)
    expect((await pages(history, {}, nothing)).map((page) => page.length)).toEqual([50, 50, 20])
    expect((await pages(history, { limit: 60 }, nothing)).map((page) => page.length)).toEqual([60, 60])
    expect((await pages(history, { limit: 1000 }, nothing)).map((page) => page.length)).toEqual([120])
    expect((await pages(history, { limit: 7 }, nothing)).flat()).toEqual(
      many.map((each) => each.id).reverse(),
    )
  })

  test('filters hold over pages', async () => {
    const history = await start(open)
    const actor = (i: number) => (i % 3 === 0 ? 'ann' : 'bob')
    await fill(
      history,
      Array.from({ length: 12 }, (_, i) => record(`r${i}`, { requestedAt: i, actor: actor(i) })),
    )
    expect(await pages(history, { actor: 'ann', limit: 2 }, nothing)).toEqual([
      ['r9', 'r6'],
      ['r3', 'r0'],
    ])
  })

  test('records put in between neither repeat nor hide others, even of the same time', async () => {
    const history = await start(open)
    const before = Array.from({ length: 20 }, (_, i) => record(`r${i}`, { requestedAt: 1000 }))
    await fill(history, before)
    let n = 0
    const seen = await pages(history, { limit: 3 }, async () => {
      await history.put(record(`new${n++}`, { requestedAt: 1000 }))
      await history.put(record('r3', { requestedAt: 1000, attempts: n }))
    })
    expect(seen.flat()).toEqual(before.map((each) => each.id).reverse())
  })

  test('a name is found among many, page by page, in the order of all', async () => {
    const history = await start(open)
    const many = Array.from({ length: 1500 }, (_, i) =>
      record(`r${i}`, { requestedAt: 1000 + ((i * 7) % 1500), names: [i % 10 === 0 ? 'hot' : `n${i}`, 'x'] }),
    )
    await Promise.all(many.map((each) => history.put(each)))
    const expected = many.filter((_, i) => i % 10 === 0).sort((a, b) => b.requestedAt - a.requestedAt)
    const seen = (await pages(history, { name: 'hot', limit: 40 }, nothing)).flat()
    expect(seen).toEqual(expected.map((each) => each.id))
    expect(await ids(history, { name: 'n77' })).toEqual(['r77'])
    expect(await ids(history, { name: 'nobody' })).toEqual([])
    expect(await ids(history, { name: 'hot', since: 1100, until: 1200, limit: 1000 })).toHaveLength(10)
    expect((await pages(history, { limit: 1000 }, nothing)).flat()).toHaveLength(1500)
  })

  test('a cursor outlives the record it was made at', async () => {
    const clock = new TestClock(1000)
    const history = await start(open, { clock, keepCount: 3 })
    const at = (requestedAt: number) => ({ requestedAt, endedAt: requestedAt })
    await fill(history, [record('c', at(1003)), record('b', at(1002)), record('a', at(1001))])
    const { next } = await history.list({ limit: 1 })
    await history.put(record('d', at(1004)))
    expect(await history.get('c')).toBeUndefined()
    expect(await ids(history, { cursor: next ?? '' })).toEqual(['b', 'a'])
  })
}

function refusalTests(open: OpenHistory): void {
  test.each(['', 'x', '1000', '1000-', '-1', '1e3-2', 'null', '💥'])(
    'cursor %j is refused',
    async (cursor) => {
      const history = await start(open)
      await history.put(record('a'))
      await expect(history.list({ cursor })).rejects.toMatchObject({ code: 'E_CURSOR_INVALID' })
    },
  )

  test.each([0, -1, 1001, 1.5, Number.NaN])('limit %d is refused', async (limit) => {
    const history = await start(open)
    await expect(history.list({ limit })).rejects.toMatchObject({ code: 'E_OPTIONS_INVALID' })
  })

  test('a closed history answers nothing, and may be closed again', async () => {
    const history = await start(open)
    await history.close()
    await history.close()
    const cutOff = history.endCutOff((each) => each)
    for (const answer of [history.put(record('a')), history.get('a'), history.list({}), cutOff]) {
      await expect(answer).rejects.toMatchObject({ code: 'E_CACHE_CLOSED' })
    }
  })
}

function keepingTests(open: OpenHistory): void {
  test('a record goes when it ended longer ago than records are kept', async () => {
    const clock = new TestClock(1000)
    const history = await start(open, { clock, keepForMs: 100 })
    await history.put(record('early', { requestedAt: 1, endedAt: 1000 }))
    await clock.advance(60)
    await history.put(record('late', { requestedAt: 2, endedAt: 1060 }))
    await clock.advance(40)
    expect(await ids(history)).toEqual(['late', 'early'])
    await clock.advance(1)
    expect(await ids(history)).toEqual(['late'])
    expect(await history.get('early')).toBeUndefined()
  })

  test('of too many records those go that ended first', async () => {
    const history = await start(open, { keepCount: 2 })
    for (let i = 0; i < 5; i++) await history.put(record(`r${i}`, { requestedAt: 10 - i, endedAt: 1000 }))
    expect(await ids(history)).toEqual(['r3', 'r4'])
  })

  test('what is pending or running is not dropped, and not counted', async () => {
    const clock = new TestClock(1000)
    const history = await start(open, { clock, keepForMs: 100, keepCount: 1 })
    await fill(history, [
      record('waiting', { status: 'pending' }),
      record('under way', { status: 'running' }),
      record('ended'),
    ])
    expect(await ids(history)).toEqual(['ended', 'under way', 'waiting'])
    await clock.advance(1000)
    expect(await ids(history)).toEqual(['under way', 'waiting'])
  })

  test('a failed record that waits again is not dropped either', async () => {
    const clock = new TestClock(1000)
    const history = await start(open, { clock, keepForMs: 100 })
    await fill(history, [
      record('a', { status: 'failed', endedAt: 1000 }),
      record('a', { status: 'pending' }),
    ])
    await clock.advance(1000)
    expect(await ids(history)).toEqual(['a'])
    await history.put(record('a', { status: 'completed', endedAt: 2000 }))
    await clock.advance(101)
    expect(await ids(history)).toEqual([])
  })

  test('many records that come and go leave the rest in order', async () => {
    const history = await start(open, { keepCount: 50 })
    for (let i = 0; i < 1000; i++) {
      await history.put(record(`r${i}`, { requestedAt: i, status: i % 100 === 0 ? 'pending' : 'completed' }))
    }
    const expected = Array.from({ length: 1000 }, (_, i) => i).filter((i) => i % 100 === 0 || i > 949)
    expect(await ids(history, { limit: 100 })).toEqual(expected.reverse().map((i) => `r${i}`))
  })
}
