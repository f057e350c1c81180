/** What depends on a name, or what it depends on. */
import { createRoute, z } from '@hono/zod-openapi'
import { graph } from './examples.ts'
import type { Api, ApiParts } from './parts.ts'
import { json, problems } from './problem.ts'
import { graphQuerySchema, graphSchema } from './protocol.ts'

const route = createRoute({
  method: 'get',
  path: '/v1/graph/{name}',
  operationId: 'graph',
  tags: ['insight'],
  summary: 'Walk the graph from a name',
  description: 'Breadth first. `truncated` says that there is more than was walked.',
  request: {
    params: z.object({
      name: z.string().min(1).meta({ description: 'The rest of the path.', example: 'file:/photos/sea.jpg' }),
    }),
    query: graphQuerySchema,
  },
  responses: {
    200: json('Nodes and edges.', graphSchema, graph),
    ...problems('E_NAME_INVALID'),
  },
})

export function addGraph(api: Api, { cache }: ApiParts): void {
  api.openapi(route, async (c) =>
    c.json(await cache.graph(c.req.valid('param').name, c.req.valid('query')), 200),
  )
}
