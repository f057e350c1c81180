import { once } from 'node:events'
import { request } from 'node:http'
import { connect, createServer as createTcpServer } from 'node:net'
import { pino } from 'pino'
import { type GraphView, type Stats, StaleproofError } from 'staleproof'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import * as examples from '../../src/api/examples.ts'
import { takePort } from '../../src/api/port.ts'
import { exchange, problemCode, serve } from './serving.ts'

const silent = pino({ level: 'silent' })

describe('health', () => {
  test('is alive, with its version', async () => {
    const serving = await serve()
    expect(await (await serving.fetch('/healthz')).json()).toEqual({
      status: 'alive',
      version: '1.2.3',
      disk: null,
      redis: null,
    })
  })

  test('is ready when it says so, with its sources', async () => {
    const readiness = { ready: false }
    const serving = await serve({ readiness, sources: () => [{ name: 'photos', state: 'starting' }] })
    const early = await serving.fetch('/readyz')
    expect(early.status).toBe(503)
    expect(await early.json()).toMatchObject({ code: 'E_API_NOT_READY', sources: [{ name: 'photos' }] })
    expect(serving.logged.filter((line) => line.includes('request failed'))).toEqual([])
    readiness.ready = true
    const later = await serving.fetch('/readyz')
    expect(await later.json()).toEqual({
      status: 'ready',
      sources: [{ name: 'photos', state: 'starting' }],
      disk: null,
      redis: null,
    })
  })

  test('stays ready while the data directory fails, and says so', async () => {
    const serving = await serve()
    const disk = {
      ...examples.stats.disk,
      status: 'failing',
      error: { code: 'E_DISK_FULL', message: 'no room' },
    }
    vi.spyOn(serving.cache, 'stats').mockReturnValue({ ...serving.cache.stats(), disk } as Stats)
    for (const path of ['/healthz', '/readyz', '/v1/stats']) {
      const answer = await serving.fetch(path)
      expect([answer.status, await answer.json()]).toMatchObject([200, { disk }])
    }
  })

  test('is not ready while it is fenced, and says why', async () => {
    const serving = await serve()
    const error = { code: 'E_REDIS_UNREACHABLE', message: 'there is no connection' }
    const redis = { ...examples.stats.redis, status: 'failing', fenced: true, error }
    vi.spyOn(serving.cache, 'stats').mockReturnValue({ ...serving.cache.stats(), redis } as unknown as Stats)
    const ready = await serving.fetch('/readyz')
    expect([ready.status, ready.headers.get('Retry-After')]).toEqual([503, '1'])
    expect(await ready.clone().json()).toMatchObject({
      redis,
      detail: expect.stringContaining('fenced, and serves nothing that it holds: there is no connection'),
    })
    expect(await problemCode(ready)).toBe('E_API_NOT_READY')
    expect(await (await serving.fetch('/healthz')).json()).toMatchObject({ status: 'alive', redis })
  })
})

describe('problems', () => {
  test('an unknown route is a 404', async () => {
    const serving = await serve()
    const answer = await serving.fetch('/v2/entries/a?b=c')
    expect(await answer.clone().json()).toMatchObject({ instance: '/v2/entries/a' })
    expect(await problemCode(answer)).toBe('E_API_ROUTE_UNKNOWN')
  })

  test.each([
    ['PATCH', '/v1/entries/a/b', 'DELETE, GET, HEAD, PUT'],
    ['DELETE', '/v1/invalidations', 'GET, HEAD, POST'],
    ['POST', '/healthz', 'GET, HEAD'],
    ['OPTIONS', '/v1/links', 'DELETE, PUT'],
  ])('%s %s is a 405 with Allow', async (method, path, allow) => {
    const serving = await serve()
    const answer = await serving.fetch(path, { method })
    expect(answer.status).toBe(405)
    expect(answer.headers.get('Allow')?.split(', ').toSorted().join(', ')).toBe(allow)
    expect(await problemCode(answer)).toBe('E_API_METHOD')
  })

  test('what nobody expected is a 500 that keeps its cause to itself, and to the log', async () => {
    const serving = await serve()
    vi.spyOn(serving.cache, 'graph').mockRejectedValue(new Error('a secret'))
    const answer = await serving.fetch('/v1/graph/a', { headers: { 'X-Request-Id': 'request-7' } })
    const text = await answer.clone().text()
    expect(text).not.toContain('secret')
    expect(JSON.parse(text)).toMatchObject({ status: 500, requestId: 'request-7' })
    expect(await problemCode(answer)).toBe('E_API_INTERNAL')
    const line = serving.logged.find((line) => line.includes('request failed')) ?? ''
    expect(JSON.parse(line)).toMatchObject({
      level: 50,
      requestId: 'request-7',
      err: { message: 'a secret' },
    })
  })

  test('an entry that may not be served now is a 503, with the time to wait', async () => {
    const serving = await serve()
    const fenced = new StaleproofError('E_CONSISTENCY_FENCED', 'it may have been invalidated')
    vi.spyOn(serving.cache, 'entry').mockRejectedValue(fenced)
    const answer = await serving.fetch('/v1/entries/a')
    expect([answer.status, answer.headers.get('Retry-After')]).toEqual([503, '1'])
    expect(await problemCode(answer)).toBe('E_CONSISTENCY_FENCED')
  })

  test('a cache that is closed is a 503', async () => {
    const serving = await serve()
    await serving.cache.close()
    const answer = await serving.fetch('/v1/graph/a')
    expect(answer.status).toBe(503)
    expect(await problemCode(answer)).toBe('E_CACHE_CLOSED')
  })

  test('logs requests at debug', async () => {
    const serving = await serve()
    await serving.fetch('/healthz')
    expect(JSON.parse(serving.logged[0] ?? '')).toMatchObject({ level: 20, path: '/healthz', status: 200 })
  })
})

