import { once } from 'node:events'
import { connect } from 'node:net'
import fc from 'fast-check'
import { createCache } from 'staleproof'
import { describe, expect, test } from 'vitest'
import { positionHeader, sinceHeader, storedSchema, tokenHeader } from '../../src/api/protocol.ts'
import { exchange, problemCode, type Serving, serve } from './serving.ts'

const put = (serving: Serving, path: string, init: RequestInit = {}) =>
  serving.fetch(path, { method: 'PUT', body: 'bytes', ...init })

describe('store and read', () => {
  test('gives back the bytes with their Content-Type', async () => {
    const serving = await serve()
    const bytes = Uint8Array.from({ length: 256 }, (_, i) => i)
    const stored = await put(serving, '/v1/entries/pixel', {
      body: bytes,
      headers: { 'Content-Type': 'image/png' },
    })
    expect(stored.status).toBe(201)
    expect(storedSchema.parse(await stored.json())).toMatchObject({
      key: 'pixel',
      stored: true,
      sizeBytes: 256,
    })
    expect(stored.headers.get(positionHeader)).toMatch(/\d$/)

    const read = await serving.fetch('/v1/entries/pixel')
    expect(new Uint8Array(await read.arrayBuffer())).toEqual(bytes)
    expect(Object.fromEntries(read.headers)).toMatchObject({
      'content-type': 'image/png',
      'content-length': '256',
      'x-content-type-options': 'nosniff',
      'cache-control': 'no-cache',
      age: '0',
    })
    expect(read.headers.get('Cache-Status')).toMatch(/^staleproof;hit;ttl=\d+$/)
    expect(read.headers.get(positionHeader)).toBeTruthy()
  })

  test('replaces with 200, and defaults to application/octet-stream', async () => {
    const serving = await serve()
    await put(serving, '/v1/entries/a')
    const again = await put(serving, '/v1/entries/a', { body: new Uint8Array([1]) })
    expect(again.status).toBe(200)
    const read = await serving.fetch('/v1/entries/a')
    expect(read.headers.get('Content-Type')).toBe('application/octet-stream')
    expect(new Uint8Array(await read.arrayBuffer())).toEqual(new Uint8Array([1]))
  })

  test('keeps an empty body', async () => {
    const serving = await serve()
    expect((await put(serving, '/v1/entries/empty', { body: '' })).status).toBe(201)
    expect(await (await serving.fetch('/v1/entries/empty')).text()).toBe('')
  })

  test('answers HEAD without a body', async () => {
    const serving = await serve()
    await put(serving, '/v1/entries/a')
    const head = await serving.fetch('/v1/entries/a', { method: 'HEAD' })
    expect(head.status).toBe(200)
    expect(head.headers.get('Content-Length')).toBe('5')
    expect(await head.text()).toBe('')
    expect((await serving.fetch('/v1/entries/b', { method: 'HEAD' })).status).toBe(404)
  })

  test('answers 304 to whoever holds the bytes', async () => {
    const serving = await serve()
    const { etag } = storedSchema.parse(await (await put(serving, '/v1/entries/a')).json())
    const ask = (tag: string) => serving.fetch('/v1/entries/a', { headers: { 'If-None-Match': tag } })
    const same = await ask(`"other", W/${etag}`)
    expect(same.status).toBe(304)
    expect(same.headers.get('ETag')).toBe(etag)
    expect(same.headers.get('Cache-Status')).toContain('hit')
    expect((await ask('*')).status).toBe(304)
    expect((await ask('"other"')).status).toBe(200)
  })

  test('passes policy, ttl, tags and dependencies on', async () => {
    const serving = await serve()
    const query = 'dependsOn=file:1&dependsOn=file:2&tag=t&policy=media&ttl=5m'
    expect((await put(serving, `/v1/entries/a?${query}`)).status).toBe(201)
    const ttl = /ttl=(\d+)/.exec(
      (await serving.fetch('/v1/entries/a')).headers.get('Cache-Status') ?? '',
    )?.[1]
    expect(Number(ttl)).toBeGreaterThan(290)
    expect(Number(ttl)).toBeLessThanOrEqual(300)
    for (const name of ['file:1', 'file:2', 't']) {
      await put(serving, `/v1/entries/a?${query}`)
      await serving.send('POST', '/v1/invalidations', { names: [name] })
      expect((await serving.fetch('/v1/entries/a')).status).toBe(404)
    }
  })
})

