import pc from 'picocolors'
import { describe, expect, it } from 'vitest'
import type { Disk, Explanation, Invalidation, Stats } from '../api/protocol.ts'
import { reportText } from './doctor.ts'
import { explanationText } from './explain.ts'
import { pageText } from './history.ts'
import { details, planText, targetText } from './invalidation-text.ts'
import { statsText } from './stats.ts'
import { eventText } from './tail.ts'

const plain = pc.createColors(false)

const invalidation: Invalidation = {
  id: 'i1',
  position: { generation: 'g', n: 1 },
  status: 'completed',
  names: ['a'],
  prefix: null,
  all: false,
  strategy: 'immediate',
  consistency: 'strict',
  mode: 'purge',
  reason: 'edited',
  actor: 'cli',
  cascade: [
    { name: 'a', depth: 0, because: null },
    { name: 'b', depth: 1, because: 'a' },
  ],
  reached: 2,
  truncated: false,
  beyondDepth: 0,
  nodes: [],
  tiers: { memory: { status: 'purged', purged: 1, verified: true, held: [], error: null } },
  attempts: 1,
  requestedAt: 1_767_225_600_000,
  startedAt: 1_767_225_600_000,
  endedAt: 1_767_225_600_012,
  error: null,
  token: 'g.1',
}

describe('what was said to have changed', () => {
  const nothing = { names: [], prefix: null, all: false }

  it.each([
    [{ all: true }, 'everything'],
    [{ prefix: 'file:/a/' }, 'file:/a/*'],
    [{ names: ['a', 'b', 'c', 'd', 'e'] }, 'a, b, c and 2 more'],
    [{ names: ['a'], prefix: 'b' }, 'a, b*'],
    [{ names: ['a\u001b[2J'] }, 'a\\x1b[2J'],
  ])('%j', (target, text) => expect(targetText({ ...nothing, ...target })).toBe(text))
})

describe('an invalidation', () => {
  it('comes with how, why, who, what each tier did and what was reached', () => {
    expect(
      details(invalidation, plain)
        .split('\n')
        .map((line) => line.replace(/when .*took/, 'when took')),
    ).toEqual([
      'completed i1 a, reached 2 names',
      'how       immediate, strict, purge',
      'why       edited',
      'who       cli',
      'when took 12ms',
      'attempts  1',
      'memory  purged  1 purged, verified',
      '  a',
      '    b because of a',
    ])
  })

  it('that was not carried out says where, and what is still held', () => {
    const memory = { status: 'failed' as const, purged: 0, verified: false, held: ['b'], error: null }
    const error = { code: 'E_INVALIDATION_INCOMPLETE', message: 'a tier still holds some' }
    const text = details({ ...invalidation, status: 'failed', tiers: { memory }, error }, plain)
    expect(text).toMatch(/^failed i1/)
    expect(text).toContain('memory  failed  0 purged  still holds b')
    expect(text).toContain('a tier still holds some (E_INVALIDATION_INCOMPLETE)')
  })

  it('that reached more than is listed says so', () => {
    const cascade = Array.from({ length: 60 }, (_, n) => ({ name: `n${n}`, depth: 1, because: 'a' }))
    const text = details({ ...invalidation, cascade, truncated: true, beyondDepth: 3 }, plain)
    expect(text).toContain('and 10 more; --json lists them')
    expect(text).toContain('and more that are not listed')
    expect(text).toContain('and 3 beyond the depth limit')
  })

  it('that is only planned says what would go, and names circles', () => {
    const { names, prefix, all, cascade, truncated, beyondDepth } = invalidation
    const plan = {
      names,
      prefix,
      all,
      cascade,
      truncated,
      beyondDepth,
      reached: 2,
      cycles: [['a', 'b']],
      entries: { memory: 1 },
    }
    expect(planText(plan, plain).split('\n').slice(0, 2)).toEqual([
      'a would reach 2 names: 1 entry in memory',
      'a circle: a -> b',
    ])
  })
})

describe('the history', () => {
  it('is a table, with a dash for what is not known', () => {
    const waiting = { ...invalidation, status: 'pending' as const, reached: null, reason: null }
    const [head, row, more] = pageText({ records: [waiting], next: 'c' }, plain).split('\n')
    expect(head).toMatch(/^when +status +reached +what +why +who +id$/)
    expect(row).toMatch(/pending +- +a +- +cli +i1$/)
    expect(more).toBe('there are more: --cursor c')
  })

  it('says when there is nothing', () => {
    expect(pageText({ records: [], next: null }, plain)).toBe('no invalidations')
  })
})

it('an explanation tells what an entry was made from, and why it went', () => {
  const unknown = { tier: null, policy: null, ageMs: null, ttlMs: null, lifetimeMs: null, expiresAt: null }
  const explanation: Explanation = {
    ...unknown,
    key: 'k',
    state: 'invalidated',
    graceUntil: null,
    reads: null,
    sizeBytes: null,
    stamp: null,
    dependencies: [{ name: 'a', kind: 'direct', lastInvalidation: null }],
    strict: null,
    went: { why: 'invalidated', at: 1_767_225_600_000, because: 'a', by: 'i1' },
  }
  const lines = explanationText(explanation, plain).split('\n')
  expect(lines[0]).toBe('k is invalidated')
  expect(lines[1]).toMatch(/^ {2}went +\S+ \S+, invalidated because of a \(i1\)$/)
  expect(lines.slice(2)).toEqual(['made from 1 name', '  a  direct  never invalidated'])
})

