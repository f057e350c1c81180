/**
 * The protocol: what goes over HTTP between the daemon and its clients, as schemas.
 *
 * Invariants: runs in a browser, so it imports zod and nothing else; a schema here is what the daemon checks a
 * request against, what `/openapi.json` shows and what a client parses a response with. Times are ms since 1970.
 */
import { z } from 'zod'

export const sinceHeader = 'Staleproof-Since'
export const positionHeader = 'Staleproof-Position'
export const tokenHeader = 'Staleproof-Token'
export const problemMediaType = 'application/problem+json'

const nameSchema = z.string().min(1).meta({
  description: 'Anything that can change: a key, a tag, a file, a table row.',
  example: 'file:/photos/sea.jpg',
})
const namesSchema = z.array(nameSchema).min(1)
const timeSchema = z.number().meta({ description: 'Milliseconds since 1970.', example: 1_767_225_600_000 })
const durationSchema = z
  .string()
  .regex(/^\d+(\.\d+)?(ms|s|m|h|d)$/, 'give a number with a unit: 250ms, 30s, 5m, 1h, 7d')
  .meta({ description: 'A number with a unit: ms, s, m, h or d.', example: '5m' })

/** A parameter that may be repeated: one of it comes as text, several as a list. */
const repeatedNames = z
  .preprocess((given) => (typeof given === 'string' ? [given] : given), namesSchema)
  .optional()

/** A moment in a query: ms since 1970 or an ISO 8601 date and time. */
const momentSchema = z
  .union(
    [z.string().regex(/^\d+$/).transform(Number), z.iso.datetime({ offset: true }).transform(Date.parse)],
    {
      error: 'give milliseconds since 1970 or a date and time such as 2026-01-31T12:00:00Z',
    },
  )
  .meta({
    description: 'Milliseconds since 1970, or an ISO 8601 date and time.',
    example: '2026-01-31T12:00:00Z',
  })

export const strategySchema = z.enum(['immediate', 'scheduled', 'lazy', 'background']).meta({
  description: 'When the work is done: now, at the next tick, when touched, or drained in batches.',
})
export const consistencySchema = z.enum(['strict', 'eventual', 'relaxed']).meta({
  description: 'How long any reader may still get the old value: strict 0, eventual 5 s, relaxed 30 s.',
})
const modeSchema = z.enum(['purge', 'soft']).meta({
  description: 'purge: unusable at once. soft: may be served within grace while it is loaded again.',
})
export const statusSchema = z.enum(['pending', 'running', 'completed', 'failed', 'cancelled'])

/** A place in the log of invalidations. Positions of two generations cannot be compared. */
const positionSchema = z.object({ generation: z.string(), n: z.number() }).meta({ id: 'Position' })

// Problems (RFC 9457)

export const parameterErrorSchema = z.object({
  in: z.enum(['path', 'query', 'header', 'body']),
  name: z
    .string()
    .meta({ description: 'Which one; `names.0` is the first item of `names`.', example: 'limit' }),
  detail: z.string(),
})
export const problemSchema = z
  .looseObject({
    type: z.string().meta({ example: 'urn:staleproof:problem:E_API_REQUEST_INVALID' }),
    title: z.string().meta({ example: 'The request is not valid' }),
    status: z.number().int().meta({ example: 400 }),
    detail: z.string().meta({ description: 'What was tried, and what to do about it.' }),
    code: z
      .string()
      .meta({ description: 'Stable; see the table of codes.', example: 'E_API_REQUEST_INVALID' }),
    instance: z.string().meta({ description: 'The path that was asked for.', example: '/v1/invalidations' }),
    requestId: z.string().meta({ description: 'Also in the log and in X-Request-Id.' }),
    errors: z.array(parameterErrorSchema).optional(),
  })
  .meta({ id: 'Problem', description: 'An error, as RFC 9457 has it.' })

// Entries

export const entryQuerySchema = z.strictObject({
  dependsOn: repeatedNames.meta({ description: 'A name that the entry was made from. Repeatable.' }),
  tag: repeatedNames.meta({ description: 'A name to invalidate the entry by. Repeatable.' }),
  policy: z
    .string()
    .min(1)
    .optional()
    .meta({ description: 'The rules of this kind of entry.', example: 'media' }),
  ttl: durationSchema.optional(),
  consistency: consistencySchema.optional(),
})
const nodeOutcomeSchema = z
  .object({
    id: z.string(),
    name: z.string().meta({ description: 'host and process' }),
    status: z
      .enum(['acknowledged', 'outlasted'])
      .meta({ description: 'outlasted: it did not answer, and its lease is over: it serves nothing held.' }),
  })
  .meta({ id: 'NodeOutcome' })

