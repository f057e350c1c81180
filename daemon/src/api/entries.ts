/**
 * Entries over HTTP: any bytes under a key, with their Content-Type.
 *
 * Invariants: a body is stored whole or not at all; with a token a PUT is a load (stored only if nothing
 * it was made from was invalidated since), without one it is a change of its key.
 */
import { createHash } from 'node:crypto'
import { createRoute, z } from '@hono/zod-openapi'
import { etag, RETAINED_304_HEADERS } from 'hono/etag'
import {
  type Cache,
  type EntryView,
  type FillResult,
  type SetOptions,
  StaleproofError,
  type StoreOptions,
} from 'staleproof'
import { serializeList, Token } from 'structured-headers'
import { readBody } from './body.ts'
import { stored } from './examples.ts'
import type { Api, ApiParts } from './parts.ts'
import { json, problems } from './problem.ts'
import {
  entryQuerySchema,
  sinceHeader,
  positionHeader,
  type Stored,
  storedSchema,
  tokenHeader,
} from './protocol.ts'

/** What the daemon keeps as the value of an entry. */
interface Content {
  readonly bytes: Uint8Array<ArrayBuffer>
  readonly type: string
  readonly etag: string
}

const params = z.object({
  key: z
    .string()
    .min(1)
    .meta({ description: 'The rest of the path; may hold slashes.', example: 'thumb:sea.jpg' }),
})
const text = (description: string) => ({ description, schema: { type: 'string' as const } })
const anything = { '*/*': { schema: {} } }

const putRoute = createRoute({
  method: 'put',
  path: '/v1/entries/{key}',
  operationId: 'putEntry',
  tags: ['entries'],
  summary: 'Store an entry',
  description:
    'Without a token this is a change of the key: whatever depends on it becomes stale. With the token of a ' +
    'miss it is a load made elsewhere, and refused if it may be stale already.',
  request: {
    params,
    query: entryQuerySchema,
    headers: z.object({
      [sinceHeader]: z
        .string()
        .min(1)
        .optional()
        .meta({ description: `The ${tokenHeader} that a miss was answered with.` }),
    }),
    body: { description: 'Any bytes; kept with their Content-Type.', content: anything },
  },
  responses: {
    200: json('Replaced what was held.', storedSchema, stored),
    201: json('Nothing fresh was held before.', storedSchema, stored),
    ...problems(
      'E_API_CROSS_SITE',
      'E_API_BODY_BROKEN_OFF',
      'E_API_BODY_TOO_LARGE',
      'E_API_MEDIA_TYPE',
      'E_NAME_INVALID',
      'E_POLICY_UNKNOWN',
      'E_DURATION_INVALID',
      'E_GRAPH_TOO_MANY_DEPENDENCIES',
      'E_TOKEN_INVALID',
      'E_FILL_REFUSED',
      'E_VALUE_TOO_LARGE',
      'E_LOG_PENDING',
      'E_CONSISTENCY_FENCED',
    ),
  },
})

const getRoute = createRoute({
  method: 'get',
  path: '/v1/entries/{key}',
  operationId: 'getEntry',
  tags: ['entries'],
  summary: 'Read an entry',
  description:
    'HEAD and If-None-Match work too. A miss brings a token: load the value and PUT it since that.',
  request: {
    params,
    headers: z.object({
      'If-None-Match': z
        .string()
        .optional()
        .meta({ description: 'ETags of the bytes that the client holds.' }),
      [tokenHeader]: z
        .string()
        .min(1)
        .optional()
        .meta({ description: 'Of a change: the answer reflects it, whichever node made it.' }),
    }),
  },
  responses: {
    200: {
      description: 'The bytes as they were stored.',
      content: anything,
      headers: {
        Age: text('Seconds since it was stored.'),
        ETag: text('Strong: a hash of the bytes.'),
        'Cache-Status': text(
          'RFC 9211: hit, and the seconds it stays fresh; below zero if it is stale. `detail=fenced`: this node ' +
            'may not know that it was invalidated, and the policy is onFence: stale.',
        ),
        [positionHeader]: text('The place in the log that the entry was made at.'),
        [tokenHeader]: text('With a stale entry: PUT a newer one since that.'),
      },
    },
    304: { description: 'The client holds these bytes already.' },
    ...problems(
      'E_API_ENTRY_ABSENT',
      'E_NAME_INVALID',
      'E_TOKEN_INVALID',
      'E_TOKEN_UNKNOWN',
      'E_CONSISTENCY_FENCED',
      'E_CONSISTENCY_UNREACHED',
    ),
  },
})

const deleteRoute = createRoute({
  method: 'delete',
  path: '/v1/entries/{key}',
  operationId: 'deleteEntry',
  tags: ['entries'],
  summary: 'Delete an entry',
  description:
    'Removes the entry. This is a change of the key, also if nothing was held: what depends on it becomes stale.',
  request: { params },
  responses: {
    204: { description: 'Removed.' },
    ...problems('E_API_CROSS_SITE', 'E_API_ENTRY_ABSENT', 'E_NAME_INVALID', 'E_LOG_PENDING'),
  },
})

