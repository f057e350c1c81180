/**
 * The log server on Redis: every step is a script, so that it happens at once or not at all.
 *
 * Invariants: as in lua.ts; a record is trimmed only if a snapshot holds what it amounts to, and it is old or there are
 * too many; the newest record is never trimmed.
 */
import { sealed, sealedPlain, unsealed } from '../bytes/codec.ts'
import type {
  Appended,
  LogServer,
  NodeAck,
  Presence,
  Register,
  Said,
  Since,
  Snapshot,
  Told,
} from '../consistency/contract.ts'
import type { Worth } from '../model/backing.ts'
import type { Clock } from '../model/clock.ts'
import { bytesOf, listOf, numberOf, script, textOf, type Arg, type Driver, type Reply } from './driver.ts'
import { inspect } from './deployment.ts'
import type { RedisHistory } from './history.ts'
import { records } from './history-lua.ts'
import { prelude, toldMax } from './lua.ts'
import { replicated } from './replicas.ts'
import { Watch } from './watch.ts'

/** ARGV: since; id and name of the node; '1': it is settled; '1': it has applied more than it said before. */
const syncScript = script(
  prelude,
  `
local applied = tonumber(ARGV[2])
local refused = refuse(ARGV[1], applied, ARGV[3])
if refused then return refused end
local id, name = ARGV[4], ARGV[5]
said = said + 1
-- HSET says how many of the fields are new.
registered = registered + redis.call('HSET', NODES, id, applied .. ' ' .. said .. ' ' .. name)
if ARGV[6] == '1' then settled = '1' end
redis.call('HSET', META, 'said', said, 'nodes', registered, 'settled', settled)
redis.call('ZADD', SEEN, now(), id)
-- Whoever waits for it hears of it; if not, he looks a little later.
if ARGV[7] == '1' then redis.pcall('XADD', ACKS, 'MAXLEN', 1, said .. '-0', 'x', '') end
return tell(applied)
`,
)

/**
 * ARGV[4] the node, then of each record nonce and bytes, and what the history has of it: id ('': nothing), time, bytes.
 * Who needs no other records is told none: it knows its own. A damaged history must not keep anything out of the log.
 */
const appendScript = script(
  prelude,
  records,
  `
local applied = tonumber(ARGV[2])
local refused = refuse(ARGV[1], applied, ARGV[3])
if refused and refused[1] ~= 'gap' then return { refused, 0 } end
local before = n
for i = 5, #ARGV, 5 do
  append(ARGV[i], ARGV[4], ARGV[i + 1])
  local id, position = ARGV[i + 2], n .. ':' .. generation
  if id ~= '' then pcall(keepUnderWay, id, ARGV[i + 3], ARGV[4], ARGV[i + 4], position) end
end
return { refused or tell(applied == before and n or applied), before + 1 }
`,
)

const nodesScript = script(
  prelude,
  `
local current = whole()
if current ~= ARGV[1] then return 'other' end
return { said, redis.call('HGETALL', NODES) }
`,
)

/** ARGV: the generation, then id and what it had said, of each. */
const forgetScript = script(
  prelude,
  `
if whole() ~= ARGV[1] then return 0 end
for i = 2, #ARGV, 2 do
  if redis.call('HGET', NODES, ARGV[i]) == ARGV[i + 1] then redis.call('HDEL', NODES, ARGV[i]) end
end
count()
redis.call('ZREMRANGEBYSCORE', SEEN, '-inf', now() - 86400000)
return 1
`,
)

const leaveScript = script(
  prelude,
  `
local known = whole()
redis.call('HDEL', NODES, ARGV[1])
-- What is missing must not count as gone.
if known then count() end
redis.call('ZREM', SEEN, ARGV[1])
return 1
`,
)

/** ARGV: generation, bytes of the state that it begins with. A stream that has no records yet is there all the same. */
const beginScript = script(
  prelude,
  `
if whole() then return 0 end
redis.call('DEL', META, LOG, NODES, SNAPSHOT, ACKS)
redis.call('HSET', META, 'generation', ARGV[1], 'epoch', epoch(), 'n', 0)
redis.call('XADD', LOG, '0-1', 'x', '')
redis.call('XDEL', LOG, '0-1')
redis.call('HSET', SNAPSHOT, 'generation', ARGV[1], 'n', 0, 'd', ARGV[2])
return 1
`,
)

