/**
 * What can be configured: the whole of the YAML file, with defaults and with what an error says was expected.
 *
 * Invariants: an unknown key is an error, never ignored; quantities stay as they were written ('5m') and are
 * read where they are used; the sections `cache` and `redis` have no defaults here, those of the library stand.
 */
import { z } from 'zod'
import { address, choice, count, duration, flag, fraction, names, size, text } from './fields.ts'

const section = <S extends z.core.$ZodLooseShape>(shape: S) =>
  z.strictObject(shape).describe('a section with keys of its own')

const server = section({
  host: text('an address to listen on, such as 127.0.0.1').default('127.0.0.1'),
  port: z.number().int().min(0).max(65_535).describe('a port, 0 to 65535 (0: any free one)').default(4747),
  maxBodyBytes: size.default('64mb'),
  insecure: flag.default(false),
})

const policy = section({
  ttl: duration.optional(),
  accessMultiplier: z.number().min(1).describe('a number of at least 1').optional(),
  maxExtension: duration.optional(),
  minTtl: duration.optional(),
  maxTtl: duration.optional(),
  jitter: fraction.optional(),
  grace: duration.optional(),
  refreshAhead: fraction.optional(),
  softTimeout: duration.optional(),
  hardTimeout: duration.optional(),
  negativeTtl: duration.optional(),
  errorTtl: duration.optional(),
  consistency: choice('strict', 'eventual', 'relaxed').optional(),
  onFence: choice('bypass', 'error', 'stale').optional(),
})

const memory = section({
  maxBytes: size.optional(),
  maxEntries: count(1).optional(),
  maxEntryBytes: size.optional(),
})

const graph = section({
  maxDepth: count(1).optional(),
  cycles: choice('break', 'maintain').optional(),
  dependenciesMax: count(1).optional(),
  onTooMany: choice('warn', 'reject').optional(),
})

const queued = section({
  priority: count(0).optional(),
  batch: count(1).optional(),
  interval: duration.optional(),
  cron: text("a cron expression such as '*/5 * * * *'").optional(),
})

const strategies = section({
  lazy: section({ sweepEvery: duration.optional() }).optional(),
  scheduled: queued.optional(),
  background: queued.optional(),
  queueMax: count(1).optional(),
})

const retries = { retries: count(0).optional(), retryDelay: duration.optional() }
const bounded = section({ ...retries, bound: duration.optional() })

const consistency = section({
  strict: section(retries).optional(),
  eventual: bounded.optional(),
  relaxed: bounded.optional(),
})

const cache = section({
  policies: z.record(z.string(), policy).describe('policies by name').optional(),
  ttl: section({
    default: duration.optional(),
    min: duration.optional(),
    max: duration.optional(),
  }).optional(),
  memory: z
    .union([z.literal(false), memory])
    .describe('false, or a section with keys of its own')
    .optional(),
  graph: graph.optional(),
  strategies: strategies.optional(),
  consistency: consistency.optional(),
  ledger: section({ maxBytes: size.optional() }).optional(),
  history: section({ keepFor: duration.optional(), keepCount: count(1).optional() }).optional(),
})

const servers = z.array(address).min(1).describe('a list of addresses such as redis://cache.home:6379')

const redis = section({
  url: address.optional(),
  cluster: servers.optional(),
  sentinel: section({ name: text('the name of the primary'), urls: servers }).optional(),
  username: text('a name').optional(),
  password: text('a password, in quotes').optional(),
  passwordFile: text('the path of a file').optional(),
  tls: section({
    ca: text('the path of a file').optional(),
    cert: text('the path of a file').optional(),
    key: text('the path of a file').optional(),
  }).optional(),
  prefix: text('a name').optional(),
  lease: duration.optional(),
  replicas: count(0).optional(),
  maxEntryBytes: size.optional(),
  node: text('a name').optional(),
})
  .superRefine(atMostOne('url', 'cluster', 'sentinel'))
  .superRefine(atMostOne('password', 'passwordFile'))

/** What stands for the same may be given once; `expected` is what an error says was expected. */
function atMostOne(...keys: readonly string[]) {
  return (given: Readonly<Record<string, unknown>>, context: z.RefinementCtx): void => {
    const [, ...rest] = keys.filter((key) => given[key] !== undefined)
    const expected = `only one of ${keys.join(', ')}`
    for (const key of rest) context.addIssue({ code: 'custom', path: [key], params: { expected } })
  }
}

const watchedFolder = section({
  path: text('the path of a folder'),
  ignore: z.array(text('a glob such as *.tmp')).describe('a list of globs').default([]),
  stability: duration.default('200ms'),
  polling: z
    .union([z.boolean(), duration])
    .describe('true, false, or how often to look, such as 5s')
    .default(false),
})

export const configSchema = section({
  server: server.prefault({}),
  data: z
    .union([z.literal(false), text('the path of a folder')])
    .describe('the path of a folder, or false to keep everything in memory')
    .default('./data'),
  disk: section({ maxBytes: size.optional(), maxEntryBytes: size.optional() }).prefault({}),
  redis: redis.optional(),
  cache: cache.prefault({}),
  links: z
    .array(section({ name: text('a name'), dependsOn: names }))
    .describe('a list of links')
    .default([]),
  rules: z
    .array(section({ pattern: text('a pattern such as thumb:{photo}'), dependsOn: names }))
    .describe('a list of rules')
    .default([]),
  sources: section({
    files: z.array(watchedFolder).describe('a list of folders').default([]),
  }).prefault({}),
  log: section({
    level: choice('trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent').default('info'),
    file: text('the path of a file').nullable().default(null),
  }).prefault({}),
})

export type Config = z.output<typeof configSchema>
export type RedisSettings = NonNullable<Config['redis']>
export type WatchedFolder = z.output<typeof watchedFolder>
