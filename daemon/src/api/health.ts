/** Whether the daemon is alive, and whether it is of use yet. */
import { createRoute } from '@hono/zod-openapi'
import { StaleproofError } from 'staleproof'
import type { Api, ApiParts } from './parts.ts'
import { problems } from './problem.ts'
import { healthSchema, readinessSchema } from './protocol.ts'

const aliveRoute = createRoute({
  method: 'get',
  path: '/healthz',
  operationId: 'health',
  tags: ['daemon'],
  summary: 'Is it alive?',
  description: 'Answers as long as the process does.',
  responses: {
    200: { description: 'It is.', content: { 'application/json': { schema: healthSchema } } },
    ...problems(403, 500),
  },
})

const readyRoute = createRoute({
  method: 'get',
  path: '/readyz',
  operationId: 'ready',
  tags: ['daemon'],
  summary: 'Is it ready?',
  description: 'Ready once every source listens; not any more from the moment it is told to stop.',
  responses: {
    200: { description: 'It is.', content: { 'application/json': { schema: readinessSchema } } },
    ...problems(403, 500, 503),
  },
})

export function addHealth(api: Api, { readiness, sources, version }: ApiParts): void {
  api.openapi(aliveRoute, (c) => c.json({ status: 'alive' as const, version }, 200))

  api.openapi(readyRoute, (c) => {
    if (readiness.ready) return c.json({ status: 'ready' as const, sources: sources() }, 200)
    throw new StaleproofError('E_API_NOT_READY', 'the daemon is starting or stopping; see sources', {
      details: { sources: sources() },
    })
  })
}
