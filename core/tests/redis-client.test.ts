/**
 * What the client promises of one server (core/src/redis/driver.ts), each held against a real one.
 */
import { createServer, type Server, type Socket } from 'node:net'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { freePort, isInstalled, startRedis, until, type RedisServer } from 'staleproof-testbed'
import { systemClock, type Random } from '../src/model/clock.ts'
import { RedisClient, type ConnectionOptions } from '../src/redis/client.ts'
import { roomyScript, script, textOf } from '../src/redis/driver.ts'

const opened: RedisClient[] = []

function clientOf(options: ConnectionOptions, random: Random = () => 0): RedisClient {
  const client = new RedisClient(options, 'test', { clock: systemClock(), random })
  opened.push(client)
  return client
}

afterEach(async () => {
  await Promise.all(opened.splice(0).map((client) => client.close()))
})

const code = (code: string, message = /./) =>
  expect.objectContaining({ code, message: expect.stringMatching(message) })

async function msOf(work: Promise<unknown>): Promise<number> {
  const began = performance.now()
  await work
  return performance.now() - began
}

const echo = script('return { ARGV[1], #ARGV, KEYS[1] }')
const bytes = Uint8Array.from({ length: 256 }, (_, i) => i)

describe.each(['redis-server', 'valkey-server'] as const)('on a %s', (program) => {
  if (!isInstalled(program)) return it.skip(`there is no ${program} here: install it to have this tested`)
  let server: RedisServer

  beforeAll(async () => {
    server = await startRedis({}, program)
  })
  afterAll(() => server.stop())

  it('bytes come back as they went, in a command and in a script', async () => {
    const client = clientOf(server)
    const part = new Uint8Array([9, ...bytes, 9]).subarray(1, 257)
    await client.call('SET', 'bytes', part)
    expect(await client.call('GET', 'bytes')).toEqual(Buffer.from(bytes))
    expect(await client.run(echo, [part])).toEqual([Buffer.from(bytes), 1, Buffer.from('{test}')])
  })

  it('a script goes whole once, then by its hash, and whole again when the server has forgotten it', async () => {
    const client = clientOf(server)
    const own = script('return 7 -- counted')
    await client.call('CONFIG', 'RESETSTAT')
    for (let i = 0; i < 3; i++) expect(await client.run(own, [])).toBe(7)
    expect(await client.call('SCRIPT', 'FLUSH')).toEqual(Buffer.from('OK'))
    expect(await client.run(own, [])).toBe(7)
    const stats = textOf(await client.call('INFO', 'commandstats'))
    expect(stats).toMatch(/cmdstat_eval:calls=2,/)
    expect(stats).toMatch(/cmdstat_evalsha:calls=3,.*failed_calls=1/)
  })

  it('what is asked in one tick stays in order, a new script among it', async () => {
    const client = clientOf(server)
    const push = script("return redis.call('RPUSH', KEYS[1], ARGV[1])")
    await Promise.all([
      client.run(push, ['1']),
      client.call('RPUSH', '{test}', '2'),
      client.run(push, ['3']),
      client.call('RPUSH', '{test}', '4'),
    ])
    expect(String(await client.call('LRANGE', '{test}', 0, -1))).toBe('1,2,3,4')
  })

  it('a map comes as a flat list, a number with a fraction as text', async () => {
    const client = clientOf(server)
    await client.call('HSET', 'map', 'a', 1, 'b', 2)
    expect(String(await client.call('HGETALL', 'map'))).toBe('a,1,b,2')
    await client.call('ZADD', 'sorted', 1.5, 'a')
    expect(textOf(await client.call('ZSCORE', 'sorted', 'a'))).toBe('1.5')
  })

  it('a wait hears of what is appended, and holds up nothing else', async () => {
    const client = clientOf(server)
    const news = client.wait(5000, 'XREAD', 'BLOCK', 5000, 'STREAMS', 'stream', '$')
    await until(async () => /cmd=xread/.test(textOf(await client.call('CLIENT', 'LIST'))), 'a wait')
    await client.call('XADD', 'stream', '7-0', 'd', 'x')
    const id = Buffer.from('7-0')
    expect(await news).toEqual([[Buffer.from('stream'), [[id, [Buffer.from('d'), Buffer.from('x')]]]]])
    expect(await client.wait(20, 'XREAD', 'BLOCK', 20, 'STREAMS', 'stream', '7-0')).toBeNull()
  })
})

