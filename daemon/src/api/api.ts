/**
 * The API as a whole: its routes behind the checks that every request passes.
 *
 * Invariants: a key in a path is the whole rest of the path, percent-decoded once; a request that is refused
 * here has reached no handler.
 */
import { OpenAPIHono } from '@hono/zod-openapi'
import { createMiddleware } from 'hono/factory'
import { methodNotAllowed } from 'hono/method-not-allowed'
import { requestId } from 'hono/request-id'
import { secureHeaders } from 'hono/secure-headers'
import type { Logger } from 'pino'
import { StaleproofError } from 'staleproof'
import { addEntries } from './entries.ts'
import { addEvents } from './events.ts'
import { addExplain } from './explain.ts'
import { addGraph } from './graph.ts'
import { addHealth } from './health.ts'
import { addInvalidations } from './invalidations.ts'
import { addLinks } from './links.ts'
import type { Api, ApiEnv, ApiParts } from './parts.ts'
import { answerProblem, refuseInvalid, requestInvalid } from './problem.ts'
import { refuseForeignHosts, refuseOtherSites } from './security.ts'
import { addStats } from './stats.ts'

export function createApi(parts: ApiParts): Api {
  const api: Api = new OpenAPIHono<ApiEnv>({ getPath: routingPath, defaultHook: refuseInvalid })
  const answer = answerProblem(parts.log)
  api.onError(answer)
  api.notFound((c) => answer(routeUnknown(c.req.path), c))
  addChecks(api, parts)
  addEntries(api, parts)
  addInvalidations(api, parts)
  addExplain(api, parts)
  addGraph(api, parts)
  addLinks(api, parts)
  addEvents(api, parts)
  addHealth(api, parts)
  addStats(api, parts)
  api.doc31('/openapi.json', {
    openapi: '3.1.0',
    info: {
      title: 'Staleproof',
      version: parts.version,
      description: 'A cache that cannot serve what you invalidated.',
      license: { name: 'MIT', url: 'https://opensource.org/license/mit' },
    },
  })
  return api
}

function addChecks(api: Api, { log, host }: ApiParts): void {
  api.use(requestId(), logRequests(log))
  // The daemon speaks plain HTTP on loopback: a promise of HTTPS would lock browsers out.
  api.use(secureHeaders({ strictTransportSecurity: false }))
  api.use(refuseForeignHosts(host), refuseOtherSites, refuseBrokenPaths)
  api.use(
    methodNotAllowed({
      app: api,
      onMethodNotAllowed: (c, methods) => {
        c.header('Allow', methods.join(', '))
        return answerProblem(log)(methodUnknown(c.req.method, methods), c)
      },
    }),
  )
}

function routeUnknown(path: string): StaleproofError {
  return new StaleproofError(
    'E_API_ROUTE_UNKNOWN',
    `there is no ${path}; see /openapi.json for what there is`,
  )
}

function methodUnknown(method: string, methods: readonly string[]): StaleproofError {
  return new StaleproofError('E_API_METHOD', `${method} is not one of ${methods.join(', ')}`)
}

function logRequests(log: Logger) {
  return createMiddleware<ApiEnv>(async (c, next) => {
    const began = performance.now()
    await next()
    const ms = Math.round(performance.now() - began)
    const { method, path } = c.req
    log.debug({ requestId: c.get('requestId'), method, path, status: c.res.status, ms }, 'request')
  })
}

/** These routes end with a name that may hold slashes. */
const namedRoutes = /^(\/v1\/(?:entries|explain|graph)\/)(.+)$/

/** The path as the router sees it: still encoded, and the name at its end is one segment. */
function routingPath(request: Request): string {
  const { pathname } = new URL(request.url)
  const [, route, name] = namedRoutes.exec(pathname) ?? []
  return route === undefined || name === undefined ? pathname : route + name.replaceAll('/', '%2F')
}

/** The router leaves what is not UTF-8 as it is, so that two different paths could mean one key. */
const refuseBrokenPaths = createMiddleware<ApiEnv>(async (c, next) => {
  try {
    decodeURIComponent(c.req.path)
  } catch {
    throw requestInvalid([{ in: 'path', name: '', detail: 'is not percent-encoded UTF-8' }])
  }
  await next()
})
