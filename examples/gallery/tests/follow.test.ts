import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createCache } from 'staleproof'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { Follow, type Applied } from '../src/gallery/follow.ts'

/** A daemon that says what the test wants. */
let daemon: Server
let requests: { request: IncomingMessage; response: ServerResponse }[]
let applied: Applied[]
let follow: Follow
let loads: number
const cache = createCache()

beforeEach(async () => {
  requests = []
  applied = []
  loads = 0
  daemon = createServer((request, response) => {
    response.writeHead(200, { 'Content-Type': 'text/event-stream' })
    response.write('event: ready\nid: a.0\ndata: {"from":"a.0"}\n\n')
    requests.push({ request, response })
  })
  await new Promise<void>((resolve) => daemon.listen(0, '127.0.0.1', resolve))
  const { port } = daemon.address() as AddressInfo
  follow = new Follow({ url: `http://127.0.0.1:${port}`, cache, onApplied: (event) => applied.push(event) })
  await follow.start()
  await read()
})
afterEach(async () => {
  await follow.stop()
  daemon.closeAllConnections()
  await new Promise((resolve) => daemon.close(resolve))
  await cache.invalidate({ all: true })
})

const read = () => cache.getOrSet('thumb', () => ++loads, { dependsOn: 'file:/a.jpg' })
const connection = (n: number) => requests[n]?.response
const told = (count: number) => vi.waitFor(() => expect(applied.length).toBe(count), { timeout: 5000 })

function tell(n: number, event: string, data: object, id: string): void {
  connection(n)?.write(`event: ${event}\nid: ${id}\ndata: ${JSON.stringify(data)}\n\n`)
}

const record = { names: ['file:/a.jpg'], prefix: null, all: false, reason: 'files: changed' }
const position = { generation: 'g', n: 1 }

it('takes what was made from a name that changed', async () => {
  tell(0, 'invalidated', { ...record, position }, 'a.1')
  await told(1)
  expect(await read()).toBe(2)
})

it('waits for what the daemon has only queued', async () => {
  tell(0, 'invalidated', { ...record, position: null }, 'a.1')
  tell(0, 'changed', { name: 'something else', n: 2 }, 'a.2')
  await told(1)
  expect(await read()).toBe(1)
})

it('repeats prefixes, everything, and changes', async () => {
  tell(0, 'invalidated', { ...record, names: [], prefix: 'file:/', position }, 'a.1')
  await told(1)
  expect(await read()).toBe(2)
  tell(0, 'invalidated', { ...record, names: [], all: true, position }, 'a.2')
  await told(2)
  expect(await read()).toBe(3)
  tell(0, 'changed', { name: 'file:/a.jpg', n: 3 }, 'a.3')
  await told(3)
  expect(await read()).toBe(4)
})

it('goes on behind the last event after a lost connection', async () => {
  tell(0, 'changed', { name: 'b', n: 1 }, 'a.1')
  await told(1)
  connection(0)?.destroy()
  await vi.waitFor(() => expect(requests.length).toBe(2), { timeout: 5000 })
  expect(requests[0]?.request.headers['last-event-id']).toBeUndefined()
  expect(requests[1]?.request.headers['last-event-id']).toBe('a.1')
  expect(await read()).toBe(1)
  tell(1, 'changed', { name: 'file:/a.jpg', n: 2 }, 'a.2')
  await told(2)
  expect(await read()).toBe(2)
})

it('gives up everything at a gap', async () => {
  tell(0, 'gap', { since: 'z.7', reason: 'other-start' }, 'a.0')
  await told(1)
  expect(await read()).toBe(2)
})
