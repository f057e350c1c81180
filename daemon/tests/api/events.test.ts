import { connect } from 'node:net'
import { expect, test } from 'vitest'
import { mayConcern } from '../../src/api/events.ts'
import { Journal } from '../../src/api/journal.ts'
import { changedEventSchema, gapEventSchema, invalidationSchema } from '../../src/api/protocol.ts'
import { follow, type Serving, serve } from './serving.ts'

const invalidate = (serving: Serving, ...names: string[]) => serving.cache.invalidate({ names })

test('tells of invalidations and of changes', async () => {
  const serving = await serve()
  const events = await follow(serving)
  await invalidate(serving, 'a')
  const invalidated = await events.next()
  expect(invalidated.event).toBe('invalidated')
  expect(invalidationSchema.parse(JSON.parse(invalidated.data))).toMatchObject({ names: ['a'] })

  await serving.fetch('/v1/entries/b', { method: 'PUT', body: 'x' })
  const changed = await events.next()
  expect(changed.event).toBe('changed')
  expect(changedEventSchema.parse(JSON.parse(changed.data))).toMatchObject({ name: 'b' })
})

test('goes on after the last event that a client saw', async () => {
  const serving = await serve()
  const before = await follow(serving)
  await invalidate(serving, 'a')
  const { id } = await before.next()
  before.leave()
  await invalidate(serving, 'b')
  await invalidate(serving, 'c')

  const after = await follow(serving, '', id)
  for (const name of ['b', 'c'])
    expect(JSON.parse((await after.next()).data)).toMatchObject({ names: [name] })
})

test.each([
  ['another start of the daemon', '00000000.1', 'other-start'],
  ['what it never sent', 'nonsense', 'unknown-id'],
])('tells of a gap after %s', async (_, lastId, reason) => {
  const serving = await serve()
  const gap = await (await follow(serving, '', lastId)).next()
  expect(gap.event).toBe('gap')
  expect(gapEventSchema.parse(JSON.parse(gap.data))).toEqual({ since: lastId, reason })
})

test('tells of a gap when the journal has moved on', async () => {
  const serving = await serve({ journal: new Journal({ events: 1, length: 1e6 }) })
  const before = await follow(serving)
  await invalidate(serving, 'a')
  const { id } = await before.next()
  before.leave()
  await invalidate(serving, 'b')
  await invalidate(serving, 'c')
  const after = await follow(serving, '', id)
  expect(JSON.parse((await after.next()).data)).toEqual({ since: id, reason: 'too-old' })
  await invalidate(serving, 'd')
  expect(JSON.parse((await after.next()).data)).toMatchObject({ names: ['d'] })
})

test('a filter leaves out what does not concern it', async () => {
  const serving = await serve()
  const byName = await follow(serving, '?name=file:2')
  const byPrefix = await follow(serving, '?prefix=file:')
  await invalidate(serving, 'other')
  await invalidate(serving, 'file:2')
  for (const events of [byName, byPrefix]) {
    expect(JSON.parse((await events.next()).data)).toMatchObject({ names: ['file:2'] })
  }
})

test.each([
  ['what was not walked', { reached: null }, true],
  ['what is not listed in full', { truncated: true }, true],
  ['what reaches beyond the depth limit', { beyondDepth: 1 }, true],
  ['everything', { all: true }, true],
  ['a prefix of the name', { prefix: 'file:/photos/' }, true],
  ['what depends on a name', { cascade: [{ name: 'file:/photos/sea', depth: 1, because: 'x' }] }, true],
  ['another prefix', { prefix: 'row:' }, false],
  ['other names', { names: ['file:/videos/sea'] }, false],
])('a filter of one name and a filter of its prefix: %s', async (_, record, passes) => {
  const { cache } = await serve()
  const nothing = await cache.invalidate({ names: ['x'] })
  const data = { ...nothing, cascade: [], ...record }
  const told = { event: 'invalidated', data, id: '1', text: '' } as const
  expect(mayConcern(told, { name: 'file:/photos/sea' })).toBe(passes)
  expect(mayConcern(told, { prefix: 'file:/photos/' })).toBe(passes)
  expect(mayConcern(told, {})).toBe(true)
})

test('HEAD opens no stream', async () => {
  const journal = new Journal()
  const serving = await serve({ journal })
  const { status, headers } = await serving.fetch('/v1/events', { method: 'HEAD' })
  expect([status, headers.get('Content-Type')]).toEqual([200, 'text/event-stream'])
  expect(journal.followers).toBe(0)
})

test('a quiet stream gets a sign of life', async () => {
  const serving = await serve({ keepAliveMs: 5 })
  const socket = connect(serving.port, '127.0.0.1')
  let received = ''
  socket.on('data', (chunk) => (received += String(chunk)))
  socket.write('GET /v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n')
  await expect.poll(() => received).toContain(': keep-alive\n\n')
  expect(received).toMatch(/content-type: text\/event-stream/i)
  socket.destroy()
})

test('a client that does not read is cut off', async () => {
  const journal = new Journal({ events: 10, length: 1e8 })
  const serving = await serve({ journal })
  const socket = connect(serving.port, '127.0.0.1')
  socket.write('GET /v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n')
  await expect.poll(() => journal.followers).toBe(1)
  socket.pause()
  const name = 'x'.repeat(100_000)
  const flood = () => {
    journal.tell({ event: 'changed', data: { name, n: 0 } })
    return journal.followers
  }
  await expect.poll(flood, { interval: 1, timeout: 9000 }).toBe(0)
  expect(serving.logged.some((line) => line.includes('too slow'))).toBe(true)
  socket.destroy()
})

test('a client that leaves is forgotten', async () => {
  const journal = new Journal()
  const serving = await serve({ journal })
  const events = await follow(serving)
  expect(journal.followers).toBe(1)
  events.leave()
  await expect.poll(() => journal.followers).toBe(0)
})

test('a stream ends when the daemon stops', async () => {
  const serving = await serve()
  const events = await follow(serving)
  await serving.server.close()
  expect(await events.ended()).toBe(true)
})
