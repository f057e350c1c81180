/** Examples of answers, for the OpenAPI document: one story of a photo that was edited. */
import type {
  Disk,
  Explanation,
  Graph,
  Health,
  HistoryPage,
  Invalidation,
  PlannedInvalidation,
  Readiness,
  Redis,
  Stats,
  Stored,
} from './protocol.ts'

const at = 1_767_225_600_000
const photo = 'file:/photos/sea.jpg'
const thumb = 'thumb:sea.jpg'
const position = { generation: 'c41f09d2', n: 12 }

export const stored: Stored = {
  key: thumb,
  stored: true,
  refused: null,
  position: null,
  nodes: [],
  expiresAt: at + 86_400_000,
  etag: '"LPJNul-wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ"',
  sizeBytes: 20_480,
}

const reach = {
  names: [photo],
  prefix: null,
  all: false,
  cascade: [
    { name: photo, depth: 0, because: null },
    { name: thumb, depth: 1, because: photo },
  ],
  reached: 2,
  truncated: false,
  beyondDepth: 0,
}

export const invalidation: Invalidation = {
  ...reach,
  id: '01JGFJJZ00',
  position,
  status: 'completed',
  strategy: 'immediate',
  consistency: 'strict',
  mode: 'purge',
  reason: 'edited',
  actor: 'folder photos',
  tiers: { memory: { status: 'purged', purged: 1, verified: true, held: [], error: null } },
  nodes: [{ id: '5b2c6f0e', name: 'attic:812', status: 'acknowledged' }],
  attempts: 1,
  requestedAt: at,
  startedAt: at,
  endedAt: at + 1,
  error: null,
  token: 'c41f09d2.12',
}

export const queued: Invalidation = {
  ...invalidation,
  position: null,
  status: 'pending',
  strategy: 'background',
  consistency: 'relaxed',
  cascade: [],
  reached: null,
  tiers: {},
  nodes: [],
  attempts: 0,
  startedAt: null,
  endedAt: null,
  token: null,
}

export const plan: PlannedInvalidation = { ...reach, cycles: [], entries: { memory: 1 } }

export const historyPage: HistoryPage = { records: [invalidation], next: null }

export const explanation: Explanation = {
  key: thumb,
  state: 'invalidated',
  tier: null,
  policy: null,
  ageMs: null,
  ttlMs: null,
  lifetimeMs: null,
  expiresAt: null,
  graceUntil: null,
  reads: null,
  sizeBytes: null,
  stamp: null,
  dependencies: [
    {
      name: photo,
      kind: 'declared',
      lastInvalidation: { position, id: invalidation.id, at, reason: invalidation.reason },
    },
  ],
  strict: null,
  went: { why: 'invalidated', at, because: photo, by: invalidation.id },
}

export const graph: Graph = {
  name: photo,
  direction: 'dependents',
  nodes: [
    { name: photo, depth: 0, held: false },
    { name: thumb, depth: 1, held: true },
  ],
  edges: [{ dependent: thumb, dependency: photo, kind: 'tracked' }],
  truncated: false,
}

const disk: Disk = {
  name: 'disk',
  status: 'ok',
  error: null,
  putAside: null,
  others: 0,
  waiting: 0,
  usage: { entries: 12_000, bytes: 268_435_456, bytesMax: 10_737_418_240, evictions: 0, damaged: 0 },
  sweep: { position: 0.4, looked: 4800, removed: 3 },
}

const redis: Redis = {
  name: 'redis',
  status: 'ok',
  error: null,
  node: 'nas:4711',
  fenced: false,
  others: 1,
  waiting: 0,
  worth: { is: 'single', why: 'one instance: strict holds' },
}

export const health: Health = { status: 'alive', version: '0.1.0', disk, redis }
export const readiness: Readiness = {
  status: 'ready',
  sources: [{ name: 'photos', state: 'watching' }],
  disk,
  redis,
}

export const stats: Stats = {
  hits: 90,
  stale: 0,
  misses: 10,
  loads: 0,
  loadErrors: 0,
  stores: 10,
  refused: 0,
  invalidations: 1,
  hitRatio: 0.9,
  memory: { entries: 9, bytes: 184_320, bytesMax: 268_435_456, evictions: 0 },
  log: position,
  ledger: { names: 2, bytes: 256, low: 0 },
  graph: { names: 19, declared: 0, tracked: 10, rules: 0, bytes: 4096 },
  queue: { pending: 0 },
  disk,
  redis,
  flights: 0,
  daemon: { version: '0.1.0', upMs: 60_000, eventStreams: 1 },
}
