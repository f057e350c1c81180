import { describe, expect, test } from 'vitest'
import { explanationSchema, graphSchema, statsSchema } from '../../src/api/protocol.ts'
import { problemCode, serve } from './serving.ts'

describe('explain', () => {
  test('says why an entry is here, and why it went', async () => {
    const serving = await serve()
    const explain = async () => explanationSchema.parse(await (await serving.fetch('/v1/explain/a/b')).json())
    expect(await explain()).toMatchObject({ key: 'a/b', state: 'absent', dependencies: [] })
    await serving.fetch('/v1/entries/a/b?dependsOn=file:1', { method: 'PUT', body: 'x' })
    expect(await explain()).toMatchObject({
      state: 'fresh',
      dependencies: [{ name: 'file:1', kind: 'direct' }],
    })
    await serving.send('POST', '/v1/invalidations', { names: ['file:1'], reason: 'edited' })
    expect((await explain()).went).toMatchObject({
      why: 'invalidated',
      because: 'file:1',
      by: expect.any(String),
    })
    await serving.fetch('/v1/entries/a/b?dependsOn=file:1', { method: 'PUT', body: 'x' })
    expect((await explain()).dependencies[0]?.lastInvalidation).toMatchObject({ reason: 'edited' })
  })
})

describe('graph', () => {
  test('shows what depends on a name', async () => {
    const serving = await serve()
    await serving.send('PUT', '/v1/links', { name: 'album', dependsOn: ['file:/1'] })
    const graph = graphSchema.parse(
      await (await serving.fetch('/v1/graph/file:/1?direction=dependents&depth=3')).json(),
    )
    expect(graph).toMatchObject({ name: 'file:/1', direction: 'dependents', truncated: false })
    expect(graph.edges).toContainEqual({ dependent: 'album', dependency: 'file:/1', kind: 'declared' })
  })

  test.each([['direction=up'], ['depth=0'], ['deep=1']])('refuses %s', async (query) => {
    const serving = await serve()
    expect(await problemCode(await serving.fetch(`/v1/graph/a?${query}`))).toBe('E_API_REQUEST_INVALID')
  })
})

describe('links and rules', () => {
  test('a declared dependency carries an invalidation, until it is taken back', async () => {
    const serving = await serve()
    const goes = async () => {
      await serving.fetch('/v1/entries/album', { method: 'PUT', body: 'x' })
      await serving.send('POST', '/v1/invalidations', { names: ['file:1'] })
      return (await serving.fetch('/v1/entries/album')).status === 404
    }
    expect((await serving.send('PUT', '/v1/links', { name: 'album', dependsOn: ['file:1'] })).status).toBe(
      204,
    )
    expect(await goes()).toBe(true)
    expect((await serving.send('DELETE', '/v1/links', { name: 'album', dependsOn: ['file:1'] })).status).toBe(
      204,
    )
    expect(await goes()).toBe(false)
  })

  test('a rule covers all names of its pattern, until it is taken back', async () => {
    const serving = await serve()
    const rule = { pattern: 'thumb:{photo}', dependsOn: ['file:{photo}'] }
    expect((await serving.send('PUT', '/v1/rules', rule)).status).toBe(204)
    await serving.fetch('/v1/entries/thumb:sea', { method: 'PUT', body: 'x' })
    await serving.send('POST', '/v1/invalidations', { names: ['file:sea'] })
    expect((await serving.fetch('/v1/entries/thumb:sea')).status).toBe(404)
    expect((await serving.send('DELETE', '/v1/rules', { pattern: rule.pattern })).status).toBe(204)
  })

  test.each([
    ['PUT', '/v1/links', { name: 'a' }, 'E_API_REQUEST_INVALID'],
    ['DELETE', '/v1/links', { dependsOn: ['a'] }, 'E_API_REQUEST_INVALID'],
    ['PUT', '/v1/rules', { pattern: 'thumb:{', dependsOn: ['a'] }, 'E_GRAPH_RULE_INVALID'],
  ])('%s %s refuses %j', async (method, path, body, code) => {
    const serving = await serve()
    const answer = await serving.send(method, path, body)
    expect(answer.status).toBe(400)
    expect(await problemCode(answer)).toBe(code)
  })
})

test('stats counts hits and misses', async () => {
  const serving = await serve()
  await serving.fetch('/v1/entries/a')
  await serving.fetch('/v1/entries/a', { method: 'PUT', body: 'x' })
  await serving.fetch('/v1/entries/a')
  const stats = statsSchema.parse(await (await serving.fetch('/v1/stats')).json())
  expect(stats).toMatchObject({
    hits: 1,
    memory: { entries: 1 },
    daemon: { version: '1.2.3', eventStreams: 0 },
  })
})
