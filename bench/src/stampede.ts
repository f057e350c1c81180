/**
 * A key that nobody holds: one caller of it, and 1,000 at once.
 *
 * The load itself takes one turn of the event loop; the time that it takes alone is measured as well.
 */
import { createCache } from 'staleproof'
import { atMost, figureOf, type Report, type Row } from './figures.ts'
import { openBento, openCacheable, openDedupe, openLayered, openLru } from './peers.ts'
import { timeOf } from './rounds.ts'
import { fail, userOf, type User } from './world.ts'

const callers = 1000
/** Cold keys, one after another. */
const misses = 300

let loads = 0

interface Stampeded {
  readonly call: (key: string) => Promise<unknown>
  readonly close?: () => Promise<unknown>
}

export async function measureStampede(rounds: number): Promise<Report> {
  const contenders = open()
  const together = new Map(Object.keys(contenders).map((name) => [name, [] as number[]]))
  const alone = new Map(Object.keys(contenders).map((name) => [name, [] as number[]]))
  for (let round = -2; round < rounds; round++) {
    for (const [name, { call }] of Object.entries(contenders)) {
      const ms = await stampede(name, round, call)
      const each = await timeOf(() => miss(round, call))
      // The first rounds only warm it up.
      if (round < 0) continue
      together.get(name)?.push(ms)
      alone.get(name)?.push((each * 1000) / misses)
    }
  }
  for (const { close } of Object.values(contenders)) await close?.()
  return reportOf(together, alone)
}

async function stampede(name: string, round: number, call: Stampeded['call']): Promise<number> {
  loads = 0
  const ms = await timeOf(() => Promise.all(Array.from({ length: callers }, () => call(`cold:${round}`))))
  if (name !== justLoad && loads !== 1) fail(`${name} loaded ${loads} times`)
  return ms
}

async function miss(round: number, call: Stampeded['call']): Promise<void> {
  for (let i = 0; i < misses; i++) await call(`alone:${round}:${i}`)
}

const justLoad = 'no cache, one load'

function reportOf(together: Map<string, number[]>, alone: Map<string, number[]>): Report {
  const rows: Row[] = [...together].map(([name, values]) => ({
    name,
    figures: { '1,000 at once': figureOf(values, 'ms'), 'one, cold': figureOf(alone.get(name) ?? [], 'us') },
  }))
  const ours = figureOf(together.get('staleproof, automatic') ?? [], 'ms')
  return {
    tables: [{ title: 'A key that is not held', rows }],
    targets: [atMost('1,000 callers of a cold key, one load', ours, 10)],
  }
}

function source(): Promise<User> {
  loads++
  return new Promise((resolve) => setImmediate(() => resolve(userOf(1))))
}

function open(): Record<string, Stampeded> {
  const [automatic, explicit] = [createCache(), createCache({ tracking: 'explicit' })]
  const room = 100_000
  const lru = openLru(room, { source })
  const layered = openLayered(room, { source })
  const dedupe = openDedupe(room, { source })
  const cacheable = openCacheable(false, false)
  const bento = openBento(room, false)
  let shared: { key: string; promise: Promise<User> } | undefined
  const loadOnce = (key: string) => {
    if (shared?.key !== key) shared = { key, promise: source() }
    return shared.promise
  }
  return {
    [justLoad]: { call: loadOnce },
    'staleproof, automatic': {
      call: (key) => automatic.getOrSet(key, source),
      close: () => automatic.close(),
    },
    'staleproof, explicit': { call: (key) => explicit.getOrSet(key, source), close: () => explicit.close() },
    'lru-cache.fetch': { call: (key) => lru.fetch(key) },
    'layered-loader': { call: (key) => layered.get(key), close: () => layered.close() },
    'async-cache-dedupe': { call: (key) => dedupe.user(key) },
    'cacheable, clones off': {
      call: (key) => cacheable.getOrSet(key, source),
      close: () => cacheable.disconnect(),
    },
    'bentocache, serialize off': {
      call: (key) => bento.getOrSet({ key, factory: source }),
      close: () => bento.disconnectAll(),
    },
  }
}
