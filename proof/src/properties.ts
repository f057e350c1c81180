/**
 * The properties: each invariant of the protocol that holds within one process, in its own words, and what shows it.
 *
 * 1, 2 and 13 are promises between nodes. What of them can be asked of one process is asked here with 4 and 21: this
 * log applies a record in the call that appends it, so that a reader is held to it from there on.
 */
import type fc from 'fast-check'
import { throughACrowd } from './crowded.ts'
import { byWhicheverCache, inWhateverOrder } from './declarations.ts'
import { crowdedMoves, linkMoves, moves } from './declared.ts'
import { everyInputCounts } from './inputs.ts'
import { sameForReaders } from './lazy.ts'
import type { Library } from './library.ts'
import { ledgerLikeMap, noOtherLife, oneByOne } from './positions.ts'
import { anyOrder } from './scheduled.ts'
import { noLateStamps, noLongerLife, noLostDependencies } from './stamps.ts'

// The arguments of properties differ, and whoever runs them does not look at them.
// oxlint-disable-next-line typescript/no-explicit-any
export type Property = (library: Library) => fc.IAsyncProperty<any>

export interface Shown {
  /** Number in the protocol. */
  readonly invariant: number
  readonly words: string
  /** What is looked at, where several properties show one invariant. */
  readonly aspect: string
  readonly property: Property
  /** Runs on each test run, and at most so many in search of what is wrong with a mutant. */
  readonly runs: number
}

const ledgerBytesMin = 512

const words: Readonly<Record<number, string>> = {
  3: 'No value from the future, none invented.',
  4: "No caller receives a flight's value if something it read was invalidated at or before that caller's start.",
  5: "stamp <= start of the load, and <= every cached input's stamp.",
  6: "expiresAt <= every input's expiresAt at the time of storing.",
  7: '`applied` moves by exactly 1; the ledger only grows; generations are never compared.',
  12: 'A record of several names is never half visible on a node.',
  14: 'Pruning, trimming, sweeping, restamping never make an invalid entry valid.',
  17: 'lazy and immediate cannot be told apart by a reader.',
  18: 'Changing any source that the loader read through the cache invalidates the entry.',
  19: 'A depends on B, B on C, however declared or tracked, in whatever order they came: invalidating C makes A stale.',
  21: 'No grace, refresh-ahead or stale-on-error ever serves what a strict invalidation took out.',
}

function shown(invariant: number, aspect: string, show: Pick<Shown, 'property' | 'runs'>): Shown {
  return { invariant, words: words[invariant] as string, aspect, ...show }
}

/** One client that does much: what one step leaves behind is what the next one meets. */
const inTurn = { clientsMax: 1, length: [8, 20] as const }

const reads = { getOrSet: 6, get: 1, peek: 1, entry: 1, getMany: 1 }

/** Caches on one directory, one of which may be alone. */
const together = { caches: [1, 2, 3], tier: false } as const

/** Promises of several caches that share a directory; in turn those of one process. */
export const ofDirectories: readonly Shown[] = [
  shown(3, 'several caches on a directory, all kinds of steps, in any order', {
    property: anyOrder({
      steps: { ...reads, change: 3, write: 2, set: 1, delete: 1, advance: 1, loaders: 1 },
      policies: ['plain', 'grace'],
      ...together,
    }),
    runs: 60,
  }),
  shown(4, 'several caches on a directory, fills of what another read', {
    property: anyOrder({
      steps: { getOrSet: 6, get: 1, peek: 1, change: 3, write: 1, set: 1, fill: 3 },
      strategies: ['lazy', 'immediate'],
      ...together,
      caches: [2, 3],
    }),
    runs: 100,
  }),
  shown(4, 'several caches on a directory, which close, die and are opened again', {
    property: anyOrder({
      steps: { getOrSet: 6, get: 1, peek: 1, change: 3, write: 1, set: 1, fill: 1, reopen: 2, advance: 1 },
      entriesMax: [undefined, 0, 1],
      ...together,
    }),
    runs: 100,
  }),
  shown(14, 'several caches on a directory that has little room', {
    property: anyOrder({
      steps: { getOrSet: 6, get: 1, peek: 1, change: 3, write: 1, set: 1, fill: 2, advance: 1 },
      entriesMax: [undefined, 0, 1],
      roomBytes: [40, 600, 1200],
      ...together,
    }),
    runs: 100,
  }),
  shown(19, 'declarations, stores and invalidations, each by one of three caches on a directory', {
    property: byWhicheverCache({
      among: moves,
      entriesMax: [undefined, 0, 2],
      roomBytes: [600, 1000, 2 ** 20],
    }),
    runs: 120,
  }),
  shown(19, 'links that come and go, each by one of three caches on a directory', {
    property: byWhicheverCache({ among: linkMoves, entriesMax: [undefined, 0], roomBytes: [2 ** 20] }),
    runs: 60,
  }),
  shown(21, 'several caches on a directory, grace and soft invalidations', {
    property: anyOrder({
      steps: { getOrSet: 6, get: 1, peek: 1, change: 4, write: 1, advance: 4, loaders: 1 },
      modes: ['purge', 'soft'],
      policies: ['grace', 'patient', 'eager', 'failing'],
      ...together,
    }),
    runs: 50,
  }),
]