describe('a server that fails', () => {
  let server: RedisServer

  beforeAll(async () => {
    server = await startRedis()
  })
  afterEach(async () => {
    process.kill(server.pid, 'SIGCONT')
  })
  afterAll(() => server.stop())

  it('that is down rejects at once, and is found when it is up', async () => {
    await server.end()
    const client = clientOf(server)
    const down = () =>
      expect(client.call('PING', 'x')).rejects.toEqual(code('E_REDIS_UNREACHABLE', /ECONNREFUSED/))
    const waits = () =>
      expect(client.wait(9000, 'XREAD', 'BLOCK', 9000, 'STREAMS', 's', '$')).rejects.toThrow()
    expect(await msOf(Promise.all([down(), waits()]))).toBeLessThan(1500)
    expect(await msOf(down())).toBeLessThan(1000)
    expect(client.isConnected).toBe(false)
    const back = new Promise<void>((resolve) => client.onConnect(resolve))
    await server.start()
    await back
    expect(client.isConnected).toBe(true)
    expect(textOf(await client.call('PING', 'x'))).toBe('x')
  })

  it('that is restarted rejects what was under way, and goes on; waits as well', async () => {
    const client = clientOf(server)
    const read = () => client.wait(1000, 'XREAD', 'BLOCK', 1000, 'STREAMS', 'stream', '0')
    const push = script("return redis.call('RPUSH', KEYS[1], ARGV[1])")
    await client.run(push, ['0'])
    const first = expect(read()).rejects.toEqual(code('E_REDIS_UNREACHABLE'))
    await until(async () => /cmd=xread/.test(textOf(await client.call('CLIENT', 'LIST'))), 'a wait')
    await server.end('SIGKILL')
    await first
    await server.start()
    await until(() => client.isConnected, 'a connection')
    // It knows no script any more, and what is asked in one tick stays in order all the same.
    await Promise.all([client.run(push, ['1']), client.call('RPUSH', '{test}', '2')])
    expect(String(await client.call('LRANGE', '{test}', 0, -1))).toBe('1,2')
    await client.call('XADD', 'stream', '*', 'd', 'x')
    await until(async () => (await read().catch(() => null)) !== null, 'news')
  })

  it('that is stopped is given up within the limit, and found again', async () => {
    const client = clientOf(server)
    await client.call('PING', 'x')
    process.kill(server.pid, 'SIGSTOP')
    const stopped = () => expect(client.call('PING', 'x')).rejects.toEqual(code('E_REDIS_UNREACHABLE'))
    const ms = await msOf(stopped())
    expect(ms).toBeGreaterThan(1900)
    expect(ms).toBeLessThan(3500)
    // The connection is not taken for good any longer, so that nobody waits for it again.
    await until(() => !client.isConnected, 'the end of a dead connection')
    expect(await msOf(stopped())).toBeLessThan(1000)
    process.kill(server.pid, 'SIGCONT')
    await until(() => client.isConnected, 'a connection')
    expect(textOf(await client.call('PING', 'y'))).toBe('y')
  })

  it('that was stopped before is given up within the limit', async () => {
    process.kill(server.pid, 'SIGSTOP')
    const client = clientOf(server)
    const call = expect(client.call('PING', 'x')).rejects.toEqual(code('E_REDIS_UNREACHABLE'))
    expect(await msOf(call)).toBeLessThan(3500)
  })

  it('that is full refuses what needs room, and takes what says that something is stale', async () => {
    const client = clientOf(server)
    await client.call('CONFIG', 'SET', 'maxmemory', '1', 'maxmemory-policy', 'noeviction')
    const words = "return redis.call('SET', KEYS[1], ARGV[1])"
    const full = code('E_REDIS_FULL', /raise maxmemory/)
    await expect(client.call('SET', 'a', 'b')).rejects.toEqual(full)
    await expect(client.run(roomyScript(words), ['b'])).rejects.toEqual(full)
    expect(textOf(await client.run(script(words), ['b']))).toBe('OK')
    await client.call('CONFIG', 'SET', 'maxmemory', '0')
  })

  it('what a server says of a command is told with its words', async () => {
    const client = clientOf(server)
    await client.call('DEL', 'list')
    await client.call('RPUSH', 'list', 'a')
    await expect(client.call('GET', 'list')).rejects.toEqual(code('E_REDIS_FAILED', /WRONGTYPE/))
    await expect(client.run(script('nonsense('), [])).rejects.toEqual(code('E_REDIS_FAILED', /script/))
  })
})

describe('who may not', () => {
  let server: RedisServer

  beforeAll(async () => {
    server = await startRedis({ requirepass: 'secret' })
    const root = clientOf(withUser('default', 'secret'))
    await root.call('ACL', 'SETUSER', 'reader', 'on', '>word', '~*', '+get', '+info')
  })
  afterAll(() => server.stop())

  const withUser = (user: string, password: string) => ({
    url: `redis://${user}:${password}@127.0.0.1:${server.port}`,
  })
  const refused = code('E_REDIS_REFUSED', /docs\/redis\.md/)

  it.each([
    ['says no password', () => ({ url: server.url })],
    ['says a wrong one', () => withUser('reader', 'wrong')],
    ['asks for what it is not allowed', () => withUser('reader', 'word')],
  ])('%s is refused, with advice', async (_, options) => {
    const client = clientOf(options())
    for (let i = 0; i < 2; i++) await expect(client.call('SET', 'a', 'b')).rejects.toEqual(refused)
  })

  it('says the right one is let in', async () => {
    const { url } = server
    for (const options of [withUser('reader', 'word'), { url, username: 'reader', password: 'word' }])
      expect(await clientOf(options).call('GET', 'a')).toBeNull()
  })
})