/** ARGV: generation, n, bytes of the state, ms that records are kept, how many of them. */
const keepScript = script(
  prelude,
  `
local generation, last = whole()
if generation ~= ARGV[1] then return 0 end
local n = tonumber(ARGV[2])
local before = tonumber(redis.call('HGET', SNAPSHOT, 'n') or '0')
if before >= n then return 0 end
redis.call('HSET', SNAPSHOT, 'generation', ARGV[1], 'n', ARGV[2], 'd', ARGV[3])
local keep, count = math.min(n, last), redis.call('XLEN', LOG)
local oldest, most = now() - tonumber(ARGV[4]), tonumber(ARGV[5])
while true do
  local some = redis.call('XRANGE', LOG, '-', '+', 'COUNT', 1000)
  local from
  for _, record in ipairs(some) do
    local at = tonumber(string.match(record[1], '^%d+'))
    if at >= keep or (tonumber(record[2][6]) >= oldest and count <= most) then break end
    from, count = at + 1, count - 1
  end
  if not from then return 1 end
  redis.call('XTRIM', LOG, 'MINID', from .. '-0')
end
`,
)

/** A connection that was cut silently is noticed by it. */
const hearMs = 500

/** Somebody may have set it otherwise, or attached a replica. */
const inspectEveryMs = 30_000

/** Whoever was away for longer reads the snapshot. */
const keptMs = 600_000
const keptMax = 200_000

type Row = Pick<Told, 'change' | 'atMs'>

export interface RedisLogServerOptions {
  readonly clock: Clock
  /** How many replicas have to have a record before it counts. */
  readonly replicas: number
  /** Gives what goes into the history in one step with the record of a change. */
  readonly history?: Pick<RedisHistory, 'takeWithin'>
}

export class RedisLogServer implements LogServer {
  readonly name = 'redis'
  worth: Worth = { is: 'unknown', why: 'it was not asked yet' }
  readonly #driver: Driver
  readonly #clock: Clock
  readonly #replicas: number
  readonly #history: RedisLogServerOptions['history']
  #watch: Watch | undefined
  /** By the monotonic clock. */
  #inspectAt = -Infinity
  /** What was acknowledged last. */
  #acked = 0
  #hearing: Promise<void> | undefined

  constructor(driver: Driver, { clock, replicas, history }: RedisLogServerOptions) {
    this.#history = history
    this.#clock = clock
    this.#driver = driver
    this.#replicas = replicas
    // It may be another server now.
    driver.onConnect(() => {
      this.#inspectAt = -Infinity
    })
  }