describe('other sites', () => {
  test.each([['evil.example'], ['127.0.0.1.evil.example'], ['192.168.0.7:80'], ['localhost.evil.example']])(
    'refuses the Host %s',
    async (host) => {
      const { port } = await serve()
      const answer = await exchange(port, `GET /v1/stats HTTP/1.1\r\nHost: ${host}\r\n\r\n`)
      expect(answer).toMatch(/^HTTP\/1.1 403 /)
      expect(answer).toContain('E_API_HOST')
    },
  )

  test.each([['localhost'], ['LOCALHOST:1'], ['[::1]:9'], ['127.0.0.2'], ['home.localhost']])(
    'answers to the Host %s',
    async (host) => {
      const { port } = await serve()
      expect(await exchange(port, `GET /healthz HTTP/1.1\r\nHost: ${host}\r\n\r\n`)).toMatch(
        /^HTTP\/1.1 200 /,
      )
    },
  )

  test('a Host that is none is a problem, too', async () => {
    const { port } = await serve()
    const answer = await exchange(port, 'GET /healthz HTTP/1.1\r\nHost: a b\r\n\r\n')
    expect(answer).toMatch(/^HTTP\/1.1 400 /)
    expect(answer).toContain('application/problem+json')
  })

  test('bound elsewhere, any Host will do', async () => {
    const { port } = await serve({ config: { host: '0.0.0.0' } })
    expect(await exchange(port, 'GET /healthz HTTP/1.1\r\nHost: nas.lan\r\n\r\n')).toMatch(/^HTTP\/1.1 200 /)
  })

  test.each([
    [{ 'Sec-Fetch-Site': 'cross-site' }, 403],
    [{ 'Sec-Fetch-Site': 'same-site' }, 403],
    [{ Origin: 'http://evil.example' }, 403],
    [{ Origin: 'null' }, 403],
    [{ 'Sec-Fetch-Site': 'same-origin' }, 204],
    [{ 'Sec-Fetch-Site': 'none' }, 204],
    [{}, 204],
  ])('a change with %j is answered %i', async (headers, status) => {
    const { port, cache } = await serve()
    await cache.set('a', 1)
    const out = request({ port, host: '127.0.0.1', method: 'DELETE', path: '/v1/entries/a', headers })
    out.end()
    const [{ statusCode }] = await once(out, 'response')
    expect(statusCode).toBe(status)
    expect(await cache.has('a')).toBe(status === 403)
  })

  test('a page of another site may not read an answer', async () => {
    const serving = await serve()
    const { headers } = await serving.fetch('/healthz')
    expect(headers.has('Access-Control-Allow-Origin')).toBe(false)
    expect(headers.get('Cross-Origin-Resource-Policy')).toBe('same-origin')
    expect(headers.has('Strict-Transport-Security')).toBe(false)
  })
})

describe('start and stop', () => {
  test('says that a port is taken', async () => {
    const other = createTcpServer().listen(0, '127.0.0.1')
    await once(other, 'listening')
    onTestFinished(() => void other.close())
    const address = other.address()
    const port = address !== null && typeof address === 'object' ? address.port : 0
    await expect(takePort({ host: '127.0.0.1', port }, silent)).rejects.toMatchObject({
      code: 'E_PORT_IN_USE',
    })
  })

  test('says that it is starting, until there is something to answer with', async () => {
    const port = await takePort({ host: '127.0.0.1', port: 0 }, silent)
    onTestFinished(() => port.close(0))
    const early = await fetch(`${port.url}/v1/entries/a?b=c`)
    expect(early.status).toBe(503)
    expect(await early.clone().json()).toMatchObject({ instance: '/v1/entries/a' })
    expect(await problemCode(early)).toBe('E_API_NOT_READY')
    port.answerWith((_, response) => response.end('now'))
    expect(await (await fetch(port.url)).text()).toBe('now')
  })

  test('close lets a request under way end, and takes no more', async () => {
    const serving = await serve()
    let answer = (_: GraphView) => {}
    const asked = vi
      .spyOn(serving.cache, 'graph')
      .mockReturnValue(new Promise((resolve) => (answer = resolve)))
    const underWay = serving.fetch('/v1/graph/a')
    await expect.poll(() => asked.mock.calls.length).toBe(1)
    const closing = serving.server.close()
    await expect(serving.fetch('/healthz')).rejects.toThrow('fetch failed')
    answer({ name: 'a' } as GraphView)
    expect(await (await underWay).json()).toEqual({ name: 'a' })
    await closing
  })

  test('close does not wait for a connection that was opened and never used', async () => {
    const serving = await serve({ drainMs: 60_000 })
    const unused = connect(serving.port, '127.0.0.1')
    await once(unused, 'connect')
    await serving.fetch('/healthz')
    const ended = once(unused.resume(), 'close')
    await serving.server.close()
    await ended
  })

  test('close cuts off what does not end', async () => {
    const serving = await serve({ drainMs: 10 })
    const asked = vi.spyOn(serving.cache, 'graph').mockReturnValue(new Promise(() => {}))
    const stuck = serving.fetch('/v1/graph/a')
    const cutOff = expect(stuck).rejects.toThrow('fetch failed')
    await expect.poll(() => asked.mock.calls.length).toBe(1)
    await serving.server.close()
    await cutOff
  })
})
