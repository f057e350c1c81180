/** The numbers of the cache and of the daemon. */
import { createRoute } from '@hono/zod-openapi'
import { stats } from './examples.ts'
import type { Api, ApiParts } from './parts.ts'
import { json, problems } from './problem.ts'
import { statsSchema } from './protocol.ts'

const route = createRoute({
  method: 'get',
  path: '/v1/stats',
  operationId: 'stats',
  tags: ['insight'],
  summary: 'Counts since the start',
  description: 'Of the cache, its log, its graph and its queue, and of the daemon.',
  responses: {
    200: json('The numbers.', statsSchema, stats),
    ...problems(),
  },
})

export function addStats(api: Api, { cache, journal, version }: ApiParts): void {
  const began = performance.now()
  api.openapi(route, (c) => {
    const daemon = { version, upMs: Math.round(performance.now() - began), eventStreams: journal.followers }
    return c.json({ ...cache.stats(), daemon }, 200)
  })
}
