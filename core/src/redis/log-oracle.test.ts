/**
 * The scripts of the log, held against a list of records and a map of nodes: whatever is asked, in whatever order.
 */
import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { startRedis, type RedisServer } from 'staleproof-testbed'
import { surroundings } from '../../tests/surroundings.ts'
import { chanceOf, type Chance } from '../../tests/redis-world.ts'
import type { Register, Said, Since, Told } from '../consistency/contract.ts'
import { RedisClient } from './client.ts'
import { RedisLogServer } from './log-server.ts'

let server: RedisServer
beforeAll(async () => {
  server = await startRedis()
})
afterAll(() => server.stop())

const generation = 'g'
const ids = ['a', 'b', 'c', 'd']

function one<T>(chance: Chance, items: readonly T[]): T {
  return items[chance.below(items.length)] as T
}

/** What the log should be. */
class Oracle {
  readonly records: Told[] = []
  readonly nodes = new Map<string, number>()
  /** Position of the oldest record that is kept. */
  oldest = 1

  get tail(): number {
    return this.records.length
  }

  /** What is said to a node that is there, of up to that position. */
  said({ applied, witness }: Since, before: number): Said {
    const isKept = applied >= this.oldest && applied <= before
    const own = this.records[applied - 1]
    if (applied > before || (isKept && witness !== '' && own?.nonce !== witness)) return { is: 'other' }
    if (applied < before && this.oldest > applied + 1) return { is: 'gap' }
    const { tail, nodes } = this
    const records = this.records.slice(applied)
    return { is: 'same', generation, tail, records, isAll: true, isSettled: false, nodes: nodes.size }
  }
}

interface World {
  readonly chance: Chance
  readonly client: RedisClient
  readonly log: RedisLogServer
  readonly oracle: Oracle
}

/** Mostly what a node may say, and now and then what it may not. */
function since({ chance, oracle }: World): Since {
  const { tail } = oracle
  const behind = one(chance, [0, 0, 0, 1, 2, 5])
  const applied = Math.max(0, tail - behind) + (chance.below(20) === 0 ? 1 : 0)
  const witness = oracle.records[applied - 1]?.nonce ?? ''
  return { generation, applied, witness: chance.below(10) === 0 ? one(chance, ['', 'g:another']) : witness }
}

const steps: Readonly<Record<string, (world: World) => Promise<void>>> = {
  async sync(world) {
    const { chance, log, oracle } = world
    const [id, from] = [one(chance, ids), since(world)]
    const refused = oracle.said(from, oracle.tail).is !== 'same'
    if (!refused) oracle.nodes.set(id, from.applied)
    const said = await log.sync(from, { id, name: `node ${id}`, isSettled: false })
    expect(said).toEqual(oracle.said(from, oracle.tail))
  },
  async append(world) {
    const { chance, log, oracle } = world
    const [from, before] = [since(world), oracle.tail]
    const node = one(chance, ids)
    const changes = Array.from({ length: one(chance, [1, 1, 2, 7]) }, () => ({
      ...{ nonce: `g:${randomUUID()}`, node, atMs: 7 },
      change: { kind: 'invalidate' as const, names: ['row'] },
    }))
    const { is } = oracle.said(from, before)
    const first = is === 'other' ? undefined : before + 1
    if (first !== undefined) oracle.records.push(...changes.map((each, i) => ({ ...each, n: first + i })))
    const said = is === 'same' ? oracle.said(from, before) : { is }
    expect(await log.append(from, changes)).toEqual({ said, first })
  },
  async nodes({ chance, log, oracle }) {
    const except = one(chance, ids)
    const { nodes } = (await log.nodes(generation, except)) as Register
    const others = [...oracle.nodes].filter(([id]) => id !== except)
    expect(new Map(nodes.map(({ id, acked }) => [id, acked]))).toEqual(new Map(others))
  },
  async leave({ chance, log, oracle }) {
    const id = one(chance, ids)
    oracle.nodes.delete(id)
    await log.leave(id)
  },
  async trim({ client, oracle }) {
    oracle.oldest = Math.max(oracle.oldest, oracle.tail - 3)
    await client.call('XTRIM', `${client.prefix}:log`, 'MINID', `${oracle.oldest}-0`)
  },
}

it.each([1, 2, 3, 4, 5])('it is what the oracle says, seed %i', async (seed) => {
  const client = new RedisClient({ url: server.url }, randomUUID(), surroundings)
  const log = new RedisLogServer(client, { clock: surroundings.clock, replicas: 0 })
  await log.begin({ generation, dump: undefined })
  const world = { chance: chanceOf(seed), client, log, oracle: new Oracle() }
  const names = Object.keys(steps)
  for (let i = 0; i < 400; i++) {
    const name = one(world.chance, ['sync', 'sync', 'append', 'append', ...names])
    await steps[name]?.(world)
  }
  expect(world.oracle.tail).toBeGreaterThan(100)
  await client.close()
})
