/**
 * Following the event stream, whatever happens to the connection.
 *
 * Invariants: after the first connection it goes on until it is told to stop; it asks to resume after the last
 * event it passed on, so that none is missing, or the daemon says that there is a gap.
 */
import { setTimeout as wait } from 'node:timers/promises'
import { EventSourceParserStream, type EventSourceMessage } from 'eventsource-parser/stream'
import type { Client, Request } from './client.ts'
import { exitCodes, Failure } from './failure.ts'

export interface FollowOptions {
  readonly query: Request['query']
  readonly signal: AbortSignal
  /** Told each time that the connection is lost. */
  readonly lost: (why: string, retryMs: number) => void
}

const retryMs = { first: 250, longest: 10_000 }

/** @throws Failure if the first connection fails, or if the daemon refuses to go on */
export async function* follow(client: Client, options: FollowOptions): AsyncGenerator<EventSourceMessage> {
  let lastId: string | undefined
  let failures = 0
  while (!options.signal.aborted) {
    try {
      for await (const message of connect(client, lastId, options)) {
        lastId = message.id ?? lastId
        failures = 0
        yield message
      }
      throw new Failure(exitCodes.unreachable, 'the stream ended')
    } catch (error) {
      if (options.signal.aborted) return
      if (lastId === undefined || !isPassing(error)) throw error
      const delayMs = Math.min(retryMs.first * 2 ** failures, retryMs.longest)
      failures += 1
      options.lost((error as Error).message, delayMs)
      await wait(delayMs, undefined, { signal: options.signal }).catch(ignoreAbort)
    }
  }
}

async function* connect(
  client: Client,
  lastId: string | undefined,
  { query, signal }: FollowOptions,
): AsyncGenerator<EventSourceMessage> {
  const headers = { 'Last-Event-ID': lastId }
  const { body } = await client.send('v1/events', { query: query ?? {}, headers, signal })
  if (body === null) return
  yield* body.pipeThrough(new TextDecoderStream()).pipeThrough(new EventSourceParserStream())
}

/** A connection that broke, or a daemon that is down or starting; not one that refuses the question. */
function isPassing(error: unknown): boolean {
  return (
    !(error instanceof Failure) || error.exitCode === exitCodes.unreachable || error.problem?.status === 503
  )
}

function ignoreAbort(error: unknown): void {
  if ((error as Error).name !== 'AbortError') throw error
}