describe('closing', () => {
  let server: RedisServer
  const handles = () => process.getActiveResourcesInfo().filter((name) => /TCP|TLS|Timeout/.test(name)).length

  beforeAll(async () => {
    server = await startRedis()
  })
  afterAll(() => server.stop())

  it('rejects what is under way and leaves nothing open', async () => {
    const before = handles()
    const client = clientOf(server)
    await client.call('PING', 'x')
    const waits = expect(client.wait(9000, 'XREAD', 'BLOCK', 9000, 'STREAMS', 'stream', '$')).rejects.toEqual(
      code('E_REDIS_UNREACHABLE', /closed/),
    )
    await until(async () => /cmd=xread/.test(textOf(await client.call('CLIENT', 'LIST'))), 'a wait')
    process.kill(server.pid, 'SIGSTOP')
    const asks = expect(client.call('PING', 'x')).rejects.toEqual(code('E_REDIS_UNREACHABLE', /closed/))
    expect(await msOf(client.close())).toBeLessThan(1000)
    await Promise.all([waits, asks])
    process.kill(server.pid, 'SIGCONT')
    await until(() => handles() <= before, 'nothing that is open')
    await expect(client.call('PING', 'x')).rejects.toEqual(code('E_REDIS_UNREACHABLE', /closed/))
    await expect(client.wait(9, 'PING')).rejects.toEqual(code('E_REDIS_UNREACHABLE', /closed/))
  })

  it.each([
    ['while it connects', async () => clientOf(server)],
    [
      'while it waits to connect again',
      async () => {
        const client = clientOf({ url: `redis://127.0.0.1:${await freePort()}` })
        await client.call('PING', 'x').catch(() => undefined)
        return client
      },
    ],
  ])('%s leaves nothing open', async (_, open) => {
    const before = handles()
    const client = await open()
    const call = expect(client.call('PING', 'x')).rejects.toThrow()
    await client.close()
    await call
    await client.close()
    await until(() => handles() <= before, 'nothing that is open')
  })
})

describe('a connection that breaks', () => {
  let stage: Stage

  afterEach(() => stage.close())

  it('takes with it what was not answered: it is never sent again', async () => {
    stage = await staged(['INCR', 'XREAD'])
    const client = clientOf(stage)
    const broken = code('E_REDIS_UNREACHABLE')
    const waited = client.wait(100, 'XREAD', 'BLOCK', 100, 'STREAMS', 's', '$')
    await expect(client.call('INCR', 'n')).rejects.toEqual(broken)
    await expect(waited).rejects.toEqual(broken)
    await until(() => client.isConnected, 'a connection')
    await client.call('GET', 'n')
    await until(() => stage.connections > 3, 'a second line')
    expect(stage.heard.filter((name) => name === 'INCR' || name === 'XREAD').sort()).toEqual([
      'INCR',
      'XREAD',
    ])
  })

  it('is made again after delays that grow, and are spread by chance', async () => {
    stage = await staged(['INFO'])
    let asked = 0
    const client = clientOf(stage, () => (asked++ % 2 === 0 ? 0 : 0.999))
    await expect(client.call('GET', 'n')).rejects.toEqual(code('E_REDIS_UNREACHABLE'))
    await until(() => stage.at.length > 5, 'six attempts')
    const gaps = stage.at.slice(1).map((at, i) => at - (stage.at[i] as number))
    for (const [i, least] of [50, 50, 200, 200, 500].entries()) expect(gaps[i]).toBeGreaterThan(least - 3)
    expect(gaps[1]).toBeLessThan(100 + 900)
    expect(gaps[4]).toBeLessThan(500 + 900)
    expect(asked).toBeGreaterThanOrEqual(5)
  })
})

interface Stage {
  readonly url: string
  /** Commands, in the order in which they came. */
  readonly heard: string[]
  /** When each connection was made. */
  readonly at: number[]
  readonly connections: number
  close(): Promise<void>
}

/** A server of a few words, which breaks the connection when it hears one of those that are named. */
async function staged(breaking: readonly string[]): Promise<Stage> {
  const heard: string[] = []
  const at: number[] = []
  const sockets = new Set<Socket>()
  const server: Server = createServer((socket) => {
    at.push(performance.now())
    sockets.add(socket.on('error', () => undefined))
    socket.on('data', (bytes) => {
      const names = [...bytes.toString().matchAll(/\*\d+\r\n\$\d+\r\n(\w+)/g)].map((found) =>
        String(found[1]).toUpperCase(),
      )
      heard.push(...names)
      if (names.some((name) => breaking.includes(name))) socket.destroy()
      else socket.write(names.map(() => '+OK\r\n').join(''))
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address() as { port: number }
  return {
    ...{ url: `redis://127.0.0.1:${address.port}`, heard, at },
    get connections() {
      return at.length
    },
    close: async () => {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
