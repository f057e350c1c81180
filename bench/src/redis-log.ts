/**
 * Our log on Redis, beside what a bare client takes for the same, round by round in one run.
 *
 *   strict        4 nodes: XADD until the 3 others have said that they read it, beside a strict invalidation
 *   stopped       a strict invalidation while one of 4 nodes is stopped: no longer than its lease, and half a second
 *   propagation   XADD until another process has it by XREAD, beside an eventual invalidation until another node has
 *                 applied it; records of one size
 *
 * Invariant: all processes of both are alive all the time; a round begins when that of the other is over.
 */
import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { Redis } from 'ioredis'
import { createCache } from 'staleproof'
import { redis } from 'staleproof/redis'
import { atMost, figureOf, ratioOf, type Report, type Row } from './figures.ts'
import { timeOf, turn } from './rounds.ts'

type Rounds = (full: number) => number

let prefixes = 0

function open(port: number) {
  const prefix = `bench-log-${++prefixes}`
  return { prefix, cache: createCache({ redis: redis({ url: `redis://127.0.0.1:${port}`, prefix }) }) }
}

function client(port: number): Redis {
  return new Redis({ port, host: '127.0.0.1', protocol: 2 })
}

async function child(role: 'ours' | 'acknowledging' | 'reading', port: number, prefix: string) {
  const node = fork(fileURLToPath(new URL('redis-node.js', import.meta.url)), [role, String(port), prefix])
  await once(node, 'message')
  return node
}

/** The bytes of the newest record of our log: those of a bare client are to have as many. */
async function recordBytes(port: number, prefix: string): Promise<number> {
  const looking = client(port)
  const [last] = (await looking.callBuffer('XREVRANGE', [`{${prefix}}:log`, '+', '-', 'COUNT', '1'])) as [
    [Buffer, Buffer[]],
  ]
  looking.disconnect()
  return last[1].reduce((bytes, field) => bytes + field.length, 0)
}

/** Rounds of which one ratio is made: of their medians. */
const perRatio = 50

function ratioOfMedians(ours: readonly number[], raw: readonly number[]) {
  const medians = (values: readonly number[]) =>
    Array.from({ length: Math.floor(values.length / perRatio) }, (_, i) => {
      return figureOf(values.slice(i * perRatio, (i + 1) * perRatio), '').median
    })
  return ratioOf(medians(ours), medians(raw))
}

// Strict, and one that is stopped

const others = 3

export async function measureStrict(port: number, rounds: Rounds): Promise<Report> {
  const { prefix, cache } = open(port)
  await cache.ready()
  const children = (role: 'ours' | 'acknowledging') =>
    Promise.all(Array.from({ length: others }, () => child(role, port, prefix)))
  const [nodes, readers] = [await children('ours'), await children('acknowledging')]
  // The first waits until nobody can have a lease from before.
  await cache.invalidate('x')
  const bare = new BareRound(port, prefix, await recordBytes(port, prefix))
  const [raw, ours]: [number[], number[]] = [[], []]
  for (let i = -perRatio; i < rounds(12) * perRatio; i++) {
    const rawMs = await timeOf(() => bare.run())
    const oursMs = await timeOf(() =>
      cache.invalidate(`row:${i}`, { strategy: 'lazy', consistency: 'strict' }),
    )
    // The first only warm it up.
    if (i < 0) continue
    raw.push(rawMs)
    ours.push(oursMs)
  }
  const stoppedMs = await whileOneIsStopped(nodes[0] as ChildProcess, () =>
    cache.invalidate('while one is stopped', { strategy: 'lazy', consistency: 'strict' }),
  )
  for (const process of [...nodes, ...readers]) process.kill('SIGKILL')
  bare.close()
  await cache.close()
  return strictReport({ raw, ours, stoppedMs })
}

async function whileOneIsStopped(node: ChildProcess, work: () => Promise<unknown>): Promise<number> {
  node.kill('SIGSTOP')
  const ms = await timeOf(work)
  node.kill('SIGCONT')
  return ms
}

/** Appends, and waits until each of the others has appended that it read it. */
class BareRound {
  readonly #writer: Redis
  readonly #listener: Redis
  readonly #prefix: string
  readonly #payload: string
  #from = '0'

