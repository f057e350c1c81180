/**
 * Invalidations over HTTP: ask for one, look at those that were, cancel, run or retry one.
 *
 * Invariants: an answer is a success only if it is one: 200 done, 202 accepted and not done yet (or in force and not
 * written yet), 502 not done everywhere, with what was done inside.
 */
import { createRoute, z } from '@hono/zod-openapi'
import type { Context } from 'hono'
import { type InvalidationResult, StaleproofError } from 'staleproof'
import { limitJson } from './body.ts'
import * as examples from './examples.ts'
import type { Api, ApiEnv, ApiParts } from './parts.ts'
import { json, problems } from './problem.ts'
import {
  historyPageSchema,
  historyQuerySchema,
  invalidationRequestSchema,
  invalidationSchema,
  planSchema,
  tokenHeader,
} from './protocol.ts'

const tags = ['invalidations']
const params = z.object({ id: z.string().min(1) })
const outcomes = {
  200: json('It ended; see its status.', invalidationSchema, examples.invalidation),
  202: json(
    'Accepted, not done yet; or in force here and not written yet, so that others may not know of it.',
    invalidationSchema,
    examples.queued,
  ),
}

const postRoute = createRoute({
  method: 'post',
  path: '/v1/invalidations',
  operationId: 'invalidate',
  tags,
  summary: 'Tell that names have changed',
  description:
    'No reader gets what was made before, from the moment the answer is there; how soon without waiting for it ' +
    'is a matter of consistency. With `dryRun` nothing happens, and the answer is a Plan.',
  request: {
    body: { required: true, content: { 'application/json': { schema: invalidationRequestSchema } } },
  },
  responses: {
    ...outcomes,
    200: {
      description: 'It ended; or, with `dryRun`, what it would reach.',
      content: {
        'application/json': {
          schema: z.union([invalidationSchema, planSchema]),
          examples: { invalidation: { value: examples.invalidation }, plan: { value: examples.plan } },
        },
      },
    },
    ...problems(
      'E_API_CROSS_SITE',
      'E_API_BODY_TOO_LARGE',
      'E_API_MEDIA_TYPE',
      'E_NAME_INVALID',
      'E_TARGET_EMPTY',
      'E_MODE_UNSUPPORTED',
      'E_INVALIDATION_INCOMPLETE',
      'E_INVALIDATION_QUEUE_FULL',
    ),
  },
})

const listRoute = createRoute({
  method: 'get',
  path: '/v1/invalidations',
  operationId: 'listInvalidations',
  tags,
  summary: 'Search the history',
  description: 'Newest first. The Link header holds the address of the next page.',
  request: { query: historyQuerySchema },
  responses: {
    200: json('A page of records.', historyPageSchema, examples.historyPage),
    ...problems('E_CURSOR_INVALID', 'E_REDIS_UNREACHABLE'),
  },
})

const getRoute = createRoute({
  method: 'get',
  path: '/v1/invalidations/{id}',
  operationId: 'getInvalidation',
  tags,
  summary: 'Read one record',
  description: 'Records are kept for a while, and up to a number; older ones are unknown.',
  request: { params },
  responses: {
    200: json('The record.', invalidationSchema, examples.invalidation),
    ...problems('E_INVALIDATION_UNKNOWN'),
  },
})

const cancelRoute = createRoute({
  method: 'post',
  path: '/v1/invalidations/{id}/cancel',
  operationId: 'cancelInvalidation',
  tags,
  summary: 'Cancel one that waits in the queue',
  description: 'Only a pending one can be cancelled.',
  request: { params },
  responses: {
    200: json('It is cancelled.', invalidationSchema, { ...examples.queued, status: 'cancelled' }),
    ...problems('E_API_CROSS_SITE', 'E_INVALIDATION_UNKNOWN', 'E_INVALIDATION_STATUS'),
  },
})

const carriedOut = {
  ...outcomes,
  ...problems(
    'E_API_CROSS_SITE',
    'E_INVALIDATION_UNKNOWN',
    'E_INVALIDATION_STATUS',
    'E_INVALIDATION_INCOMPLETE',
  ),
}

const retryRoute = createRoute({
  method: 'post',
  path: '/v1/invalidations/{id}/retry',
  operationId: 'retryInvalidation',
  tags,
  summary: 'Try a failed one again',
  description: 'Only a failed one can be retried.',
  request: { params },
  responses: carriedOut,
})

const runRoute = createRoute({
  method: 'post',
  path: '/v1/invalidations/{id}/run',
  operationId: 'runInvalidation',
  tags,
  summary: 'Carry out at once one that waits in the queue',
  description: 'Only a pending one can be run. Without this it is carried out when its strategy says so.',
  request: { params },
  responses: carriedOut,
})

export function addInvalidations(api: Api, { cache }: ApiParts): void {
  api.use('/v1/invalidations', limitJson)
  api.openapi(postRoute, async (c) => {
    const { names, prefix, all, dryRun, ...options } = c.req.valid('json')
    const target = { names, prefix, all }
    if (dryRun) return c.json(await cache.plan(target), 200)
    return answer(c, await cache.invalidate(target, options).catch(unwritten))
  })

  api.openapi(listRoute, async (c) => {
    const page = await cache.invalidations.list(c.req.valid('query'))
    if (page.next !== null) c.header('Link', `<${nextPage(c.req.url, page.next)}>; rel="next"`)
    return c.json(page, 200)
  })

  api.openapi(getRoute, async (c) => {
    const { id } = c.req.valid('param')
    const record = await cache.invalidations.get(id)
    if (record === undefined) {
      throw new StaleproofError('E_INVALIDATION_UNKNOWN', `there is no record of an invalidation ${id}`)
    }
    return c.json(record, 200)
  })

  api.openapi(cancelRoute, async (c) =>
    c.json(await cache.invalidations.cancel(c.req.valid('param').id), 200),
  )

  api.openapi(retryRoute, async (c) =>
    answer(c, await cache.invalidations.retry(c.req.valid('param').id).catch(unwritten)),
  )

  api.openapi(runRoute, async (c) =>
    answer(c, await cache.invalidations.runNow(c.req.valid('param').id).catch(unwritten)),
  )
}

/** In force here, and written as soon as disk or server work again: its record is pending until then. */
function unwritten(error: unknown): InvalidationResult {
  const isPending = error instanceof StaleproofError && error.code === 'E_LOG_PENDING'
  const result = isPending ? error.details.result : undefined
  if (result === undefined) throw error
  return result as InvalidationResult
}

function answer(c: Context<ApiEnv>, result: InvalidationResult) {
  if (result.status === 'failed') {
    throw new StaleproofError(
      'E_INVALIDATION_INCOMPLETE',
      `invalidation ${result.id} failed: ${result.error?.message ?? 'see result.tiers'}`,
      { details: { result } },
    )
  }
  c.header('Location', `/v1/invalidations/${encodeURIComponent(result.id)}`)
  if (result.token !== null) c.header(tokenHeader, result.token)
  const waits = result.status === 'pending' || result.status === 'running'
  return waits ? c.json(result, 202) : c.json(result, 200)
}

function nextPage(url: string, cursor: string): string {
  const { pathname, searchParams } = new URL(url)
  searchParams.set('cursor', cursor)
  return `${pathname}?${searchParams.toString()}`
}
