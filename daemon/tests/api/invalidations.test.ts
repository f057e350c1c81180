import { StaleproofError } from 'staleproof'
import { describe, expect, test, vi } from 'vitest'
import { historyPageSchema, invalidationSchema, planSchema } from '../../src/api/protocol.ts'
import { problemCode, type Serving, serve } from './serving.ts'

const invalidate = (serving: Serving, request: unknown) => serving.send('POST', '/v1/invalidations', request)

describe('invalidate', () => {
  test('takes out what depended on a name, and says so', async () => {
    const serving = await serve()
    await serving.fetch('/v1/entries/thumb?dependsOn=file:1', { method: 'PUT', body: 'x' })
    const answer = await invalidate(serving, { names: ['file:1'], reason: 'edited', actor: 'me' })
    expect(answer.status).toBe(200)
    const result = invalidationSchema.parse(await answer.json())
    expect(result).toMatchObject({ status: 'completed', names: ['file:1'], reason: 'edited', actor: 'me' })
    expect(answer.headers.get('Location')).toBe(`/v1/invalidations/${result.id}`)
    expect((await serving.fetch('/v1/entries/thumb')).status).toBe(404)
  })

  test('answers 202 to what waits in the queue', async () => {
    const serving = await serve()
    const answer = await invalidate(serving, { names: ['a'], strategy: 'background', consistency: 'relaxed' })
    expect(answer.status).toBe(202)
    expect(invalidationSchema.parse(await answer.json())).toMatchObject({ status: 'pending', position: null })
  })

  test('plans without doing', async () => {
    const serving = await serve()
    await serving.fetch('/v1/entries/thumb?dependsOn=file:1', { method: 'PUT', body: 'x' })
    const answer = await invalidate(serving, { names: ['file:1'], dryRun: true })
    expect(planSchema.parse(await answer.json())).toMatchObject({ names: ['file:1'] })
    expect((await serving.fetch('/v1/entries/thumb')).status).toBe(200)
  })

  test('is a 502 with the result inside if a tier did not do it', async () => {
    const serving = await serve()
    const result = { id: 'i1', tiers: { disk: { status: 'failed', held: ['a'] } } }
    const incomplete = new StaleproofError('E_INVALIDATION_INCOMPLETE', 'disk still holds a', {
      details: { result },
    })
    vi.spyOn(serving.cache, 'invalidate').mockRejectedValue(incomplete)
    const answer = await invalidate(serving, { names: ['a'] })
    expect(answer.status).toBe(502)
    expect(await answer.json()).toMatchObject({ code: 'E_INVALIDATION_INCOMPLETE', result })
  })

  test.each([
    [{}, ''],
    [{ names: [] }, 'names'],
    [{ names: [''] }, 'names.0'],
    [{ names: ['a'], strategy: 'soon' }, 'strategy'],
    [{ names: ['a'], dryrun: true }, 'dryrun'],
    [{ name: 'a' }, 'name'],
    [[], ''],
  ])('refuses %j', async (request, name) => {
    const serving = await serve()
    const answer = await invalidate(serving, request)
    expect(answer.status).toBe(400)
    const errors = expect.arrayContaining([{ in: 'body', name, detail: expect.any(String) }])
    expect(await answer.json()).toMatchObject({ code: 'E_API_REQUEST_INVALID', errors })
  })

  test('refuses what is not JSON, in words and in bytes', async () => {
    const serving = await serve()
    const post = (type: string, body: string) =>
      serving.fetch('/v1/invalidations', { method: 'POST', body, headers: { 'Content-Type': type } })
    const form = await post('text/plain', '{"names":["a"]}')
    expect(form.status).toBe(415)
    expect(await problemCode(form)).toBe('E_API_MEDIA_TYPE')
    expect(await problemCode(await post('application/json', '{"names":['))).toBe('E_API_REQUEST_INVALID')
  })

  test('refuses a body that is too large', async () => {
    const serving = await serve()
    const answer = await invalidate(serving, { names: ['a'], reason: 'x'.repeat(5 * 1024 ** 2) })
    expect(await problemCode(answer)).toBe('E_API_BODY_TOO_LARGE')
  })
})

