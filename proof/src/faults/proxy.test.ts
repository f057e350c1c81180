/**
 * What the proxy does to a server that echoes, and what becomes of the library's client of Redis behind it.
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { freePort, until } from 'staleproof-testbed'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { buildLibrary } from '../build.ts'
import { openClient, type Client } from './client.ts'
import { Link } from './proxy.ts'

const links: Link[] = []

async function linkTo(port: number, random = () => 0.5): Promise<Link> {
  const link = await Link.open({ port, random })
  links.push(link)
  return link
}

describe('a link to a server that echoes', () => {
  let server: Server
  let link: Link
  const heard: string[] = []
  const sockets: Socket[] = []

  beforeAll(async () => {
    server = createServer((socket) => {
      socket.on('error', () => undefined)
      socket.on('data', (bytes) => {
        heard.push(bytes.toString())
        socket.write(bytes)
      })
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
  })
  afterAll(() => void server.close())
  beforeEach(async () => {
    heard.length = 0
    link = await linkTo((server.address() as { port: number }).port)
  })
  afterEach(async () => {
    for (const socket of sockets.splice(0)) socket.destroy()
    await Promise.all(links.splice(0).map((link) => link.close()))
  })

  /** A connection, all that it was told, and how it ended. */
  async function caller() {
    const socket = connect(link.port, '127.0.0.1')
    sockets.push(socket)
    const state = { socket, got: '', end: undefined as string | undefined }
    socket.on('data', (bytes) => (state.got += bytes.toString()))
    socket.on('error', (error) => (state.end = (error as NodeJS.ErrnoException).code))
    socket.on('close', () => (state.end ??= 'closed'))
    await new Promise((resolve) => socket.once('connect', resolve).once('close', resolve))
    return state
  }

  async function echoed(state: { socket: Socket; got: string }, text: string): Promise<void> {
    state.socket.write(text)
    await until(() => state.got.endsWith(text), `${text} from the server`)
  }

  it('passes everything, once and in order, and an end as an end', async () => {
    const one = await caller()
    const text = Array.from({ length: 20_000 }, (_, i) => `${i},`).join('')
    await echoed(one, text)
    expect(one.got).toBe(text)
    expect(heard.join('')).toBe(text)
    expect(link.counts).toMatchObject({
      connections: 1,
      open: 1,
      up: text.length,
      down: text.length,
      dropped: 0,
    })
    one.socket.end()
    await until(() => link.counts.open === 0, 'an end')
    expect(one.end).toBe('closed')
  })

  it('delays each piece by as much as chance says, and never lets one overtake another', async () => {
    const delays = [0.9, 0, 0.5, 0, 0.9, 0]
    link = await linkTo((server.address() as { port: number }).port, () => delays.shift() ?? 0)
    const one = await caller()
    await link.switch({ is: 'delay', ms: 20, jitterMs: 100 })
    const began = performance.now()
    for (const [i, text] of ['a', 'b', 'c'].entries()) {
      one.socket.write(text)
      await until(() => delays.length <= 5 - i, `${text} at the proxy`)
    }
    await until(() => one.got.length === 3, 'three letters')
    expect(one.got).toBe('abc')
    expect(performance.now() - began).toBeGreaterThan(110 + 20 - 2)
  })

  it.each([
    ['up', '', 0],
    ['down', 'lost', 4],
    ['both', '', 0],
  ] as const)(
    'swallows what goes %s, and the connection is never mended',
    async (direction, reached, down) => {
      const one = await caller()
      await echoed(one, 'before')
      await link.switch({ is: 'drop', direction })
      one.socket.write('lost')
      await until(() => link.counts.dropped === 4, 'what is swallowed')
      await link.switch({ is: 'pass' })
      one.socket.write('late')
      await until(() => link.counts.dropped === 8, 'what is swallowed with it')
      expect(one.got).toBe('before')
      expect(heard.join('').slice('before'.length)).toBe(reached === '' ? '' : 'lostlate')
      expect(link.counts.up).toBe(down === 0 ? 6 : 14)
      expect(one.end).toBeUndefined()
      await echoed(await caller(), 'new')
    },
  )

  it('resets what is there and what comes, until it is told otherwise', async () => {
    const one = await caller()
    await echoed(one, 'x')
    await link.switch({ is: 'reset' })
    await until(() => one.end === 'ECONNRESET', 'a reset')
    const two = await caller()
    await until(() => two.end === 'ECONNRESET', 'a reset')
    await link.switch({ is: 'pass' })
    await echoed(await caller(), 'y')
  })

  it('refuses who comes, not who is there, and listens again on the same port', async () => {
    const one = await caller()
    const { port } = link
    await link.switch({ is: 'refuse' })
    expect((await caller()).end).toBe('ECONNREFUSED')
    await echoed(one, 'x')
    await link.switch({ is: 'pass' })
    expect(link.port).toBe(port)
    await echoed(await caller(), 'y')
  })

  it('cuts in the middle of an answer, at the byte that was said, and passes the next', async () => {
    const one = await caller()
    await echoed(one, 'before')
    await link.switch({ is: 'cut', direction: 'down', afterBytes: 3 })
    one.socket.write('answer')
    await until(() => one.end !== undefined, 'a cut')
    expect(one.got).toBe('beforeans')
    expect(heard).toEqual(['before', 'answer'])
    await echoed(await caller(), 'whole')
  })
})

