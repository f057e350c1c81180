/**
 * Nodes of a place in Redis, for tests of the tier: each has a client, a log and a judge of its own, and its driver can
 * be watched and held up.
 */
import { randomUUID } from 'node:crypto'
import type { RedisServer } from 'staleproof-testbed'
import { Admission, type Verdict } from '../src/cache/admission.ts'
import type { LogRecord } from '../src/log/contract.ts'
import { Judge } from '../src/log/judge.ts'
import { systemClock, systemRandom, type Clock } from '../src/model/clock.ts'
import type { EntryParts } from '../src/model/entry.ts'
import { RedisClient } from '../src/redis/client.ts'
import { RedisTier, type RedisTierParts } from '../src/redis/tier.ts'
import { Chance } from '../src/testing/chance.ts'
import { entryOf, policy } from '../src/testing/entries.ts'
import type { Settled } from '../src/tiers/contract.ts'
import { HeldDriver } from './held-driver.ts'
import { RedisLog } from './redis-log.ts'
import { surroundings } from './surroundings.ts'

export interface RedisNode {
  readonly driver: HeldDriver
  readonly log: RedisLog
  readonly judge: Judge
  readonly tier: RedisTier
  readonly errors: unknown[]
  entry(key: string, more?: Partial<EntryParts>): EntryParts
  /** As a cache stores it. */
  admit(entry: EntryParts): Promise<{ kept: Settled | undefined; verdict: Verdict | undefined }>
  invalidate(...names: string[]): Promise<unknown>
  /** As a cache purges. */
  purge(...names: string[]): Promise<number>
  close(): Promise<void>
}

export interface NodeOptions extends Partial<Pick<RedisTierParts, 'entryBytesMax' | 'lagMs' | 'policyOf'>> {
  readonly clock?: Clock
}

export class RedisWorld {
  readonly #server: RedisServer
  readonly #name = randomUUID()
  readonly #nodes: RedisNode[] = []

  constructor(server: RedisServer) {
    this.#server = server
  }

  async node({ clock = systemClock(), ...more }: NodeOptions = {}): Promise<RedisNode> {
    const client = new RedisClient({ url: this.#server.url }, this.#name, surroundings)
    const driver = new HeldDriver(client)
    const judge = new Judge(1_000_000, () => [])
    const errors: unknown[] = []
    const log = await RedisLog.open({ driver, clock, state: stateOf(judge) })
    const tier = new RedisTier({
      ...{ driver, log, clock, random: systemRandom, entryBytesMax: 1_000_000 },
      policyOf: (name) => ({ ...policy, name }),
      isInvalid: (head) => judge.verdict(head) !== undefined,
      onError: (error) => errors.push(error),
      ...more,
    })
    const node = { driver, log, judge, tier, errors, ...actsOf({ log, judge, tier, clock }) }
    const close = async () => {
      await tier.close()
      await log.close()
      await client.close()
    }
    const all = { ...node, close }
    this.#nodes.push(all)
    return all
  }

  /** All keys of the tier: those of the log are left out. */
  async keys(): Promise<string[]> {
    const [node] = this.#nodes as [RedisNode]
    const { prefix } = node.driver
    const keys = (await node.driver.call('KEYS', `${prefix}:*`)) as Buffer[]
    const names = keys.map((key) => key.toString().slice(prefix.length + 1))
    return names.filter((name) => !['meta', 'log', 'nodes', 'seen', 'snapshot', 'acks'].includes(name)).sort()
  }

  async close(): Promise<void> {
    await Promise.all(this.#nodes.splice(0).map((node) => node.close()))
  }
}

export type { Chance }

export function chanceOf(seed: number): Chance {
  return new Chance(seed)
}

function stateOf(judge: Judge) {
  return {
    size: 0,
    apply: (record: LogRecord) =>
      judge.record(record, { names: record.names, prefixes: record.prefixes ?? [] }),
    dump: () => undefined,
    declared: () => undefined,
    missing: () => [],
    load: () => undefined,
  }
}

function actsOf({
  log,
  judge,
  tier,
  clock,
}: Pick<RedisNode, 'log' | 'judge' | 'tier'> & { clock: Clock }): Omit<
  RedisNode,
  'driver' | 'log' | 'judge' | 'tier' | 'errors' | 'close'
> {
  return {
    entry: (key, more) => {
      const { generation, applied } = log
      return entryOf(key, { generation, stamp: applied, keyStamp: applied, storedAt: clock.now(), ...more })
    },
    admit: async (entry) => {
      const admission = new Admission(
        { isDeclared: () => true, judge, isShared: () => true },
        entry,
        () => undefined,
      )
      const kept = await tier.settle(entry, admission.admit)
      return { kept, verdict: admission.verdict }
    },
    invalidate: (...names) => log.append({ kind: 'invalidate', names }),
    purge: (...names) => tier.delete(names, (head) => judge.certain(head) === undefined),
  }
}