test('a stale entry says so, and brings a token', async () => {
  const policies = { brief: { ttl: 1, minTtl: 1, grace: '1h' } } as const
  const serving = await serve({ cache: createCache({ policies }) })
  await put(serving, '/v1/entries/a?policy=brief')
  const status = async () => (await serving.fetch('/v1/entries/a')).headers.get('Cache-Status')
  await expect.poll(status).toMatch(/^staleproof;hit;ttl=-\d+$/)
  const token = (await serving.fetch('/v1/entries/a')).headers.get(tokenHeader) ?? ''
  const newer = await put(serving, '/v1/entries/a', { headers: { [sinceHeader]: token } })
  expect(newer.ok).toBe(true)
})

describe('keys', () => {
  test.each([
    ['a/b', 'a/b'],
    ['a%2Fb', 'a/b'],
    ['a//b/', 'a//b/'],
    ['thumb:sea.jpg', 'thumb:sea.jpg'],
    ['%2Fphotos%2F%C3%A9t%C3%A9%20%F0%9F%8C%8A', '/photos/été 🌊'],
    ['100%25', '100%'],
    ['%252F', '%2F'],
    ['%25252F', '%252F'],
    ['a%3Fb%23c', 'a?b#c'],
    ['a+b', 'a+b'],
    ['a%2F..%2Fb', 'a/../b'],
    ['__proto__', '__proto__'],
  ])('%s means %s', async (path, key) => {
    const serving = await serve()
    expect((await put(serving, `/v1/entries/${path}`)).status).toBe(201)
    expect(await serving.cache.has(key)).toBe(true)
    expect(await (await serving.fetch(`/v1/entries/${path}`)).text()).toBe('bytes')
  })

  test('any key that is encoded arrives as it is', async () => {
    const serving = await serve()
    const key = fc
      .string({ unit: 'binary', minLength: 1, maxLength: 20 })
      .filter((key) => !/^\.{1,2}$/.test(key))
    const arrives = fc.asyncProperty(key, async (key) => {
      await put(serving, `/v1/entries/${encodeURIComponent(key)}`)
      return serving.cache.has(key)
    })
    await fc.assert(arrives, { numRuns: 50 })
  })

  test('refuses what is not UTF-8', async () => {
    const serving = await serve()
    expect(await problemCode(await put(serving, '/v1/entries/%FF'))).toBe('E_API_REQUEST_INVALID')
  })
})

describe('a miss', () => {
  test('is a 404 with a token', async () => {
    const serving = await serve()
    const miss = await serving.fetch('/v1/entries/a')
    expect(miss.status).toBe(404)
    expect(miss.headers.get(tokenHeader)).toBeTruthy()
    expect(miss.headers.get('Cache-Status')).toBe('staleproof;fwd=uri-miss')
    expect(await problemCode(miss)).toBe('E_API_ENTRY_ABSENT')
  })

  test('can be filled with its token', async () => {
    const serving = await serve()
    const token = await tokenOf(serving, 'a')
    const filled = await put(serving, '/v1/entries/a?dependsOn=file:1', { headers: { [sinceHeader]: token } })
    expect(filled.status).toBe(201)
    expect(await filled.json()).toMatchObject({ stored: true, position: null })
    expect((await serving.fetch('/v1/entries/a')).status).toBe(200)
  })

  test.each([['a'], ['file:1']])('cannot be filled after %s was invalidated', async (name) => {
    const serving = await serve()
    const token = await tokenOf(serving, 'a')
    await serving.send('POST', '/v1/invalidations', { names: [name] })
    const late = await put(serving, '/v1/entries/a?dependsOn=file:1', { headers: { [sinceHeader]: token } })
    expect(late.status).toBe(409)
    expect(await problemCode(late)).toBe('E_FILL_REFUSED')
    expect((await serving.fetch('/v1/entries/a')).status).toBe(404)
  })

  test('cannot be filled with a token of another start', async () => {
    const token = await tokenOf(await serve(), 'a')
    const serving = await serve()
    const late = await put(serving, '/v1/entries/a', { headers: { [sinceHeader]: token } })
    expect(await late.json()).toMatchObject({ code: 'E_FILL_REFUSED', refused: 'unknown-token' })
  })

  test('cannot be filled with a made-up token', async () => {
    const serving = await serve()
    const headers = { [sinceHeader]: '?' }
    expect(await problemCode(await put(serving, '/v1/entries/a', { headers }))).toBe('E_TOKEN_INVALID')
  })

  async function tokenOf(serving: Serving, key: string): Promise<string> {
    return (await serving.fetch(`/v1/entries/${key}`)).headers.get(tokenHeader) ?? ''
  }
})

