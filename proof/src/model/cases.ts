/**
 * All that is asked of the models: worlds in which the protocol has to hold, and rules that, switched off, have to be
 * found. A case that is `long` is left to the command.
 */
import { type Bounds, check, type Model, type Verdict } from './checker.ts'
import { allDeclaredRules, declared, type DeclaredRules } from './declared.ts'
import { allInputRules, type InputRules, late, nested } from './inputs.ts'
import { allLeaseRules, type LeaseRules, leases } from './leases.ts'
import { machines } from './machines.ts'
import type { Rules, Setting } from './rules.ts'

export interface Case {
  name: string
  what: string
  expected: 'holds' | 'violation'
  long: boolean
  run: (bounds?: Bounds) => Verdict
}

/** name, what happens in that world, and how much of it. */
const worlds: [string, string, Partial<Setting>][] = [
  ['F1', '1 write, 2 leases end', { expiries: 2 }],
  ['F2', '1 write, 1 lease ends, 1 restart', { expiries: 1, restarts: 1 }],
  ['F3', '1 write, 1 fail-over', { failovers: 1 }],
  ['F4', '1 write, 1 fail-over, 1 record of another name', { failovers: 1, foreign: 1 }],
  ['F5', '1 write, a replica that lags, 1 lease ends', { readsReplica: true, expiries: 1 }],
  ['F6', '1 write, stamped at the start, 1 lease ends', { stampsAtStart: true, expiries: 1 }],
  ['F7', '2 writes', { writes: 2 }],
  ['F8', '2 writes, 1 lease ends', { writes: 2, expiries: 1 }],
  ['F9', '2 writes, a replica that lags', { writes: 2, readsReplica: true }],
  ['G1', '1 write, 1 fail-over, 1 lease ends', { failovers: 1, expiries: 1 }],
  ['G2', '2 writes, 1 fail-over', { writes: 2, failovers: 1 }],
  ['G3', '1 write, 1 fail-over, 1 restart', { failovers: 1, restarts: 1 }],
  ['G4', '1 write, 2 fail-overs', { failovers: 2 }],
  ['H1', '1 write, a replica that lags, 1 restart', { readsReplica: true, restarts: 1 }],
  ['H2', '1 write, a replica that lags, 1 fail-over', { readsReplica: true, failovers: 1 }],
  ['H3', '1 write, 3 nodes', { nodes: 3 }],
  ['H4', '1 write, 3 nodes, 1 lease ends', { nodes: 3, expiries: 1 }],
  [
    'H5',
    '1 write, a replica that lags, 1 fail-over, 1 restart',
    { readsReplica: true, failovers: 1, restarts: 1 },
  ],
  ['P1', '1 write, 1 trim', { trims: 1 }],
  ['P2', '1 write, 1 trim, 1 lease ends', { trims: 1, expiries: 1 }],
  ['P3', '1 write, 1 trim, 1 restart that reads the log back', { trims: 1, restarts: 1, readsBack: true }],
  ['P4', '2 writes, 1 trim', { writes: 2, trims: 1 }],
  ['P5', '1 write, 1 trim, 1 fail-over', { trims: 1, failovers: 1 }],
  ['P6', '1 write, 2 trims, 1 record of another name', { trims: 2, foreign: 1 }],
  [
    'P7',
    '1 write, 1 fail-over, 1 restart that reads the log back',
    { failovers: 1, restarts: 1, readsBack: true },
  ],
]

/** Checked in `npm test`, too. */
const shortWorlds = new Set(['F1', 'F2', 'F3', 'F5', 'F6', 'F7', 'H1', 'H3', 'P1', 'P3'])

/** rule -> the least that has to happen for its lack to show. */
const faults: Partial<Record<keyof Rules, Partial<Setting>>> = {
  appendAfterWrite: {},
  appendIsSure: {},
  recordsDoomFlights: {},
  joiningNeedsLease: { expiries: 1 },
  leaseComesFromTheLog: { expiries: 2 },
  fencingCoversEveryTier: { expiries: 1 },
  lowIsWhereANodeJoined: { restarts: 1 },
  generations: { failovers: 1, foreign: 1 },
  newGenerationDropsMemory: { failovers: 1 },
  graceAfterNewGeneration: { failovers: 1 },
  invalidatorTimesTheWait: { clockSteps: 1 },
  replicaIsJudgedByAsOf: { readsReplica: true },
  asOfIsKnownFromJoining: { readsReplica: true, restarts: 1 },
  outcomesAreJudged: {},
  answersAreJudged: {},
  gapsAreNoticed: { trims: 1 },
  readingBackNotesRecords: { restarts: 1, readsBack: true },
}

/** Rules on which no promise rests: they save work, or promise more than is asked here. */
const spared: [keyof Rules, Partial<Setting>][] = [
  ['tierRefusesOlder', { expiries: 1 }],
  ['leaseIsCheckedAfterTheAnswer', { expiries: 1 }],
]

export const cases: readonly Case[] = [
  ...worlds.map(([name, what, setting]) =>
    holds({ name, what, long: !shortWorlds.has(name) }, () => machines(setting)),
  ),
  ...spared.map(([rule, setting]) =>
    holds({ name: `without ${rule}`, what: 'nothing rests on it', long: false }, () =>
      machines(setting, rule),
    ),
  ),
  ...Object.entries(faults).map(([rule, setting]) =>
    found(rule, () => machines(setting, rule as keyof Rules)),
  ),
  // Without generations: a position is given out again (above), or a node joins a log that lost its tail (here).
  found('generations, and a restart', () => machines({ failovers: 1, restarts: 1 }, 'generations')),
  holds({ name: 'nested', what: 'an entry made from a cached entry', long: false }, () =>
    nested(allInputRules),
  ),
  found('stampIsLeastOfInputs', () => nested(withoutInput('stampIsLeastOfInputs'))),
  found('inputsHandOnDependencies', () => nested(withoutInput('inputsHandOnDependencies'))),
  holds({ name: 'late', what: 'a dependency named after it was read', long: false }, () =>
    late(allInputRules),
  ),
  found('lateDependencyCountsFromStart', () => late(withoutInput('lateDependencyCountsFromStart'))),
  ...[1, 2, 3].map((writes) =>
    holds({ name: `declared ${writes}`, what: `2 links, writes: ${writes}`, long: writes > 1 }, () =>
      declared(allDeclaredRules, writes),
    ),
  ),
  ...namesOf(allDeclaredRules).map((rule) =>
    found(rule, () => declared({ ...allDeclaredRules, [rule]: false } satisfies DeclaredRules, 1)),
  ),
  holds({ name: 'leases', what: 'clocks, pauses and late answers', long: false }, () =>
    leases(allLeaseRules),
  ),
  ...namesOf(allLeaseRules).map((rule) =>
    found(rule, () => leases({ ...allLeaseRules, [rule]: false } satisfies LeaseRules)),
  ),
]

function holds<State>(
  { name, what, long }: Pick<Case, 'name' | 'what' | 'long'>,
  model: () => Model<State>,
): Case {
  return { name, what, long, expected: 'holds', run: (bounds) => check(model(), bounds) }
}

function found<State>(rule: string, model: () => Model<State>): Case {
  const name = `without ${rule}`
  return { name, what: '', long: false, expected: 'violation', run: (bounds) => check(model(), bounds) }
}

function withoutInput(rule: keyof InputRules): InputRules {
  return { ...allInputRules, [rule]: false }
}

function namesOf<AnyRules extends object>(rules: AnyRules): (keyof AnyRules & string)[] {
  return Object.keys(rules) as (keyof AnyRules & string)[]
}