  constructor(port: number, prefix: string, bytes: number) {
    this.#writer = client(port)
    this.#listener = client(port)
    this.#prefix = prefix
    this.#payload = 'x'.repeat(bytes)
  }

  async run(): Promise<void> {
    const appended = this.#writer.call(
      'XADD',
      `${this.#prefix}:log`,
      'MAXLEN',
      '100',
      '*',
      'd',
      this.#payload,
    )
    for (let acks = 0; acks < others; ) acks += await this.#acks()
    await appended
  }

  async #acks(): Promise<number> {
    const words = ['BLOCK', '0', 'STREAMS', `${this.#prefix}:acks`, this.#from]
    const [[, records]] = (await this.#listener.call('XREAD', words)) as [[string, [string][]]]
    this.#from = records.at(-1)?.[0] ?? this.#from
    return records.length
  }

  close(): void {
    this.#writer.disconnect()
    this.#listener.disconnect()
  }
}

interface Strict {
  readonly raw: readonly number[]
  readonly ours: readonly number[]
  readonly stoppedMs: number
}

function strictReport({ raw, ours, stoppedMs }: Strict): Report {
  const ratio = ratioOfMedians(ours, raw)
  const column = 'p50 (p10-p90)'
  const rows: Row[] = [
    { name: 'XADD, until 3 others said that they read it', figures: { [column]: figureOf(raw, 'ms') } },
    { name: 'staleproof, strict, 4 nodes', figures: { [column]: figureOf(ours, 'ms'), ratio } },
    { name: 'the same, one of them stopped', figures: { [column]: figureOf([stoppedMs], 'ms') } },
  ]
  const limits = [
    atMost('strict, 4 nodes, p50: 3 times a bare round', ratio, 3),
    atMost('strict while a node is stopped: its lease, and half a second', figureOf([stoppedMs], 'ms'), 3500),
  ]
  const title = 'A strict invalidation among 4 nodes, each in a process of its own'
  return { tables: [{ title, rows }], targets: limits }
}

// Propagation

export async function measureOwnPropagation(port: number, rounds: Rounds): Promise<Report> {
  const { prefix, cache } = open(port)
  await cache.ready()
  const [node, reader] = [await child('ours', port, prefix), await child('reading', port, prefix)]
  const invalidate = () => cache.invalidate('row', { consistency: 'eventual', strategy: 'lazy' })
  await heard(node, invalidate)
  const writer = client(port)
  const payload = 'x'.repeat(await recordBytes(port, prefix))
  const append = () => writer.call('XADD', `${prefix}:log`, 'MAXLEN', '100', '*', 'd', payload)
  const [raw, ours]: [number[], number[]] = [[], []]
  for (let i = -perRatio * 4; i < rounds(48) * perRatio; i++) {
    const rawUs = await heard(reader, append)
    const oursUs = await heard(node, invalidate)
    if (i < 0) continue
    raw.push(rawUs)
    ours.push(oursUs)
  }
  for (const process of [node, reader]) process.kill('SIGKILL')
  writer.disconnect()
  await cache.close()
  const ratio = ratioOfMedians(ours, raw)
  const rows: Row[] = [
    { name: 'XADD until XREAD has it', figures: { 'p50 (p10-p90)': figureOf(raw, 'us') } },
    { name: 'staleproof, eventual', figures: { 'p50 (p10-p90)': figureOf(ours, 'us'), ratio } },
  ]
  return {
    tables: [{ title: 'An invalidation until another node has applied it', rows }],
    targets: [atMost('propagation, p50: 1.5 times XADD until XREAD has it', ratio, 1.5)],
  }
}

const restMs = 0.5

/** Both processes ask the one monotonic clock of the machine. @returns us from the call until it was heard of there */
async function heard(there: ChildProcess, work: () => Promise<unknown>): Promise<number> {
  const arrived = once(there, 'message')
  await turn()
  const from = Number(process.hrtime.bigint())
  await work()
  const [at] = (await arrived) as [number]
  // What goes on behind it ends, and the other waits for news again. (A timer would let the processor fall asleep.)
  for (const end = performance.now() + restMs; performance.now() < end; ) await turn()
  return (at - from) / 1000
}