describe('delete', () => {
  test('removes an entry once', async () => {
    const serving = await serve()
    await put(serving, '/v1/entries/a')
    expect((await serving.fetch('/v1/entries/a', { method: 'DELETE' })).status).toBe(204)
    const again = await serving.fetch('/v1/entries/a', { method: 'DELETE' })
    expect(again.status).toBe(404)
    expect(await problemCode(again)).toBe('E_API_ENTRY_ABSENT')
  })
})

describe('bodies', () => {
  const chunked = (chunks: number): RequestInit => ({
    method: 'PUT',
    body: ReadableStream.from(Array.from({ length: chunks }, () => new Uint8Array(64 * 1024))),
    duplex: 'half',
  })

  test('takes a chunked one within the limit', async () => {
    const serving = await serve()
    expect((await serving.fetch('/v1/entries/a', chunked(16))).status).toBe(201)
  })

  test('refuses a large one by its Content-Length, before it is sent', async () => {
    const serving = await serve({ config: { maxBodyBytes: 1000 } })
    const answer = await exchange(
      serving.port,
      'PUT /v1/entries/a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1001\r\n\r\n',
    )
    expect(answer).toMatch(/^HTTP\/1.1 413 /)
    expect(answer).toContain('E_API_BODY_TOO_LARGE')
  })

  test('refuses a large chunked one before it was read in full', async () => {
    const serving = await serve({ config: { maxBodyBytes: 256 * 1024 } })
    const socket = connect(serving.port, '127.0.0.1')
    socket.write('PUT /v1/entries/a HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n')
    const chunk = Buffer.alloc(64 * 1024)
    for (let i = 0; i < 5; i += 1)
      socket.write(Buffer.concat([Buffer.from('10000\r\n'), chunk, Buffer.from('\r\n')]))
    const [answer] = (await once(socket, 'data')) as [Buffer]
    expect(String(answer)).toMatch(/^HTTP\/1.1 413 /)
    socket.destroy()
    expect(await serving.cache.has('a')).toBe(false)
  })

  test.each([
    ['with a Content-Length', 'Content-Length: 10', 'short'],
    ['in chunks', 'Transfer-Encoding: chunked', '5\r\nshort\r\n'],
  ])('stores nothing of one that breaks off, %s', async (_, header, part) => {
    const serving = await serve()
    const socket = connect(serving.port, '127.0.0.1')
    socket.write(`PUT /v1/entries/a HTTP/1.1\r\nHost: localhost\r\n${header}\r\n\r\n${part}`)
    await serving.fetch('/healthz')
    socket.destroy()
    await expect.poll(() => serving.logged.some((line) => line.includes('"method":"PUT"'))).toBe(true)
    expect(serving.logged.filter((line) => line.includes('request failed'))).toEqual([])
    expect(await serving.cache.has('a')).toBe(false)
  })

  test('refuses one that is too large for the cache', async () => {
    const serving = await serve({ cache: createCache({ memory: { maxEntryBytes: 1000 } }) })
    const answer = await put(serving, '/v1/entries/a', { body: new Uint8Array(2000) })
    expect(answer.status).toBe(413)
    expect(await problemCode(answer)).toBe('E_VALUE_TOO_LARGE')
  })

  test('refuses an encoded one and a part of one', async () => {
    const serving = await serve()
    const encoded = await put(serving, '/v1/entries/a', { headers: { 'Content-Encoding': 'gzip' } })
    expect(encoded.status).toBe(415)
    expect(await problemCode(encoded)).toBe('E_API_MEDIA_TYPE')
    const part = await put(serving, '/v1/entries/a', { headers: { 'Content-Range': 'bytes 0-4/10' } })
    expect(await problemCode(part)).toBe('E_API_REQUEST_INVALID')
  })
})

describe('parameters', () => {
  test.each([
    ['ttl=5', 'ttl'],
    ['ttl=soon', 'ttl'],
    ['dependsOn=', 'dependsOn.0'],
    ['dependOn=file:1', 'dependOn'],
  ])('refuses %s', async (query, name) => {
    const serving = await serve()
    const answer = await put(serving, `/v1/entries/a?${query}`)
    expect(answer.status).toBe(400)
    expect(await answer.json()).toMatchObject({
      code: 'E_API_REQUEST_INVALID',
      instance: '/v1/entries/a',
      errors: [{ in: 'query', name, detail: expect.any(String) }],
    })
  })

  test('refuses an unknown policy', async () => {
    const serving = await serve()
    expect(await problemCode(await put(serving, '/v1/entries/a?policy=none'))).toBe('E_POLICY_UNKNOWN')
  })
})
