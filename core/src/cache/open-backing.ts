/**
 * Opens what lies behind a cache, and lends it what it needs of the cache.
 */
import type { Backing, BackingParts, Beneath } from '../backing/contract.ts'
import type { LogState } from '../log/contract.ts'
import type { Judge } from '../log/judge.ts'
import type { Policies } from '../ttl/policies.ts'
import type { Applier, AppliedDump } from './applier.ts'
import type { Declarations } from './declarations.ts'
import type { Held } from './held.ts'
import { InProcess } from './in-process.ts'
import type { Invalidations } from './invalidations.ts'
import type { Lower } from './lower.ts'
import type { Settings } from './options.ts'

interface Later {
  readonly applier: () => Applier
  readonly held: () => Held
  readonly work: () => Invalidations
  readonly lower: () => Lower
  readonly declarations: () => Declarations
}

export interface Lender extends Pick<BackingParts, 'onError' | 'onNode'> {
  readonly settings: Settings
  readonly policies: Policies
  readonly judge: Judge
  /** Those that are made after the backing, asked for when the first record is applied. */
  readonly later: Later
}

export interface Opened {
  readonly backing: Backing
  /** A tier of this node alone, under the log of the backing. */
  readonly beneath: Beneath | undefined
}

export function openBacking({ settings, policies, judge, later, onError, onNode }: Lender): Opened {
  const { clock, random, backend, beneath, historyKeepMs, historyKeepCount, queueMax } = settings
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
    onReached: () => later.lower().reached(),
    random,
    boundMs: Math.min(settings.boundMs.eventual, settings.boundMs.relaxed),
    onWritten: (change, position) => {
      later.work().written(change, position)
      later
        .declarations()
        .written(change)
        .catch((error: unknown) => onError(error, `declaring what ${change.names.join(', ')} is made from`))
    },
  }
  if (backend === undefined) return { backing: new InProcess(parts), beneath: undefined }
  const under = beneath?.openBeneath?.({ ...parts, logOf: () => backing.log })
  const backing: Backing = backend.open({ ...parts, outbox: under?.outbox })
  return { backing, beneath: under }
}

function logState(later: Later): LogState {
  return {
    apply: (record, isOwn) =>
      later.held().quietly(() => {
        if (!isOwn) later.held().dropUnshared()
        later.applier().apply(record)
      }),
    dump: () => later.applier().dump(),
    declared: () => later.applier().declared(),
    missing: (dump) => later.applier().missing(dump as AppliedDump | undefined),
    load: (dump) => later.held().quietly(() => later.applier().load(dump as AppliedDump | undefined)),
    get size() {
      return later.applier().size
    },
  }
}