export function addEntries(api: Api, { cache, maxBodyBytes }: ApiParts): void {
  api.openapi(putRoute, async (c) => {
    const { key } = c.req.valid('param')
    const since = c.req.valid('header')[sinceHeader]
    const content = contentOf(await readBody(c.req.raw, maxBodyBytes), c.req.header('Content-Type'))
    const { consistency, ...query } = c.req.valid('query')
    const options = storeOptions(query, content)
    if (since !== undefined && consistency !== undefined) throw changesNothing()
    const held = await cache.has(key)
    const outcome =
      since === undefined
        ? await change(key, content, { ...options, consistency })
        : await fill(key, content, { ...options, since })
    if (outcome.position !== null) {
      c.header(positionHeader, positionText(outcome.position))
      c.header(tokenHeader, positionText(outcome.position))
    }
    return c.json(outcome, held ? 200 : 201)
  })

  api.use('/v1/entries/:key', conditional)
  api.openapi(getRoute, async (c) => {
    const { key } = c.req.valid('param')
    const token = c.req.valid('header')[tokenHeader]
    if (token !== undefined) await cache.upTo(token)
    const now = cache.token()
    const entry = await cache.entry<Content>(key)
    if (entry === undefined) {
      c.header(tokenHeader, now)
      c.header('Cache-Status', cacheStatus({ fwd: new Token('uri-miss') }))
      throw absent(key)
    }
    if (entry.state === 'stale') c.header(tokenHeader, now)
    const ttlMs = entry.expiresAt - entry.storedAt - entry.ageMs
    return c.body(entry.value.bytes, 200, {
      ...contentHeaders(entry.value),
      Age: String(Math.floor(entry.ageMs / 1000)),
      'Cache-Status': cacheStatus({ hit: true, ttl: Math.floor(ttlMs / 1000), ...ifFenced(entry) }),
      [positionHeader]: entry.token,
    })
  })

  api.openapi(deleteRoute, async (c) => {
    const { key } = c.req.valid('param')
    const wasHeld = await cache.delete(key)
    c.header(tokenHeader, cache.token())
    if (!wasHeld) throw absent(key)
    return c.body(null, 204)
  })

  async function change(key: string, content: Content, options: SetOptions): Promise<Stored> {
    return { key, ...summaryOf(content), ...(await cache.set(key, content, options)) }
  }

  type FillOptions = StoreOptions & { since: string }
  async function fill(key: string, content: Content, options: FillOptions): Promise<Stored> {
    const { stored, refused, expiresAt } = await cache.fill(key, content, options)
    if (refused === 'no-room') throw noRoom(key)
    if (stored) return { key, ...summaryOf(content), stored, refused, expiresAt, position: null, nodes: [] }
    // Before it has joined, the node knows no token.
    if (refused === 'fenced' || isFenced(cache)) throw fenced(key)
    throw fillRefused(key, refused)
  }
}

/** This node may not know that it was invalidated. */
function ifFenced({ fenced }: EntryView<Content>): { detail?: Token } {
  return fenced ? { detail: new Token('fenced') } : {}
}

function isFenced(cache: Cache): boolean {
  return cache.stats().redis?.fenced === true
}

/** Sent by a 304 as by the 200 it stands for. */
const conditional = etag({
  retainedHeaders: [
    ...RETAINED_304_HEADERS,
    'age',
    'cache-status',
    positionHeader,
    tokenHeader,
    'x-request-id',
  ],
})

function contentOf(bytes: Uint8Array<ArrayBuffer>, type = 'application/octet-stream'): Content {
  return { bytes, type, etag: `"${createHash('sha256').update(bytes).digest('base64url')}"` }
}

function summaryOf({ bytes, etag: tag }: Content): Pick<Stored, 'etag' | 'sizeBytes'> {
  return { etag: tag, sizeBytes: bytes.byteLength }
}

/** Bytes of anybody, served where the console lives: a page among them may run nothing and reach nothing. */
function contentHeaders({ bytes, type, etag: tag }: Content): Record<string, string> {
  return {
    'Content-Type': type,
    'Content-Length': String(bytes.byteLength),
    'Content-Security-Policy': "default-src 'none'; sandbox",
    'Cache-Control': 'no-cache',
    ETag: tag,
  }
}

type StoreQuery = Omit<z.infer<typeof entryQuerySchema>, 'consistency'>

function storeOptions(query: StoreQuery, content: Content): StoreOptions {
  const { tag: tags, ttl, ...rest } = query
  return {
    ...rest,
    tags,
    ttl: ttl as StoreOptions['ttl'],
    size: content.bytes.byteLength + content.type.length,
  }
}

function cacheStatus(parameters: Record<string, boolean | number | Token>): string {
  return serializeList([[new Token('staleproof'), new Map(Object.entries(parameters))]])
}

/** As the tokens of the cache are written. */
function positionText({ generation, n }: NonNullable<Stored['position']>): string {
  return `${generation}.${n}`
}

function absent(key: string): StaleproofError {
  return new StaleproofError('E_API_ENTRY_ABSENT', `nothing is held for '${key}'`)
}

const refusals = {
  invalidated: 'it or something it depends on was invalidated since the token was given; load it again',
  'unknown-token': 'the token is too old to be judged, or of another start of the daemon; ask and load again',
  expired: 'it depends on an entry that is past its lifetime; load that again first',
} as const

function changesNothing(): StaleproofError {
  return new StaleproofError(
    'E_API_REQUEST_INVALID',
    'consistency: a fill changes nothing; give it with a change',
  )
}

function noRoom(key: string): StaleproofError {
  return new StaleproofError('E_VALUE_TOO_LARGE', `'${key}' was not stored: no tier takes it`)
}

/** It may be good all the same: it is judged when there is somebody to ask. */
function fenced(key: string): StaleproofError {
  const message = `'${key}' was not stored: this node cannot find out whether it was invalidated; send it again later`
  return new StaleproofError('E_CONSISTENCY_FENCED', message)
}

function fillRefused(
  key: string,
  refused: Exclude<FillResult['refused'], 'no-room' | 'fenced'>,
): StaleproofError {
  const why = refusals[refused ?? 'invalidated']
  return new StaleproofError('E_FILL_REFUSED', `'${key}' was not stored: ${why}`, {
    details: { refused },
  })
}