export const storedSchema = z
  .object({
    key: z.string(),
    stored: z.boolean().meta({ description: 'False if a newer change made it stale before it was stored.' }),
    refused: z.string().nullable().meta({ description: 'Why it was not stored.' }),
    position: positionSchema
      .nullable()
      .meta({ description: 'The place of this change in the log; null for a fill.' }),
    nodes: z
      .array(nodeOutcomeSchema)
      .readonly()
      .meta({ description: 'Of a strict change: the other nodes.' }),
    expiresAt: timeSchema.nullable(),
    etag: z.string(),
    sizeBytes: z.number().int(),
  })
  .meta({ id: 'Stored' })

// Invalidations

const targetShape = {
  names: namesSchema.optional(),
  prefix: z.string().min(1).optional().meta({ description: 'Every name that begins with this text.' }),
  all: z.boolean().optional().meta({ description: 'Everything.' }),
}
export const invalidationRequestSchema = z
  .strictObject({
    ...targetShape,
    strategy: strategySchema.optional(),
    consistency: consistencySchema.optional(),
    mode: modeSchema.optional(),
    reason: z.string().max(1000).optional().meta({ description: 'Why, for the history.' }),
    actor: z.string().max(200).optional().meta({ description: 'Who, for the history.' }),
    dryRun: z.boolean().optional().meta({ description: 'Only tell what would go.' }),
  })
  .refine(({ names, prefix, all }) => names !== undefined || prefix !== undefined || all === true, {
    error: 'say what changed: names, prefix or all',
  })
  .meta({ id: 'InvalidationRequest', example: { names: ['file:/photos/sea.jpg'], reason: 'edited' } })

const cascadeItemSchema = z
  .object({
    name: z.string(),
    depth: z.number().int(),
    because: z.string().nullable().meta({ description: 'The dependency it was reached through.' }),
  })
  .meta({ id: 'CascadeItem' })
const tierOutcomeSchema = z
  .object({
    status: z.enum(['purged', 'deferred', 'failed']),
    purged: z.number().int(),
    verified: z.boolean(),
    held: z.array(z.string()).readonly(),
    error: z.string().nullable(),
  })
  .meta({ id: 'TierOutcome' })

const reachShape = {
  names: z.array(z.string()).readonly(),
  prefix: z.string().nullable(),
  all: z.boolean(),
  cascade: z.array(cascadeItemSchema).readonly().meta({ description: 'Dependencies before dependents.' }),
  truncated: z.boolean().meta({ description: 'True if the cascade lists fewer names than were reached.' }),
  beyondDepth: z.number().int(),
}
export const invalidationSchema = z
  .object({
    ...reachShape,
    id: z.string(),
    position: positionSchema.nullable(),
    status: statusSchema,
    strategy: strategySchema,
    consistency: consistencySchema,
    mode: modeSchema,
    reason: z.string().nullable(),
    actor: z.string().nullable(),
    reached: z.number().int().nullable(),
    tiers: z.record(z.string(), tierOutcomeSchema),
    nodes: z
      .array(nodeOutcomeSchema)
      .readonly()
      .meta({ description: 'other nodes that a strict one waited for' }),
    attempts: z.number().int(),
    requestedAt: timeSchema,
    startedAt: timeSchema.nullable(),
    endedAt: timeSchema.nullable(),
    error: z.object({ code: z.string(), message: z.string() }).nullable(),
    token: z.string().nullable(),
  })
  .meta({ id: 'Invalidation', description: 'What an invalidation did, or will do.' })
export const planSchema = z
  .object({
    ...reachShape,
    reached: z.number().int(),
    cycles: z.array(z.array(z.string()).readonly()).readonly(),
    entries: z.record(z.string(), z.number()).meta({ description: 'Entries that would go, by tier.' }),
  })
  .meta({ id: 'Plan', description: 'What an invalidation would reach now.' })

export const historyQuerySchema = z.strictObject({
  status: statusSchema.optional(),
  name: nameSchema.optional(),
  strategy: strategySchema.optional(),
  actor: z.string().min(1).optional(),
  since: momentSchema.optional(),
  until: momentSchema.optional(),
  limit: z.coerce
    .number()
    .int()
    .min(1)
    .max(1000)
    .optional()
    .meta({ description: 'Records a page.', example: 50 }),
  cursor: z.string().min(1).optional().meta({ description: '`next` of the page before.' }),
})
export const historyPageSchema = z
  .object({
    records: z.array(invalidationSchema).readonly().meta({ description: 'Newest first.' }),
    next: z.string().nullable().meta({ description: 'Cursor of the next page; null at the end.' }),
  })
  .meta({ id: 'HistoryPage' })

