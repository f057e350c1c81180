import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { Client, named } from './client.ts'
import { follow } from './event-stream.ts'

let server: Server | undefined
afterEach(() => {
  server?.closeAllConnections()
  server?.close()
  server = undefined
})

async function serving(listener: RequestListener): Promise<Client> {
  server = createServer(listener)
  await new Promise<void>((resolve) => server?.listen(0, '127.0.0.1', resolve))
  return new Client(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
}

function problem(status: number): RequestListener {
  return (_, response) => {
    response.writeHead(status, { 'Content-Type': 'application/problem+json' })
    const facts = {
      type: 'urn:x',
      title: 'No',
      detail: 'it cannot be',
      code: 'E_X',
      instance: '/',
      requestId: '1',
    }
    response.end(JSON.stringify({ ...facts, status }))
  }
}

const anything = z.object({ a: z.number() })

describe('a failure', () => {
  it.each([
    [400, 2],
    [404, 3],
    [409, 5],
    [413, 2],
    [502, 1],
    [503, 1],
  ])('with status %d ends with %d and says what the daemon said', async (status, exitCode) => {
    const client = await serving(problem(status))
    await expect(client.ask(anything, 'v1/stats')).rejects.toMatchObject({
      exitCode,
      message: 'it cannot be (E_X)',
      problem: { status, code: 'E_X' },
    })
  })

  it('to reach it ends with 4 and says what to try', async () => {
    const client = await serving(() => {})
    await new Promise((resolve) => server?.close(resolve))
    await expect(client.ask(anything, 'v1/stats')).rejects.toMatchObject({
      exitCode: 4,
      message: expect.stringMatching(
        /cannot reach the daemon at http:.*ECONNREFUSED.*staleproof serve.*--url/,
      ),
    })
  })

  it('of somebody who is no daemon is not taken for an answer', async () => {
    const client = await serving((_, response) => response.writeHead(500).end('<html>'))
    await expect(client.ask(anything, 'v1/stats')).rejects.toMatchObject({ exitCode: 1 })
  })

  it('of somebody who does not speak JSON is named', async () => {
    const client = await serving((_, response) => response.end('<html>'))
    await expect(client.ask(anything, 'v1/stats')).rejects.toMatchObject({
      exitCode: 1,
      message: expect.stringContaining('is it the daemon?'),
    })
  })

  it('names an answer that is not what it should be', async () => {
    const client = await serving((_, response) => response.end('{"a":"text"}'))
    await expect(client.ask(anything, 'v1/stats')).rejects.toMatchObject({
      exitCode: 1,
      message: expect.stringContaining('another version'),
    })
  })

  it.each(['nonsense', 'ftp://x', ''])('is an address such as %j', (url) => {
    expect(() => new Client(url)).toThrow(expect.objectContaining({ exitCode: 2 }))
  })
})

it('keeps what came beside what it means', async () => {
  const client = await serving((_, response) => response.end('{"a":1,"new":2}'))
  expect(await client.ask(anything, 'v1/stats')).toEqual({ value: { a: 1 }, raw: { a: 1, new: 2 } })
})

it('sends names with slashes, queries with lists and no header that is not given', async () => {
  const seen: unknown[] = []
  const client = await serving(({ url, headers }, response) => {
    seen.push(url, headers['x-a'], 'x-b' in headers)
    response.end()
  })
  const query = { tag: ['a b', 'c'], ttl: undefined, depth: 2 }
  await client.send(named('v1/entries', 'file:/a b/ü?'), { query, headers: { 'x-a': '1', 'x-b': undefined } })
  expect(seen).toEqual(['/v1/entries/file%3A%2Fa%20b%2F%C3%BC%3F?tag=a+b&tag=c&depth=2', '1', false])
})

describe('following', () => {
  it('goes on after the last event when the connection breaks', async () => {
    const asked: unknown[] = []
    const client = await serving(({ headers }, response) => {
      asked.push(headers['last-event-id'])
      response.writeHead(200, { 'Content-Type': 'text/event-stream' })
      response.end(`event: changed\nid: r.${asked.length}\ndata: {"n":${asked.length}}\n\n`)
    })
    const stop = new AbortController()
    const lost: string[] = []
    const seen: string[] = []
    const options = { query: {}, signal: stop.signal, lost: (why: string) => lost.push(why) }
    for await (const { data } of follow(client, options)) {
      seen.push(data)
      if (seen.length === 3) stop.abort()
    }
    expect(seen).toEqual(['{"n":1}', '{"n":2}', '{"n":3}'])
    expect(asked).toEqual([undefined, 'r.1', 'r.2'])
    expect(lost).toEqual(['the stream ended', 'the stream ended'])
  })

  it('fails when there is nobody at first', async () => {
    const client = await serving(problem(400))
    const options = { query: {}, signal: new AbortController().signal, lost: () => {} }
    await expect(follow(client, options).next()).rejects.toMatchObject({ exitCode: 2 })
  })
})
