/** Declared dependencies: links between two names, and rules for names of a pattern. */
import { createRoute, type z } from '@hono/zod-openapi'
import { limitJson } from './body.ts'
import type { Api, ApiParts } from './parts.ts'
import { problems } from './problem.ts'
import { linkSchema, ruleSchema, unlinkSchema, unruleSchema } from './protocol.ts'

const tags = ['dependencies']
const responses = {
  204: { description: 'Done.' },
  ...problems(
    'E_API_CROSS_SITE',
    'E_API_BODY_TOO_LARGE',
    'E_API_MEDIA_TYPE',
    'E_NAME_INVALID',
    'E_GRAPH_RULE_INVALID',
  ),
}
const jsonBody = <S extends z.ZodType>(schema: S) => ({
  body: { required: true as const, content: { 'application/json': { schema } } },
})

const linkRoute = createRoute({
  method: 'put',
  path: '/v1/links',
  operationId: 'link',
  tags,
  summary: 'Declare what a name depends on',
  description: 'Added to what is declared already. From now on a change of one makes the name stale.',
  request: jsonBody(linkSchema),
  responses,
})

const unlinkRoute = createRoute({
  method: 'delete',
  path: '/v1/links',
  operationId: 'unlink',
  tags,
  summary: 'Take declared dependencies back',
  description: 'Without `dependsOn`: all that were declared of the name. What was tracked stays.',
  request: jsonBody(unlinkSchema),
  responses,
})

const ruleRoute = createRoute({
  method: 'put',
  path: '/v1/rules',
  operationId: 'rule',
  tags,
  summary: 'Declare what all names of a pattern depend on',
  description: 'A part in braces matches text and may stand in `dependsOn` again.',
  request: jsonBody(ruleSchema),
  responses,
})

const unruleRoute = createRoute({
  method: 'delete',
  path: '/v1/rules',
  operationId: 'unrule',
  tags,
  summary: 'Take a rule back',
  description: 'Without `dependsOn`: all rules of the pattern.',
  request: jsonBody(unruleSchema),
  responses,
})

export function addLinks(api: Api, { cache }: ApiParts): void {
  api.use('/v1/links', limitJson)
  api.openapi(linkRoute, async (c) => {
    const { name, dependsOn } = c.req.valid('json')
    await cache.link(name, { dependsOn })
    return c.body(null, 204)
  })
  api.openapi(unlinkRoute, async (c) => {
    const { name, dependsOn } = c.req.valid('json')
    await cache.unlink(name, { dependsOn })
    return c.body(null, 204)
  })

  api.use('/v1/rules', limitJson)
  api.openapi(ruleRoute, async (c) => {
    const { pattern, dependsOn } = c.req.valid('json')
    await cache.rule(pattern, { dependsOn })
    return c.body(null, 204)
  })
  api.openapi(unruleRoute, async (c) => {
    const { pattern, dependsOn } = c.req.valid('json')
    await cache.unrule(pattern, { dependsOn })
    return c.body(null, 204)
  })
}
