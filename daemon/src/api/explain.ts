/** Why an entry is here, or why it went. */
import { createRoute, z } from '@hono/zod-openapi'
import { explanation } from './examples.ts'
import type { Api, ApiParts } from './parts.ts'
import { json, problems } from './problem.ts'
import { explanationSchema } from './protocol.ts'

const route = createRoute({
  method: 'get',
  path: '/v1/explain/{key}',
  operationId: 'explain',
  tags: ['insight'],
  summary: 'Explain an entry',
  description: 'Works for a key that nothing is held for, too: then `went` says why, if that is known.',
  request: {
    params: z.object({
      key: z.string().min(1).meta({ description: 'The rest of the path.', example: 'album:sea' }),
    }),
  },
  responses: {
    200: json('What is known.', explanationSchema, explanation),
    ...problems('E_NAME_INVALID'),
  },
})

export function addExplain(api: Api, { cache }: ApiParts): void {
  api.openapi(route, async (c) => {
    const explanation = await cache.explain(c.req.valid('param').key)
    const dependencies = await Promise.all(
      explanation.dependencies.map(async ({ lastInvalidation: last, ...dependency }) => ({
        ...dependency,
        lastInvalidation: last === null ? null : { ...last, reason: await reasonOf(last.id) },
      })),
    )
    return c.json({ ...explanation, dependencies }, 200)
  })

  /** The cache knows which invalidation it was; the history knows why. */
  async function reasonOf(id: string | null): Promise<string | null> {
    const record = id === null ? undefined : await cache.invalidations.get(id)
    return record?.reason ?? null
  }
}