// Explaining, graph, links and rules

export const explanationSchema = z
  .object({
    key: z.string(),
    state: z.enum(['fresh', 'stale', 'expired', 'invalidated', 'fenced', 'absent']),
    tier: z.string().nullable(),
    policy: z.string().nullable(),
    ageMs: z.number().nullable(),
    ttlMs: z.number().nullable(),
    lifetimeMs: z.number().nullable(),
    expiresAt: timeSchema.nullable(),
    graceUntil: timeSchema.nullable(),
    reads: z.number().nullable(),
    sizeBytes: z.number().nullable(),
    stamp: positionSchema.nullable(),
    dependencies: z
      .array(
        z.object({
          name: z.string(),
          kind: z.enum(['direct', 'inherited', 'declared']),
          lastInvalidation: z
            .object({
              position: positionSchema.nullable(),
              id: z.string().nullable(),
              at: timeSchema.nullable(),
              reason: z.string().nullable(),
            })
            .nullable(),
        }),
      )
      .readonly(),
    strict: z
      .object({ is: z.enum(['single', 'waited', 'unsafe', 'unknown']), why: z.string() })
      .readonly()
      .nullable()
      .meta({
        description: 'What a strict invalidation is worth among many nodes; null if there is one place only.',
      }),
    went: z
      .object({
        why: z.string(),
        at: timeSchema,
        because: z.string().nullable(),
        by: z.string().nullable().meta({ description: 'Id of the invalidation.' }),
      })
      .nullable(),
  })
  .meta({ id: 'Explanation', description: 'Why an entry is here, or why it went.' })

export const directionSchema = z.enum(['dependents', 'dependencies'])
export const graphQuerySchema = z.strictObject({
  direction: directionSchema.optional().meta({ description: 'Default: dependents.' }),
  depth: z.coerce.number().int().min(1).max(100).optional(),
})
export const graphSchema = z
  .object({
    name: z.string(),
    direction: directionSchema,
    nodes: z
      .array(z.object({ name: z.string(), depth: z.number().int(), held: z.boolean() }))
      .readonly()
      .meta({ description: '`held`: an entry of that key is in the cache.' }),
    edges: z
      .array(
        z.object({
          dependent: z.string(),
          dependency: z.string(),
          kind: z.enum(['declared', 'tracked', 'rule']),
        }),
      )
      .readonly(),
    truncated: z.boolean(),
  })
  .meta({ id: 'Graph' })

export const linkSchema = z
  .strictObject({ name: nameSchema, dependsOn: namesSchema })
  .meta({ id: 'Link', example: { name: 'album:sea', dependsOn: ['file:/photos/sea.jpg'] } })
export const unlinkSchema = linkSchema
  .partial({ dependsOn: true })
  .meta({ id: 'Unlink', description: 'Without `dependsOn`: all declared dependencies of the name.' })
export const ruleSchema = z
  .strictObject({ pattern: nameSchema, dependsOn: namesSchema })
  .meta({ id: 'Rule', example: { pattern: 'thumb:{photo}', dependsOn: ['file:/photos/{photo}'] } })
export const unruleSchema = ruleSchema
  .partial({ dependsOn: true })
  .meta({ id: 'Unrule', description: 'Without `dependsOn`: all rules of the pattern.' })

// Events

export const eventQuerySchema = z.strictObject({
  name: nameSchema.optional().meta({ description: 'Only invalidations that may concern this name.' }),
  prefix: z
    .string()
    .min(1)
    .optional()
    .meta({ description: 'Only those that may concern a name beginning so.' }),
})
/** First of every stream: from its id on nothing is left out. */
const readyEventSchema = z.object({ from: z.string() }).meta({ id: 'ReadyEvent' })
export const changedEventSchema = z
  .object({ name: z.string(), n: z.number() })
  .meta({ id: 'ChangedEvent', description: 'A name was set: whatever depends on it became stale.' })
export const gapEventSchema = z
  .object({ since: z.string(), reason: z.enum(['other-start', 'too-old', 'unknown-id', 'log']) })
  .meta({ id: 'GapEvent', description: 'Events were missed: consider everything possibly changed.' })
/** Data of each event of `/v1/events`, by its name. */
export const eventSchemas = {
  ready: readyEventSchema,
  invalidated: invalidationSchema,
  changed: changedEventSchema,
  gap: gapEventSchema,
} as const

// Health and numbers

const whySchema = z
  .object({ code: z.string(), message: z.string() })
  .nullable()
  .meta({ description: 'Why it fails.' })

