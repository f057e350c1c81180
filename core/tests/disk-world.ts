/**
 * A disk tier in a directory of its own, with a clock that is moved by hand.
 */
import { Environment } from '../src/disk/environment.ts'
import { DiskLog } from '../src/disk/log.ts'
import { openTail } from '../src/disk/tail.ts'
import { DiskTier, type DiskTierParts } from '../src/disk/tier.ts'
import type { LogRecord } from '../src/log/contract.ts'
import type { EntryParts } from '../src/model/entry.ts'
import type { Policy } from '../src/model/policy.ts'
import { Policies } from '../src/ttl/policies.ts'
import { TestClock } from './clock.ts'
import { directory } from './directories.ts'

export interface DiskWorld {
  readonly path: string
  readonly environment: Environment
  readonly log: DiskLog
  readonly tier: DiskTier
  readonly clock: TestClock
  readonly records: LogRecord[]
  readonly errors: string[]
  /** Keys that this process has in memory. */
  readonly inUse: Set<string>
  /** Keys of entries that count as invalidated. */
  readonly invalid: Set<string>
  close(): Promise<void>
}

export interface DiskWorldOptions extends Partial<Pick<DiskTierParts, 'bytesMax' | 'entryBytesMax'>> {
  readonly path?: string
  readonly generation?: string
}

const policies = new Policies()
export const policy: Policy = policies.get()

export function diskWorld({
  path = directory(),
  generation = 'g',
  bytesMax = 2 ** 40,
  entryBytesMax = 2 ** 40,
}: DiskWorldOptions = {}): DiskWorld {
  const environment = new Environment({ path, nowMs: 0 })
  const tail = openTail(path)
  const clock = new TestClock()
  const records: LogRecord[] = []
  const errors: string[] = []
  const [inUse, invalid] = [new Set<string>(), new Set<string>()]
  const onError = (error: unknown, during: string) =>
    errors.push(`${during}: ${(error as { code?: string }).code ?? String(error)}`)
  const log = new DiskLog({
    ...{ environment, tail, clock, generation, onError },
    state: { apply: (record) => records.push(record), dump: () => 0, load: () => undefined, size: 1e9 },
    onLook: () => undefined,
    onWritten: () => undefined,
  })
  log.catchUp()
  const tier = new DiskTier({
    ...{ environment, log, clock, bytesMax, entryBytesMax, onError },
    policyOf: (name) => ({ ...policy, name }),
    isInUse: (key) => inUse.has(key),
    isInvalid: ({ key }) => invalid.has(key),
    isShared: () => true,
  })
  const close = async () => {
    await tier.close()
    await log.close()
    await environment.close()
    tail.close()
  }
  return { path, environment, log, tier, clock, records, errors, inUse, invalid, close }
}

export function entryOf(key: string, more: Partial<EntryParts> = {}): EntryParts {
  return {
    key,
    value: `value of ${key}`,
    kind: 'value',
    policy,
    dependencies: [],
    directCount: 0,
    generation: 'g',
    stamp: 1,
    keyStamp: 1,
    storedAt: Date.UTC(2026, 0, 1),
    ttlMs: 60_000,
    capAt: Infinity,
    sizeBytes: 100,
    ...more,
  }
}
