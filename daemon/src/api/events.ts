/**
 * The event stream: every invalidation and every change, as server-sent events.
 *
 * Invariants: a client that reconnects with Last-Event-ID misses nothing, or is told so by a `gap`; a filter
 * leaves out only what certainly does not concern it; a client that does not read is cut off.
 */
import { createRoute, z } from '@hono/zod-openapi'
import { type SSEStreamingApi, streamSSE } from 'hono/streaming'
import type { InvalidationResult } from 'staleproof'
import type { Follower, Start, Told } from './journal.ts'
import type { Api, ApiParts } from './parts.ts'
import { problems } from './problem.ts'
import { eventQuerySchema, eventSchemas } from './protocol.ts'

export interface EventFilter {
  readonly name?: string | undefined
  readonly prefix?: string | undefined
}

const route = createRoute({
  method: 'get',
  path: '/v1/events',
  operationId: 'events',
  tags: ['events'],
  summary: 'Be told what changes',
  description:
    'Server-sent events: `ready` first, then `invalidated` (an Invalidation) and `changed` (a ChangedEvent). ' +
    'Resumes after Last-Event-ID; if that is not possible, `gap`: consider everything possibly changed. A filter ' +
    'lets through what may concern it, so `changed` always: what depends on that name is not listed.',
  request: {
    query: eventQuerySchema,
    headers: z.object({
      'Last-Event-ID': z.string().optional().meta({ description: 'The id of the last event that was seen.' }),
    }),
  },
  responses: {
    200: {
      description: 'A stream without end.',
      content: {
        'text/event-stream': {
          schema: z
            .union(Object.values(eventSchemas))
            .meta({ description: 'The data of an event, by its name.' }),
          example: 'event: changed\ndata: {"name":"album:sea","n":7}\nid: 5f2c9a31.12\n\n',
        },
      },
    },
    ...problems(),
  },
})

export function addEvents(api: Api, { journal, keepAliveMs, log }: ApiParts): void {
  api.openapi(route, (c) => {
    if (c.req.raw.method === 'HEAD') return c.body(null, 200, { 'Content-Type': 'text/event-stream' })
    const lastId = c.req.valid('header')['Last-Event-ID']
    const start = journal.startAfter(lastId)
    const requestId = c.get('requestId')
    const follower = journal.follow(start.from, () => {
      log.warn({ requestId }, 'event stream cut off: its client is too slow')
      c.env.outgoing.destroy()
    })
    c.header('X-Accel-Buffering', 'no')
    const tell = async (stream: SSEStreamingApi) => {
      stream.onAbort(() => follower.end())
      await greet(stream, start, { id: journal.idOf(start.from - 1), since: lastId })
      await pass(stream, follower, { filter: c.req.valid('query'), keepAliveMs })
    }
    return streamSSE(c, tell, async (err) => {
      follower.end()
      log.error({ requestId, err }, 'event stream failed')
    })
  })
}

async function greet(
  stream: SSEStreamingApi,
  start: Start,
  { id, since }: { id: string; since: string | undefined },
) {
  await stream.writeSSE({ event: 'ready', id, data: JSON.stringify({ from: id }) })
  if (!('gap' in start)) return
  await stream.writeSSE({ event: 'gap', id, data: JSON.stringify({ since, reason: start.gap }) })
}

async function pass(
  stream: SSEStreamingApi,
  follower: Follower,
  { filter, keepAliveMs }: { filter: EventFilter; keepAliveMs: number },
): Promise<void> {
  for (;;) {
    const told = await follower.next(keepAliveMs)
    if (told === 'ended') return
    if (told === 'quiet') await stream.write(': keep-alive\n\n')
    else if (mayConcern(told, filter))
      await stream.writeSSE({ event: told.event, id: told.id, data: told.text })
  }
}

/** Errs on the side of telling: what an invalidation reached is not always known, or listed in full. */
export function mayConcern(told: Told, { name, prefix }: EventFilter): boolean {
  if (told.event !== 'invalidated' || (name === undefined && prefix === undefined)) return true
  const reached = told.data
  if (reached.all || reached.truncated || reached.reached === null || reached.beyondDepth > 0) return true
  return (
    (name !== undefined && reaches(reached, name)) || (prefix !== undefined && reachesPrefix(reached, prefix))
  )
}

function reaches({ names, prefix, cascade }: InvalidationResult, name: string): boolean {
  if (prefix !== null && name.startsWith(prefix)) return true
  return names.includes(name) || cascade.some((item) => item.name === name)
}

function reachesPrefix({ names, prefix, cascade }: InvalidationResult, wanted: string): boolean {
  if (prefix !== null && (prefix.startsWith(wanted) || wanted.startsWith(prefix))) return true
  return names.some((name) => name.startsWith(wanted)) || cascade.some(({ name }) => name.startsWith(wanted))
}