describe('history', () => {
  test('is read a page at a time, newest first', async () => {
    const serving = await serve()
    for (const name of ['a', 'b', 'c']) await invalidate(serving, { names: [name] })
    const first = await serving.fetch('/v1/invalidations?limit=2')
    const page = historyPageSchema.parse(await first.json())
    expect(page.records.map(({ names }) => names[0])).toEqual(['c', 'b'])

    const next = /^<(.+)>; rel="next"$/.exec(first.headers.get('Link') ?? '')?.[1] ?? ''
    const second = await serving.fetch(next)
    expect(historyPageSchema.parse(await second.json()).records.map(({ names }) => names[0])).toEqual(['a'])
    expect(second.headers.has('Link')).toBe(false)
  })

  test('passes every filter on', async () => {
    const serving = await serve()
    const list = vi.spyOn(serving.cache.invalidations, 'list')
    const query = 'status=failed&name=a&strategy=lazy&actor=me&since=1970-01-01T00:00:01Z&until=2000&limit=7'
    expect((await serving.fetch(`/v1/invalidations?${query}`)).status).toBe(200)
    expect(list).toHaveBeenCalledWith({
      status: 'failed',
      name: 'a',
      strategy: 'lazy',
      actor: 'me',
      since: 1000,
      until: 2000,
      limit: 7,
    })
  })

  test.each([['limit=0'], ['limit=many'], ['status=odd'], ['since=yesterday'], ['nmae=a']])(
    'refuses %s',
    async (query) => {
      const serving = await serve()
      const answer = await serving.fetch(`/v1/invalidations?${query}`)
      expect(answer.status).toBe(400)
      expect(await answer.json()).toMatchObject({ errors: [{ in: 'query', name: query.split('=')[0] }] })
    },
  )

  test('refuses a cursor that is not one', async () => {
    const serving = await serve()
    expect(await problemCode(await serving.fetch('/v1/invalidations?cursor=%00'))).toBe('E_CURSOR_INVALID')
  })

  test('gives one record', async () => {
    const serving = await serve()
    const { id } = invalidationSchema.parse(await (await invalidate(serving, { names: ['a'] })).json())
    const record = await serving.fetch(`/v1/invalidations/${id}`)
    expect(invalidationSchema.parse(await record.json())).toMatchObject({ id, names: ['a'] })
  })
})

test('what is in force and could not be written is a 202', async () => {
  const serving = await serve()
  const result = {
    id: 'i1',
    status: 'pending',
    error: { code: 'E_LOG_PENDING', message: 'the disk is full' },
  }
  const pending = new StaleproofError('E_LOG_PENDING', 'the disk is full', { details: { result } })
  vi.spyOn(serving.cache, 'invalidate').mockRejectedValue(pending)
  const answer = await invalidate(serving, { names: ['a'] })
  expect([answer.status, await answer.json()]).toEqual([202, result])
  for (const [action, method] of [
    ['run', 'runNow'],
    ['retry', 'retry'],
  ] as const) {
    vi.spyOn(serving.cache.invalidations, method).mockRejectedValue(pending)
    const again = await serving.fetch(`/v1/invalidations/i1/${action}`, { method: 'POST' })
    expect([again.status, await again.json()]).toEqual([202, result])
  }
  vi.spyOn(serving.cache, 'set').mockRejectedValue(pending)
  const put = await serving.fetch('/v1/entries/a', { method: 'PUT', body: 'x' })
  expect([put.status, await problemCode(put)]).toEqual([503, 'E_LOG_PENDING'])
})

test('one that waits is run at once, once', async () => {
  const serving = await serve()
  await serving.fetch('/v1/entries/a', { method: 'PUT', body: 'x' })
  const { id } = (await (await invalidate(serving, { names: ['a'], strategy: 'scheduled' })).json()) as {
    id: string
  }
  const run = () => serving.fetch(`/v1/invalidations/${id}/run`, { method: 'POST' })
  const answer = await run()
  expect([answer.status, await answer.json()]).toMatchObject([200, { id, status: 'completed', attempts: 1 }])
  expect((await serving.fetch('/v1/entries/a')).status).toBe(404)
  expect(await problemCode(await run())).toBe('E_INVALIDATION_STATUS')
})

describe('cancel and retry', () => {
  test('cancels what waits, once', async () => {
    const serving = await serve()
    const waiting = await invalidate(serving, {
      names: ['a'],
      strategy: 'background',
      consistency: 'relaxed',
    })
    const { id } = invalidationSchema.parse(await waiting.json())
    const cancel = () => serving.fetch(`/v1/invalidations/${id}/cancel`, { method: 'POST' })
    expect(await (await cancel()).json()).toMatchObject({ id, status: 'cancelled' })
    const again = await cancel()
    expect(again.status).toBe(409)
    expect(await problemCode(again)).toBe('E_INVALIDATION_STATUS')
  })

  test('retries a failed one', async () => {
    const serving = await serve()
    const { id, ...rest } = invalidationSchema.parse(
      await (await invalidate(serving, { names: ['a'] })).json(),
    )
    const retry = vi
      .spyOn(serving.cache.invalidations, 'retry')
      .mockResolvedValue({ id, ...rest, attempts: 2 })
    const answer = await serving.fetch(`/v1/invalidations/${id}/retry`, { method: 'POST' })
    expect(await answer.json()).toMatchObject({ id, attempts: 2 })
    expect(retry).toHaveBeenCalledWith(id)
  })

  test.each([
    ['GET', ''],
    ['POST', '/cancel'],
    ['POST', '/retry'],
    ['POST', '/run'],
  ])('%s of an unknown one%s is a 404', async (method, action) => {
    const serving = await serve()
    const answer = await serving.fetch(`/v1/invalidations/none${action}`, { method })
    expect(answer.status).toBe(404)
    expect(await problemCode(answer)).toBe('E_INVALIDATION_UNKNOWN')
  })
})