it('numbers are told in words', () => {
  const stats: Stats = {
    ...{
      hits: 3,
      stale: 0,
      misses: 1,
      loads: 0,
      loadErrors: 0,
      stores: 2,
      refused: 0,
      invalidations: 1,
      flights: 0,
    },
    hitRatio: 0.75,
    memory: { entries: 1, bytes: 2048, bytesMax: 1024 ** 2, evictions: 0 },
    log: { generation: 'g', n: 4 },
    ledger: { names: 1, bytes: 10, low: 0 },
    graph: { names: 2, declared: 1, tracked: 0, rules: 1, bytes: 10 },
    queue: { pending: 0 },
    disk: null,
    daemon: { version: '1.2.3', upMs: 61_000, eventStreams: 0 },
  }
  const text = statsText(stats, plain)
  expect(text).toContain('daemon         1.2.3, up 1m 1s, 0 event streams')
  expect(text).toContain('3 hits, 0 stale, 1 misses (hit ratio 75.0 %)')
  expect(text).not.toContain('disk')
  expect(statsText({ ...stats, hitRatio: null }, plain)).toContain('(hit ratio -)')
  const disk: Disk = {
    status: 'ok',
    error: null,
    putAside: null,
    others: 0,
    waiting: 0,
    usage: { entries: 1, bytes: 2048, bytesMax: 1024 ** 3, evictions: 2, damaged: 0 },
    sweep: { position: 0.5, looked: 10, removed: 1 },
  }
  const diskLines = (given: Disk) => {
    const lines = statsText({ ...stats, disk: given }, plain).split('\n')
    return lines
      .slice(
        lines.findIndex((line) => line.startsWith('disk')),
        -2,
      )
      .map((line) => line.slice(15))
  }
  const rest = ['sweep 50 %, 10 looked at, 1 removed']
  expect(diskLines(disk)).toEqual(['ok, 1 entry, 2.0 kB of 1.0 GB, 2 evicted', ...rest])
  const failing: Disk = {
    ...disk,
    status: 'failing',
    error: { code: 'E_DISK_FULL', message: 'no room' },
    putAside: 'cut short',
    others: 1,
    waiting: 2,
    usage: { ...disk.usage, damaged: 3 },
  }
  expect(diskLines(failing)).toEqual([
    'failing, 1 entry, 2.0 kB of 1.0 GB, 2 evicted',
    'no room (E_DISK_FULL)',
    'what was there was put aside: cut short',
    '3 entries damaged; see staleproof doctor',
    '2 invalidations to be written',
    '1 other process',
    ...rest,
  ])
})

describe('what a doctor found', () => {
  const inOrder = {
    directory: '/data',
    format: 1,
    nodes: [],
    freeBytes: 2048,
    tier: { entries: 3, bytes: 1024, valueFiles: 1, orphans: 0 },
    records: { log: 2, snapshots: 1, jobs: 0, records: 2 },
    asides: [],
    rowsAside: 0,
    problems: [],
    repaired: null,
  }

  it('is told in few words if all is well', () => {
    expect(reportText(inOrder, plain).split('\n')).toEqual([
      '/data: in order',
      '  format   1',
      '  open     nobody',
      '  free     2.0 kB',
      '  entries  3, 1.0 kB, 1 file of values',
      '  log      2 records, 1 snapshot',
      '  queue    0 invalidations',
      '  history  2 records',
    ])
  })

  it('is told with what is wrong, what was done and what is lost', () => {
    const damaged = {
      ...inOrder,
      nodes: [
        { id: 'a', pid: 7, lives: true },
        { id: 'b', pid: 8, lives: false },
      ],
      tier: null,
      records: null,
      asides: [{ folder: '/data/damaged/1', why: 'cut', salvaged: false }],
      rowsAside: 2,
      problems: [
        { kind: 'data-unreadable' as const, message: 'it cannot be read', count: 3, examples: ['x', 'y'] },
      ],
      repaired: { done: ['much'], lost: ['little'] },
    }
    expect(reportText(damaged, plain).split('\n')).toEqual([
      'done much',
      'lost little',
      '/data: 1 problem',
      '  format  1',
      '  open    process 7, and 1 that ended without leaving',
      '  free    2.0 kB',
      '  aside   2 damaged rows',
      '  aside   /data/damaged/1: cut (not salvaged yet)',
      'problem it cannot be read (3)',
      '  x',
      '  y',
      '  ...',
    ])
    const nothing = { ...inOrder, repaired: { done: [], lost: [] } }
    expect(reportText(nothing, plain)).toMatch(/^nothing was to be repaired\n/)
  })
})

describe('an event', () => {
  it.each([
    ['invalidated', invalidation, 'invalidated completed i1 a, reached 2 names (edited)'],
    ['changed', { name: 'a', n: 1 }, 'changed a'],
    [
      'gap',
      { since: 'x', reason: 'too-old' },
      'events were missed (too-old): consider everything possibly changed',
    ],
    ['new-kind', { a: 1 }, 'new-kind {"a":1}'],
  ])('%s', (event, data, text) => expect(eventText({ event, data: JSON.stringify(data) }, plain)).toBe(text))
})
