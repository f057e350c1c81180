/** Whether the daemon is alive, and whether it is of use yet. */
import { createRoute } from '@hono/zod-openapi'
import { type Stats, StaleproofError } from 'staleproof'
import { health, readiness as ready } from './examples.ts'
import type { Api, ApiParts } from './parts.ts'
import { json, problems } from './problem.ts'
import { healthSchema, readinessSchema } from './protocol.ts'

const aliveRoute = createRoute({
  method: 'get',
  path: '/healthz',
  operationId: 'health',
  tags: ['daemon'],
  summary: 'Is it alive?',
  description: 'Answers as long as the process does.',
  responses: {
    200: json('It is.', healthSchema, health),
    ...problems(),
  },
})

const readyRoute = createRoute({
  method: 'get',
  path: '/readyz',
  operationId: 'ready',
  tags: ['daemon'],
  summary: 'Is it ready?',
  description:
    'Ready once every source listens; not any more from the moment it is told to stop. It stays ready while the ' +
    'data directory fails, since memory serves: see `disk`. Among several nodes it is not ready while it is fenced: ' +
    'another node serves what this one may not. The problem has `redis`, which says why.',
  responses: {
    200: json('It is.', readinessSchema, ready),
    ...problems('E_API_NOT_READY'),
  },
})

export function addHealth(api: Api, { cache, readiness, sources, version }: ApiParts): void {
  api.openapi(aliveRoute, (c) => {
    const { disk, redis } = cache.stats()
    return c.json({ status: 'alive' as const, version, disk, redis }, 200)
  })

  api.openapi(readyRoute, (c) => {
    const { disk, redis } = cache.stats()
    const why = readiness.ready ? fenceOf(redis) : 'the daemon is starting or stopping; see sources'
    if (why === undefined) return c.json({ status: 'ready' as const, sources: sources(), disk, redis }, 200)
    throw new StaleproofError('E_API_NOT_READY', why, { details: { sources: sources(), redis } })
  })
}

function fenceOf(redis: Stats['redis']): string | undefined {
  if (redis?.fenced !== true) return undefined
  const why = redis.error === null ? 'it has no lease yet' : `${redis.error.message} (${redis.error.code})`
  return `this node is fenced, and serves nothing that it holds: ${why}`
}
