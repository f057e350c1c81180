/**
 * Opens what lies behind a cache, and lends it what it needs of the cache.
 */
import type { Backing, BackingParts } from '../backing/contract.ts'
import type { LogState } from '../log/contract.ts'
import type { Judge } from '../log/judge.ts'
import type { Policies } from '../ttl/policies.ts'
import type { Applier, AppliedDump } from './applier.ts'
import type { Held } from './held.ts'
import { InProcess } from './in-process.ts'
import type { Invalidations } from './invalidations.ts'
import type { Settings } from './options.ts'

interface Later {
  readonly applier: () => Applier
  readonly held: () => Held
  readonly work: () => Invalidations
}

export interface Lender extends Pick<BackingParts, 'onError' | 'onNode'> {
  readonly settings: Settings
  readonly policies: Policies
  readonly judge: Judge
  /** Those that are made after the backing, asked for when the first record is applied. */
  readonly later: Later
}

export function openBacking({ settings, policies, judge, later, onError, onNode }: Lender): Backing {
  const { clock, random, backend, historyKeepMs, historyKeepCount, queueMax } = settings
  const parts: BackingParts = {
    clock,
    state: logState(later),
    policyOf: (name) => policies.find(name),
    isInUse: (key) => later.held().near.look(key) !== undefined,
    isInvalid: (head) => judge.verdict(head) !== undefined,
    isCertainlyInvalid: (head) => judge.certain(head) !== undefined,
    queue: { sizeMax: queueMax },
    history: { keepFor: historyKeepMs, keepCount: historyKeepCount },
    onError,
    onNode,
    random,
    onWritten: (change, position) => later.work().written(change, position),
  }
  return backend?.open(parts) ?? new InProcess(parts)
}

function logState(later: Later): LogState {
  return {
    apply: (record, isOwn) => {
      if (!isOwn) later.held().dropUnshared()
      later.applier().apply(record)
    },
    dump: () => later.applier().dump(),
    declared: () => later.applier().declared(),
    load: (dump) => later.applier().load(dump as AppliedDump | undefined),
    get size() {
      return later.applier().size
    },
  }
}
