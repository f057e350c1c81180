/**
 * Problems: every error of the API leaves as RFC 9457 problem details.
 *
 * Invariants: inside the daemon an error is thrown, never answered by hand; what the table does not know, and
 * what is no StaleproofError, is a 500 that tells nothing of the inside; every 5xx is logged with its request id, but for `/readyz`, whose
 * 503 is an answer like any other.
 */
import type { Hook, z } from '@hono/zod-openapi'
import type { Context } from 'hono'
import { HTTPException } from 'hono/http-exception'
import type { ContentfulStatusCode } from 'hono/utils/http-status'
import type { Logger } from 'pino'
import { StaleproofError } from 'staleproof'
import type { ApiEnv } from './parts.ts'
import { type ParameterError, type Problem, problemMediaType, problemSchema } from './protocol.ts'

type Kind = readonly [status: ContentfulStatusCode, title: string]

const internal: Kind = [500, 'Internal error']

/** What each code means over HTTP. */
export const kinds: Readonly<Record<string, Kind>> = {
  E_API_REQUEST_INVALID: [400, 'The request is not valid'],
  E_API_BODY_BROKEN_OFF: [400, 'The body broke off'],
  E_API_CROSS_SITE: [403, 'Requests from other sites are refused'],
  E_API_HOST: [403, 'The Host header does not name this machine'],
  E_API_ROUTE_UNKNOWN: [404, 'There is no such route'],
  E_API_ENTRY_ABSENT: [404, 'Nothing is held for this key'],
  E_API_METHOD: [405, 'The route does not have this method'],
  E_API_BODY_TOO_LARGE: [413, 'The body is too large'],
  E_API_MEDIA_TYPE: [415, 'The route does not take this content'],
  E_API_INTERNAL: internal,
  E_API_NOT_READY: [503, 'The daemon is not ready'],
  E_FILL_REFUSED: [409, 'What was loaded has been invalidated since'],
  E_NAME_INVALID: [400, 'The name is not valid'],
  E_POLICY_UNKNOWN: [400, 'There is no such policy'],
  E_DURATION_INVALID: [400, 'The duration is not valid'],
  E_SIZE_INVALID: [400, 'The size is not valid'],
  E_COUNT_INVALID: [400, 'The number is not valid'],
  E_OPTIONS_INVALID: [400, 'The options are not valid'],
  E_STRATEGY_UNKNOWN: [400, 'There is no such strategy'],
  E_CONSISTENCY_UNKNOWN: [400, 'There is no such consistency'],
  E_MODE_UNKNOWN: [400, 'There is no such mode'],
  E_MODE_UNSUPPORTED: [400, 'The mode does not go with that consistency'],
  E_TARGET_EMPTY: [400, 'Nothing was said to have changed'],
  E_TOKEN_INVALID: [400, 'The token is not valid'],
  E_CURSOR_INVALID: [400, 'The cursor is not valid'],
  E_GRAPH_RULE_INVALID: [400, 'The rule is not valid'],
  E_GRAPH_TOO_MANY_DEPENDENCIES: [400, 'The entry has too many dependencies'],
  E_VALUE_TOO_LARGE: [413, 'The value is too large'],
  E_INVALIDATION_UNKNOWN: [404, 'There is no such invalidation'],
  E_TOKEN_UNKNOWN: [409, 'The token is ahead of the log'],
  E_INVALIDATION_STATUS: [409, 'The invalidation is past that'],
  E_INVALIDATION_INCOMPLETE: [502, 'A tier did not carry out the invalidation'],
  E_INVALIDATION_QUEUE_FULL: [503, 'The queue of invalidations is full'],
  E_CACHE_CLOSED: [503, 'The cache is closed'],
  E_TIERS_UNREACHABLE: [503, 'A tier could not be asked'],
  E_LOG_PENDING: [503, 'It is in force, and could not be written'],
  E_DISK_FULL: [503, 'The data directory is full'],
  E_DISK_DAMAGED: [503, 'The data directory is damaged'],
  E_DISK_FAILED: [503, 'The data directory fails'],
  E_CONSISTENCY_FENCED: [503, 'This node may not serve what it holds'],
  E_CONSISTENCY_UNREACHED: [503, 'This node cannot find out what was invalidated'],
  E_CONSISTENCY_UNSTEADY: [503, 'The log changed again and again'],
  E_CONSISTENCY_FAILED: [503, 'The log could not be asked'],
  E_REDIS_UNREACHABLE: [503, 'Redis cannot be reached'],
  E_REDIS_REFUSED: [503, 'Redis refuses this user'],
  E_REDIS_EVICTION: [503, 'Redis may evict what must not be lost'],
  E_REDIS_VERSION: [503, 'Redis is too old'],
  E_REDIS_FULL: [503, 'Redis is full'],
  E_REDIS_REPLICAS: [503, 'Too few replicas have it'],
  E_REDIS_CONTENDED: [503, 'Others changed it again and again'],
  E_REDIS_DAMAGED: [503, 'What Redis holds cannot be read'],
  E_REDIS_FAILED: [503, 'Redis fails'],
}