  async sync(since: Since, { id, name, isSettled }: Presence): Promise<Said> {
    if (this.#clock.monotonic() >= this.#inspectAt) await this.#inspect()
    const isNews = since.applied !== this.#acked
    this.#acked = since.applied
    const args = [...sinceArgs(since), id, name, isSettled ? 1 : 0, isNews ? 1 : 0]
    return saidOf(await this.#driver.run(syncScript, args))
  }

  async append(since: Since, changes: readonly Omit<Told, 'n'>[]): Promise<Appended> {
    const records = changes.flatMap(({ nonce, change, atMs }) => [
      ...[nonce, recordBytes({ change, atMs })],
      ...(this.#history?.takeWithin(change.by) ?? ['', '', '']),
    ])
    const node = changes[0]?.node ?? ''
    const [reply, position] = listOf(
      await this.#driver.run(appendScript, [...sinceArgs(since), node, ...records]),
    )
    const [said, first] = [saidOf(reply), numberOf(position) || undefined]
    if (said.is !== 'same' || first !== since.applied + 1) return { said, first }
    return { said: { ...said, records: changes.map((change, i) => ({ ...change, n: first + i })) }, first }
  }

  /** @throws E_REDIS_REPLICAS */
  secured(): Promise<void> {
    return replicated(this.#driver, this.#replicas)
  }

  async nodes(generation: string, except: string): Promise<Register | 'other'> {
    const reply = await this.#driver.run(nodesScript, [generation])
    if (reply instanceof Buffer) return 'other'
    const [said, list] = listOf(reply)
    const others = pairsOf(listOf(list)).filter(([id]) => id !== except)
    return { said: numberOf(said), nodes: others.map(([id, ack]) => ackOf(id, ack)) }
  }

  /** One waits for all: whoever comes later looked later, and is told a little early. */
  acknowledged(said: number): Promise<void> {
    this.#hearing ??= this.#hear(said)
    return this.#hearing
  }

  async forget(generation: string, nodes: readonly NodeAck[]): Promise<void> {
    const args = nodes.flatMap(({ id, acked, said, name }) => [id, `${acked} ${said} ${name}`])
    await this.#driver.run(forgetScript, [generation, ...args])
  }

  async leave(id: string): Promise<void> {
    await this.#driver.run(leaveScript, [id])
  }

  async snapshot(): Promise<Snapshot | undefined> {
    const key = `${this.#driver.prefix}:snapshot`
    const [generation, n, bytes] = listOf(await this.#driver.call('HMGET', key, 'generation', 'n', 'd'))
    if (generation === null || bytes === null) return undefined
    return { generation: textOf(generation), n: numberOf(n), dump: unsealed(bytesOf(bytes), 'the snapshot') }
  }

  async records(generation: string, n: number): Promise<readonly Told[]> {
    const key = (name: string) => `${this.#driver.prefix}:${name}`
    const [current, reply] = await Promise.all([
      this.#driver.call('HGET', key('meta'), 'generation'),
      this.#driver.call('XRANGE', key('log'), `${n + 1}-0`, '+', 'COUNT', toldMax),
    ])
    return current !== null && textOf(current) === generation ? recordsOf(reply) : []
  }

  async begin({ generation, dump }: Pick<Snapshot, 'generation' | 'dump'>): Promise<void> {
    await this.#driver.run(beginScript, [generation, sealed(dump)])
  }

  async keep({ generation, n, dump }: Snapshot): Promise<void> {
    await this.#driver.run(keepScript, [generation, n, sealed(dump), keptMs, keptMax])
  }

  watch(
    since: () => Since,
    onNews: (news: readonly Told[], generation: string) => void,
    onReached: () => void,
  ): void {
    this.#driver.onConnect(onReached)
    this.#watch = new Watch(this.#driver, {
      clock: this.#clock,
      since,
      onNews: (reply, of) => onNews(recordsOf(reply), of),
    })
    this.#watch.begin()
  }

  async close(): Promise<void> {
    await this.#watch?.close()
  }

  /** Resolves never if the server is not to be heard: then it would be asked again at once. */
  async #hear(said: number): Promise<void> {
    const words = ['BLOCK', hearMs, 'STREAMS', `${this.#driver.prefix}:acks`, `${said}-0`]
    const isAnswered = await this.#driver.wait(hearMs, 'XREAD', ...words).then(
      () => true,
      () => false,
    )
    this.#hearing = undefined
    if (!isAnswered) await new Promise<never>(() => {})
  }

  /** @throws E_REDIS_VERSION, E_REDIS_EVICTION: it cannot be relied on, and is not used */
  async #inspect(): Promise<void> {
    this.worth = (await inspect(this.#driver, this.#replicas)).worth
    this.#inspectAt = this.#clock.monotonic() + inspectEveryMs
  }
}

export function recordBytes(row: Row): Buffer {
  return sealedPlain(row)
}

export function sinceArgs({ generation, applied, witness }: Since): Arg[] {
  return [generation, applied, witness]
}

/** @throws E_REDIS_FAILED */
export function saidOf(reply: Reply | undefined): Said {
  const [is, ...rest] = listOf(reply)
  switch (textOf(is)) {
    case 'same': {
      const [tail, settled, records, generation, nodes] = rest
      const told = recordsOf(records)
      const isAll = told.length < toldMax || told.at(-1)?.n === numberOf(tail)
      return {
        is: 'same',
        generation: textOf(generation),
        tail: numberOf(tail),
        records: told,
        isAll,
        isSettled: textOf(settled) === '1',
        nodes: numberOf(nodes),
      }
    }
    case 'gap':
      return { is: 'gap' }
    case 'other':
      return { is: 'other' }
    default:
      return { is: 'lost' }
  }
}

/** Of a stream's replies. @throws E_DISK_DAMAGED */
function recordsOf(reply: Reply | undefined): Told[] {
  return listOf(reply).map((item) => {
    const [id, fields] = listOf(item)
    const [, nonce, , node, , , , bytes] = listOf(fields)
    const n = Number.parseInt(textOf(id), 10)
    const row = unsealed<Row>(bytesOf(bytes), `record ${n} of the log`)
    return { ...row, n, nonce: textOf(nonce), node: textOf(node) }
  })
}

function ackOf(id: string, text: string): NodeAck {
  const [acked = '', said = ''] = text.split(' ', 2)
  return { id, acked: Number(acked), said: Number(said), name: text.slice(acked.length + said.length + 2) }
}

function pairsOf(list: readonly Reply[]): [string, string][] {
  return list.flatMap((item, i) =>
    i % 2 === 0 ? [[textOf(item), textOf(list[i + 1])] as [string, string]] : [],
  )
}
