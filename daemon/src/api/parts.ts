/** What the API is made of: the words that its routes share. */
import type { HttpBindings } from '@hono/node-server'
import type { OpenAPIHono } from '@hono/zod-openapi'
import type { RequestIdVariables } from 'hono/request-id'
import type { Logger } from 'pino'
import type { Cache } from 'staleproof'
import type { Journal } from './journal.ts'

export type ApiEnv = { Bindings: HttpBindings; Variables: RequestIdVariables }
export type Api = OpenAPIHono<ApiEnv>

/** What the routes work with. */
export interface ApiParts {
  readonly cache: Cache
  readonly journal: Journal
  readonly log: Logger
  readonly host: string
  readonly maxBodyBytes: number
  readonly keepAliveMs: number
  readonly readiness: { readonly ready: boolean }
  readonly sources: () => unknown[]
  readonly version: string
}
