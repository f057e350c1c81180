/**
 * The rules of the house that a test keeps: one table of rooms, one table of canaries.
 *
 * Usage: npx vitest run scripts/tidy.test.ts
 */
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { functionLengths, parse, readHouse, rules, tidy, type Rooms } from './tidy.ts'

const model = 'core/src/model/'
const nouns = ['graph', 'log', 'tiers', 'ttl'].map((room) => `core/src/${room}/`)
const verbs = ['loading', 'invalidation', 'consistency', 'recovery'].map((room) => `core/src/${room}/`)
const contracts = nouns.map((room) => `${room}contract.ts`)
const backing = 'core/src/backing/contract.ts'
const lent = [
  model,
  ...['log', 'tiers', 'loading', 'invalidation'].map((room) => `core/src/${room}/contract.ts`),
]
const bytes = 'core/src/bytes/'
const below = [model, ...nouns, ...verbs, 'core/src/backing/', 'core/src/metrics/']
const daemon = (...rooms: string[]) => rooms.map((room) => `daemon/src/${room}`)

/** Who may import whom. A test may also import what stands behind a contract. */
const rooms: Rooms = {
  [model]: [],
  'core/src/metrics/': [model],
  ...Object.fromEntries(nouns.map((room) => [room, [model]])),
  ...Object.fromEntries(verbs.map((room) => [room, [model, ...contracts]])),
  'core/src/backing/': lent,
  [bytes]: [model],
  'core/src/disk/': [...lent, backing, bytes],
  'core/src/redis/': [...lent, backing, bytes, 'core/src/consistency/'],
  'core/src/redis.ts': ['core/src/redis/', backing],
  'core/src/disk.ts': ['core/src/disk/', backing],
  'core/src/cache/': below,
  'core/src/cache.ts': ['core/src/cache/', ...below],
  'core/src/index.ts': ['core/src/cache.ts', 'core/src/cache/', ...below],
  'core/src/testing/': [...lent, backing],
  'core/src/testing.ts': ['core/src/testing/'],
  'core/src/*.test.ts': ['core/src/'],
  'daemon/src/config/': [],
  'daemon/src/sources/': daemon('config/'),
  'daemon/src/edges/': daemon('config/'),
  'daemon/src/history/': daemon('config/'),
  'daemon/src/api/': daemon('config/', 'sources/', 'edges/', 'history/'),
  'daemon/src/cli/': daemon('api/protocol.ts', 'config/', 'service.ts'),
  'daemon/src/service.ts': daemon('config/', 'sources/', 'edges/', 'history/', 'api/'),
  'daemon/src/main.ts': daemon('cli/', 'service.ts'),
  'daemon/src/*.test.ts': daemon(''),
}

const long = (lines: number) => 'void 0\n'.repeat(lines)