export const properties: readonly Shown[] = [
  shown(3, 'all kinds of steps, in any order', {
    property: anyOrder({
      steps: { ...reads, change: 2, write: 2, set: 2, fill: 2, delete: 1, advance: 2, loaders: 1, tier: 1 },
      policies: ['plain', 'failing', 'grace'],
    }),
    runs: 300,
  }),
  shown(4, 'many readers of few keys, in any order', {
    property: anyOrder({
      steps: { getOrSet: 6, change: 3, write: 2, set: 1, fill: 1 },
      strategies: ['lazy'],
      tier: false,
    }),
    runs: 500,
  }),
  shown(4, 'with a tier below, in any order', {
    property: anyOrder({
      steps: { ...reads, change: 3, write: 2, set: 1, fill: 1, delete: 1, tier: 1 },
      tier: true,
    }),
    runs: 300,
  }),
  shown(5, 'the stamps that a tier is given', { property: noLateStamps, runs: 300 }),
  shown(6, 'the expiry that a tier is given', { property: noLongerLife, runs: 300 }),
  shown(7, 'the ledger, beside a Map', { property: ledgerLikeMap, runs: 500 }),
  shown(7, 'the log, call by call', { property: oneByOne, runs: 100 }),
  shown(7, 'two lives of a cache', { property: noOtherLife, runs: 50 }),
  shown(12, 'all keys looked at in every tick in which something is told', {
    property: anyOrder(
      { steps: { getOrSet: 4, change: 4, write: 1, set: 1, advance: 1 }, strategies: ['lazy', 'immediate'] },
      { watch: true },
    ),
    runs: 300,
  }),
  shown(14, 'a small ledger and little room, in any order', {
    property: anyOrder({
      steps: { ...reads, change: 3, write: 2, churn: 2, advance: 2, set: 1 },
      modes: ['purge', 'soft'],
      policies: ['plain', 'grace'],
      entriesMax: [1, 2],
      ledgerBytesMax: ledgerBytesMin,
    }),
    runs: 150,
  }),
  shown(14, 'what a tier still holds when the ledger has forgotten why it should not', {
    property: anyOrder({
      steps: { getOrSet: 5, get: 2, change: 3, churn: 2 },
      strategies: ['lazy'],
      entriesMax: [1],
      ledgerBytesMax: ledgerBytesMin,
      tier: true,
      ...inTurn,
    }),
    runs: 150,
  }),
  shown(14, 'declared dependencies, and entries judged again and again', {
    property: inWhateverOrder({
      among: moves,
      hasTier: false,
      entriesMax: [undefined, 4],
      ledgerBytesMax: [ledgerBytesMin, 2 ** 20],
    }),
    runs: 600,
  }),
  shown(17, 'the same program twice', { property: sameForReaders, runs: 200 }),
  shown(18, 'whatever was read, by whatever door', { property: everyInputCounts, runs: 400 }),
  shown(18, 'the dependencies that a tier is given', { property: noLostDependencies, runs: 500 }),
  shown(18, 'though another value takes the place of what was read', {
    property: anyOrder({
      steps: { getOrSet: 5, fill: 5, change: 2 },
      strategies: ['lazy'],
      entriesMax: [undefined],
      tier: false,
      clientsMax: 3,
      length: [4, 10],
    }),
    runs: 500,
  }),
  shown(19, 'declarations, stores and invalidations, beside a model', {
    property: inWhateverOrder({
      among: moves,
      hasTier: false,
      entriesMax: [undefined, 1, 2],
      ledgerBytesMax: [2 ** 20],
    }),
    runs: 600,
  }),
  shown(19, 'the same, with a tier below', {
    property: inWhateverOrder({
      among: moves,
      hasTier: true,
      entriesMax: [1, 2],
      ledgerBytesMax: [2 ** 20],
    }),
    runs: 400,
  }),
  shown(19, 'the same, and all of it below', {
    property: inWhateverOrder({ among: moves, hasTier: true, entriesMax: [0], ledgerBytesMax: [2 ** 20] }),
    runs: 200,
  }),
  shown(19, 'links that come and go', {
    property: inWhateverOrder({
      among: linkMoves,
      hasTier: false,
      entriesMax: [undefined],
      ledgerBytesMax: [2 ** 20],
    }),
    runs: 400,
  }),
  shown(19, 'through a crowd', {
    property: inWhateverOrder({
      among: crowdedMoves,
      hasTier: false,
      entriesMax: [undefined],
      ledgerBytesMax: [2 ** 20],
      crowded: ['b:0', 'c:0'],
    }),
    runs: 200,
  }),
  shown(21, 'grace, refresh-ahead, failing loaders, soft invalidations, in any order', {
    property: anyOrder({
      steps: { ...reads, change: 4, write: 1, advance: 4, loaders: 1 },
      modes: ['purge', 'soft'],
      policies: ['grace', 'patient', 'eager', 'failing'],
    }),
    runs: 300,
  }),
  shown(21, 'stale values whose time is over', {
    property: anyOrder({
      steps: { getOrSet: 5, change: 3, advance: 4 },
      modes: ['purge', 'soft'],
      strategies: ['immediate', 'lazy'],
      policies: ['grace', 'patient'],
      ...inTurn,
    }),
    runs: 300,
  }),
  shown(21, 'soft invalidations of very many names, while that is written down', {
    property: throughACrowd,
    runs: 200,
  }),
]
