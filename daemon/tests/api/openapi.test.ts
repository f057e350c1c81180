import { describe, expect, test } from 'vitest'
import * as examples from '../../src/api/examples.ts'
import {
  explanationSchema,
  graphSchema,
  healthSchema,
  historyPageSchema,
  invalidationSchema,
  planSchema,
  readinessSchema,
  statsSchema,
  storedSchema,
} from '../../src/api/protocol.ts'
import { serve } from './serving.ts'

type Json = Record<string, unknown>
interface Operation {
  operationId?: string
  summary?: string
  description?: string
  parameters?: { name: string; in: string; required?: boolean; schema: Json }[]
  responses: Record<string, { description?: string; content?: Record<string, Json> }>
}
interface Document {
  openapi: string
  info: { title?: string; version?: string }
  paths: Record<string, Record<string, Operation>>
  components: { schemas: Record<string, Json> }
}

const document = async () => (await (await (await serve()).fetch('/openapi.json')).json()) as Document

const operationsOf = ({ paths }: Document) =>
  Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({
      path,
      method,
      operation,
      route: `${method} ${path}`,
    })),
  )

test.each([
  ['stored', examples.stored, storedSchema],
  ['invalidation', examples.invalidation, invalidationSchema],
  ['queued', examples.queued, invalidationSchema],
  ['plan', examples.plan, planSchema],
  ['historyPage', examples.historyPage, historyPageSchema],
  ['explanation', examples.explanation, explanationSchema],
  ['graph', examples.graph, graphSchema],
  ['health', examples.health, healthSchema],
  ['readiness', examples.readiness, readinessSchema],
  ['stats', examples.stats, statsSchema],
])('the example %s is one', (_, example, schema) => {
  expect(schema.parse(example)).toEqual(example)
})

describe('the OpenAPI document', () => {
  test('lists every route', async () => {
    const found = await document()
    expect(found.openapi).toBe('3.1.0')
    expect(found.info).toMatchObject({ title: 'Staleproof', version: '1.2.3' })
    expect(operationsOf(found).map(({ route }) => route)).toEqual([
      'put /v1/entries/{key}',
      'get /v1/entries/{key}',
      'delete /v1/entries/{key}',
      'post /v1/invalidations',
      'get /v1/invalidations',
      'get /v1/invalidations/{id}',
      'post /v1/invalidations/{id}/cancel',
      'post /v1/invalidations/{id}/retry',
      'post /v1/invalidations/{id}/run',
      'get /v1/explain/{key}',
      'get /v1/graph/{name}',
      'put /v1/links',
      'delete /v1/links',
      'put /v1/rules',
      'delete /v1/rules',
      'get /v1/events',
      'get /healthz',
      'get /readyz',
      'get /v1/stats',
    ])
  })

  test('describes every route, its success and its problems', async () => {
    const operations = operationsOf(await document())
    expect(new Set(operations.map(({ operation }) => operation.operationId)).size).toBe(operations.length)
    for (const { route, operation } of operations) {
      expect(operation, route).toMatchObject({ operationId: expect.any(String), summary: expect.any(String) })
      expect(operation.description, route).toBeTruthy()
      const statuses = Object.keys(operation.responses)
      expect(
        statuses.some((status) => status.startsWith('2')),
        route,
      ).toBe(true)
      expect(statuses, route).toContain('500')
      for (const [status, response] of Object.entries(operation.responses)) {
        expect(response.description, `${route} ${status}`).toBeTruthy()
        if (Number(status) < 400) continue
        const schema = response.content?.['application/problem+json']?.schema
        expect(schema, `${route} ${status}`).toEqual({ $ref: '#/components/schemas/Problem' })
      }
    }
  })

  test('declares the parameters of each path, and no others', async () => {
    for (const { route, path, operation } of operationsOf(await document())) {
      const declared = (operation.parameters ?? []).filter((parameter) => parameter.in === 'path')
      expect(
        declared.map(({ name }) => `{${name}}`),
        route,
      ).toEqual(path.match(/\{\w+\}/g) ?? [])
      for (const parameter of declared) expect(parameter.required, route).toBe(true)
    }
  })

  test('has every schema it refers to, and refers to every schema it has', async () => {
    const found = await document()
    const referred = new Set(JSON.stringify(found).match(/(?<="\$ref":"#\/components\/schemas\/)\w+/g))
    const has = Object.keys(found.components.schemas)
    expect([...referred].filter((name) => !has.includes(name))).toEqual([])
    expect(has.filter((name) => !referred.has(name))).toEqual([])
  })

  test('shows repeatable parameters as lists', async () => {
    const { paths } = await document()
    const parameters = paths['/v1/entries/{key}']?.put?.parameters ?? []
    expect(parameters.find(({ name }) => name === 'dependsOn')).toMatchObject({
      in: 'query',
      required: false,
      schema: { type: 'array', items: { type: 'string', minLength: 1 } },
    })
  })
})