/** rule, path, a text that breaks it there. */
const canaries: [string, string, string][] = [
  ['rooms', 'core/src/model/entry.ts', "import { Graph } from '../graph/graph.ts'"],
  ['rooms', 'core/src/model/entry.ts', "import { LRUCache } from 'lru-cache'"],
  ['rooms', 'core/src/log/memory.ts', "import type { Graph } from '../graph/contract.ts'"],
  ['rooms', 'core/src/loading/flight.ts', "export { Memory } from '../tiers/memory.ts'"],
  ['rooms', 'core/src/loading/flight.ts', "await import('../invalidation/queue.ts')"],
  ['rooms', 'core/src/graph/graph.ts', "type Cache = import('../cache.ts').Cache"],
  ['rooms', 'core/src/ttl/ttl.test.ts', "import { Graph } from '../graph/graph.ts'"],
  ['rooms', 'core/src/utils/pad.ts', ''],
  ['rooms', 'core/src/helpers.ts', ''],
  ['rooms', 'core/src/recovery/retry.ts', "import { Metrics } from '../metrics/metrics.ts'"],
  ['rooms', 'core/src/recovery/guard.ts', "import { Lower } from '../cache/lower.ts'"],
  ['rooms', 'core/src/disk/tier.ts', "import { MemoryLog } from '../log/memory.ts'"],
  ['rooms', 'core/src/backing/contract.ts', "import { disk } from '../disk/backing.ts'"],
  ['rooms', 'core/src/testing/tier.ts', "import { NoopTier } from '../tiers/noop.ts'"],
  ['rooms', 'core/src/cache/options.ts', "import { disk } from '../disk/backing.ts'"],
  ['rooms', 'daemon/src/cli/purge.ts', "import { history } from '../history/history.ts'"],
  ['borders', 'daemon/tests/start.test.ts', "import { Cache } from '../../core/src/index.ts'"],
  ['door', 'core/src/index.ts', "export * from './cache.ts'"],
  ['door', 'core/src/index.ts', 'export const version = 1'],
  ['function', 'bench/src/a.ts', `function a() {\n${long(69)}}`],
  ['function', 'core/src/ttl/ttl.test.ts', `it('a', () => {\n${long(69)}})`],
  ['parameters', 'proof/src/a.ts', 'class A { constructor(a: 1, b: 2, c: 3, d: 4) {} }'],
  ['parameters', 'proof/src/a.ts', 'interface A { get(a: 1, b: 2, c: 3, d: 4): void }'],
  ['default-export', 'proof/src/a.ts', 'export default 1'],
  ['default-export', 'proof/src/a.ts', 'export default function a() {}'],
  ['default-export', 'proof/src/a.ts', 'const a = 1\nexport { a as default }'],
  ['enum', 'proof/src/a.ts', 'export enum A {}'],
  ['time', 'core/src/ttl/ttl.ts', 'export const now = () => Date.now()'],
  ['time', 'core/src/ttl/ttl.ts', 'export const now = () => new Date()'],
  ['time', 'core/src/ttl/ttl.ts', 'export const { random } = { random: Math.random }'],
  ['time', 'core/src/ttl/ttl.ts', 'globalThis.setTimeout(() => {}, 1)'],
  ['time', 'core/src/ttl/ttl.ts', 'export const wait = setImmediate'],
  ['file', 'core/tests/all.test.ts', long(501)],
  ['name', 'core/src/ttl/timeToLive.ts', ''],
  ['opening', 'core/src/ttl/ttl.ts', `// A line is not enough.\n${long(39)}`],
]

const allowed: [string, string][] = [
  ['core/src/loading/flight.ts', "import type { Tier } from '../tiers/contract.ts'"],
  ['core/src/loading/flight.test.ts', "import { Memory } from '../tiers/memory.ts'"],
  ['core/src/index.ts', "export { Cache } from './cache.ts'\nexport type { Name } from './model/name.ts'"],
  [
    'core/src/ttl/ttl.ts',
    'export const at = (clock: Clock) => clock.setTimeout(() => {}, new Date(1).getTime())',
  ],
  ['core/src/model/clock.ts', 'export const now = () => performance.now()'],
  ['daemon/src/service.ts', "import { Cache } from 'staleproof'\nimport { serve } from '@hono/node-server'"],
  ['core/src/ttl/ttl.test.ts', `describe('ttl', () => {\n${long(100)}})`],
  ['vitest.config.ts', 'export default {}'],
]

const broken = (path: string, text: string) => tidy([parse(path, text)], rooms).map(({ rule }) => rule)

describe('the canaries', () => {
  it.each(canaries)('%s sees what is wrong in %s', (rule, path, text) => {
    expect(broken(path, text)).toEqual([rule])
  })

  it('a cycle is seen, of types too', () => {
    const hen = parse('proof/src/hen.ts', "import { egg } from './egg.ts'")
    const egg = parse('proof/src/egg.ts', "\nimport type { Hen } from './hen.ts'")
    const text = 'proof/src/hen.ts -> proof/src/egg.ts -> proof/src/hen.ts'
    expect(tidy([hen, egg], rooms)).toEqual([{ path: 'proof/src/egg.ts', line: 2, rule: 'cycle', text }])
  })

  it('every rule has one', () => {
    expect(new Set([...canaries.map(([rule]) => rule), 'cycle'])).toEqual(new Set(Object.keys(rules)))
  })

  it.each(allowed)('nothing is wrong in %s', (path, text) => {
    expect(broken(path, text)).toEqual([])
  })
})

describe('the house', () => {
  const sources = readHouse(fileURLToPath(new URL('..', import.meta.url)))

  it('is tidy', () => {
    const lengths = functionLengths(sources)
    const at = (share: number) => lengths[Math.ceil(lengths.length * share) - 1] ?? 0
    console.log(`functions: ${lengths.length}, lines median ${at(0.5)}, p90 ${at(0.9)}, max ${at(1)}`)
    const found = tidy(sources, rooms).map(({ path, line, rule, text }) => `${path}:${line} ${rule}: ${text}`)
    expect(found.join('\n')).toBe('')
  })
})