/** The data directory. */
const diskSchema = z
  .looseObject({
    status: z.enum(['ok', 'failing']).meta({
      description:
        'failing: nothing can be written now; memory serves alone, and it is tried again by itself.',
    }),
    error: whySchema,
    putAside: z
      .string()
      .nullable()
      .optional()
      .meta({ description: 'Why what was there at the start was put aside; null: it was not.' }),
    others: z.number().int().meta({ description: 'Other processes that have it open.' }),
    waiting: z.number().int().meta({ description: 'Invalidations that wait until they can be written.' }),
    usage: z.looseObject({
      entries: z.number().int(),
      bytes: z.number(),
      bytesMax: z.number(),
      evictions: z.number().int(),
      damaged: z.number().int().meta({ description: 'Entries that were not what was written.' }),
    }),
    sweep: z.looseObject({
      position: z.number().meta({ description: 'How far the round is, 0 to 1.' }),
      looked: z.number().int(),
      removed: z.number().int(),
    }),
  })
  .meta({ id: 'Disk', description: 'The data directory; null where all is kept in memory.' })
const maybeDiskSchema = diskSchema.nullable()

/** This daemon as one node of those that share a server. */
const redisSchema = z
  .looseObject({
    status: z
      .enum(['ok', 'failing'])
      .meta({ description: 'failing: it cannot be reached, or refuses; it is tried again by itself.' }),
    error: whySchema,
    node: z.string().meta({ description: 'What this node is called.', example: 'nas:4711' }),
    fenced: z.boolean().meta({ description: 'Without a lease: nothing that is held is served.' }),
    others: z.number().int().meta({ description: 'Other nodes, as far as is known.' }),
    waiting: z
      .number()
      .int()
      .meta({ description: 'Invalidations that are in force here and not known to the others yet.' }),
    worth: z
      .looseObject({ is: z.enum(['single', 'waited', 'unsafe', 'unknown']), why: z.string() })
      .meta({ description: 'What a strict invalidation is worth on this server.' }),
  })
  .meta({ id: 'Redis', description: 'The server that several daemons share; null without one.' })
const maybeRedisSchema = redisSchema.nullable()

export const healthSchema = z
  .object({ status: z.literal('alive'), version: z.string(), disk: maybeDiskSchema, redis: maybeRedisSchema })
  .meta({ id: 'Health' })
export const readinessSchema = z
  .object({
    status: z.literal('ready'),
    sources: z.array(z.unknown()),
    disk: maybeDiskSchema,
    redis: maybeRedisSchema,
  })
  .meta({ id: 'Readiness' })
export const statsSchema = z
  .looseObject({
    hits: z.number(),
    stale: z.number(),
    misses: z.number(),
    loads: z.number(),
    loadErrors: z.number(),
    stores: z.number(),
    refused: z.number(),
    invalidations: z.number(),
    hitRatio: z.number().nullable(),
    memory: z.looseObject({
      entries: z.number(),
      bytes: z.number(),
      bytesMax: z.number(),
      evictions: z.number(),
    }),
    log: z.looseObject({ generation: z.string(), n: z.number() }),
    ledger: z.looseObject({ names: z.number(), bytes: z.number(), low: z.number() }),
    graph: z.looseObject({
      names: z.number(),
      declared: z.number(),
      tracked: z.number(),
      rules: z.number(),
      bytes: z.number(),
    }),
    queue: z.looseObject({ pending: z.number() }),
    disk: maybeDiskSchema,
    redis: maybeRedisSchema,
    flights: z.number(),
    daemon: z.object({ version: z.string(), upMs: z.number(), eventStreams: z.number().int() }),
  })
  .meta({ id: 'Stats' })

export type Problem = z.infer<typeof problemSchema>
export type ParameterError = z.infer<typeof parameterErrorSchema>
export type Stored = z.infer<typeof storedSchema>
export type InvalidationRequest = z.infer<typeof invalidationRequestSchema>
export type Invalidation = z.infer<typeof invalidationSchema>
export type PlannedInvalidation = z.infer<typeof planSchema>
export type HistoryQueryParameters = z.input<typeof historyQuerySchema>
export type HistoryPage = z.infer<typeof historyPageSchema>
export type Explanation = z.infer<typeof explanationSchema>
export type Graph = z.infer<typeof graphSchema>
export type Link = z.infer<typeof linkSchema>
export type Rule = z.infer<typeof ruleSchema>
export type Disk = z.infer<typeof diskSchema>
export type Redis = z.infer<typeof redisSchema>
export type Health = z.infer<typeof healthSchema>
export type Readiness = z.infer<typeof readinessSchema>
export type Stats = z.infer<typeof statsSchema>