/** Details of an error that its problem shows; all else stays inside. */
const shown = ['errors', 'result', 'refused', 'sources', 'redis'] as const

/** Hono and its middleware raise errors of their own. */
const codesOfStatus: Readonly<Record<number, StaleproofError['code']>> = {
  400: 'E_API_REQUEST_INVALID',
  413: 'E_API_BODY_TOO_LARGE',
  415: 'E_API_MEDIA_TYPE',
}

/** The problem that an error is to a client. */
export function problemOf(error: unknown, where: { instance: string; requestId: string }): Problem {
  const known = knownError(error)
  const code = known?.code ?? 'E_API_INTERNAL'
  const [status, title] = kinds[code] ?? internal
  const detail = known && status !== 500 ? known.message : 'See the log of the daemon under this request id.'
  const members = shown.flatMap((name) =>
    known && name in known.details ? [[name, known.details[name]]] : [],
  )
  return {
    type: `urn:staleproof:problem:${code}`,
    title,
    status,
    detail,
    code,
    ...where,
    ...Object.fromEntries(members),
  }
}

function knownError(error: unknown): StaleproofError | undefined {
  if (error instanceof StaleproofError) return error
  if (!(error instanceof HTTPException)) return undefined
  const code = codesOfStatus[error.status]
  if (code === undefined) return undefined
  return new StaleproofError(code, error.message, { cause: error })
}

/** Answers a thrown error. Headers that the handler set before it threw are sent along. */
export function answerProblem(log: Logger): (error: Error, c: Context<ApiEnv>) => Response {
  return (error, c) => {
    const requestId = c.get('requestId')
    const problem = problemOf(error, { instance: new URL(c.req.url).pathname, requestId })
    const facts = { requestId, method: c.req.method, path: problem.instance, code: problem.code, err: error }
    if (problem.status >= 500 && problem.code !== 'E_API_NOT_READY') log.error(facts, 'request failed')
    c.header('Cache-Control', 'no-store')
    // What keeps it from being done passes, and is looked at again about as often.
    if (problem.status === 503) c.header('Retry-After', '1')
    c.header('Content-Type', problemMediaType)
    return c.body(JSON.stringify(problem), problem.status as ContentfulStatusCode)
  }
}

const places = { query: 'query', param: 'path', header: 'header', json: 'body' } as const

/** Turns a failed validation into a problem that lists each parameter with what is wrong. */
export const refuseInvalid: Hook<unknown, ApiEnv, string, unknown> = (result) => {
  if (result.success) return
  const place = result.target in places ? places[result.target as keyof typeof places] : 'body'
  throw requestInvalid(
    result.error.issues.map((issue) => ({
      in: place,
      name: [...issue.path, ...(issue.code === 'unrecognized_keys' ? issue.keys : [])].join('.'),
      detail: issue.message,
    })),
  )
}

export function requestInvalid(errors: readonly ParameterError[]): StaleproofError {
  const said = errors.map(
    ({ in: place, name, detail }) => `${name === '' ? `the ${place}` : name}: ${detail}`,
  )
  return new StaleproofError('E_API_REQUEST_INVALID', said.join('; '), { details: { errors } })
}

/** What any route may answer. */
const anywhere = ['E_API_REQUEST_INVALID', 'E_API_HOST', 'E_API_INTERNAL', 'E_CACHE_CLOSED']

interface ProblemResponse {
  readonly description: string
  readonly headers?: typeof retryAfter
  readonly content: { readonly [problemMediaType]: { readonly schema: typeof problemSchema } }
}

/** The problem responses of a route with these codes, and of any route, for the OpenAPI document. */
export function problems(...codes: readonly string[]): Readonly<Record<500, ProblemResponse>> {
  const responses: Record<number, ProblemResponse> & Record<500, ProblemResponse> = { 500: titled('') }
  for (const code of [...anywhere, ...codes]) {
    const [status, title] = kinds[code] ?? internal
    const description = `${responses[status]?.description ?? ''} ${title} (\`${code}\`).`.trim()
    responses[status] = { ...titled(description), ...(status === 503 ? { headers: retryAfter } : {}) }
  }
  return responses
}

const retryAfter = { 'Retry-After': { description: 'Seconds.', schema: { type: 'string' as const } } }

function titled(description: string): ProblemResponse {
  return { description, content: { [problemMediaType]: { schema: problemSchema } } }
}

/** A JSON response, for the OpenAPI document. */
export function json<S extends z.ZodType>(description: string, schema: S, example: z.output<S>) {
  return { description, content: { 'application/json': { schema, example } } }
}