describe('the client of Redis behind a link', () => {
  let server: ChildProcess
  let port: number
  let link: Link
  let direct: Client
  let client: Client

  beforeAll(async () => {
    await buildLibrary()
    port = await freePort()
    server = spawn('redis-server', ['--port', String(port), '--save', '', '--bind', '127.0.0.1'], {
      stdio: 'ignore',
    })
    direct = await openClient(`redis://127.0.0.1:${port}`)
    await until(() => direct.isConnected, 'a server')
  })
  afterAll(async () => {
    await direct.close()
    server.kill()
    await once(server, 'exit')
  })
  beforeEach(async () => {
    link = await linkTo(port)
    client = await openClient(`redis://127.0.0.1:${link.port}`)
    await direct.call('DEL', 'n')
    await client.call('INCR', 'n')
  })
  afterEach(async () => {
    await client.close()
    await Promise.all(links.splice(0).map((link) => link.close()))
  })

  const unreachable = expect.objectContaining({ code: 'E_REDIS_UNREACHABLE' })
  const count = async () => String(await direct.call('GET', 'n'))

  it.each([
    ['up', '1'],
    ['down', '2'],
    ['both', '1'],
  ] as const)(
    'gives up in time when what goes %s is lost, and asks nothing twice',
    async (direction, expected) => {
      await link.switch({ is: 'drop', direction })
      const began = performance.now()
      await expect(client.call('INCR', 'n')).rejects.toEqual(unreachable)
      expect(performance.now() - began).toBeLessThan(3500)
      await link.switch({ is: 'pass' })
      await until(
        () =>
          client.call('GET', 'n').then(
            () => true,
            () => false,
          ),
        'an answer',
      )
      expect(await count()).toBe(expected)
      expect(link.counts.connections).toBeGreaterThan(1)
    },
  )

  it('rejects an answer that breaks off in its middle, connects again, and asks nothing twice', async () => {
    await direct.call('SET', 'long', 'x'.repeat(100_000))
    await link.switch({ is: 'cut', direction: 'down', afterBytes: 50_000 })
    const [long, next] = await Promise.allSettled([client.call('GET', 'long'), client.call('INCR', 'n')])
    expect([long, next]).toEqual([
      { status: 'rejected', reason: unreachable },
      { status: 'rejected', reason: unreachable },
    ])
    await until(() => client.isConnected, 'a connection')
    expect(String(await client.call('GET', 'long')).length).toBe(100_000)
    expect(await count()).toBe('2')
  })

  it('rejects at once while it is refused, and is back by itself', async () => {
    await link.switch({ is: 'reset' })
    await until(() => !client.isConnected, 'a reset')
    await link.switch({ is: 'refuse' })
    await expect(client.call('INCR', 'n')).rejects.toEqual(unreachable)
    await link.switch({ is: 'pass' })
    await until(() => client.isConnected, 'a connection')
    expect(Number(await client.call('INCR', 'n'))).toBe(2)
  })

  it('waits for what is slow', async () => {
    await link.switch({ is: 'delay', ms: 50, jitterMs: 20 })
    const answers = await Promise.all(Array.from({ length: 20 }, () => client.call('INCR', 'n')))
    expect(answers).toEqual(Array.from({ length: 20 }, (_, i) => i + 2))
  })
})
