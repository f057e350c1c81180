/**
 * The daemon, as a command sees it: the HTTP API, with every answer checked against the protocol.
 */
import { z } from 'zod'
import { problemMediaType, problemSchema } from '../api/protocol.ts'
import { exitCodes, Failure, failureOf } from './failure.ts'

export interface Request {
  readonly method?: string
  readonly query?: Readonly<Record<string, string | number | readonly string[] | undefined>>
  readonly headers?: Readonly<Record<string, string | undefined>>
  /** Sent as JSON. */
  readonly json?: unknown
  readonly body?: Uint8Array<ArrayBuffer>
  readonly signal?: AbortSignal
}

/** An answer: what it means, and what came. */
export interface Reply<T> {
  readonly value: T
  readonly raw: unknown
}

export class Client {
  readonly #url: URL

  /** @throws Failure if it is not the address of a daemon */
  constructor(url: string) {
    if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol)) {
      throw new Failure(exitCodes.usage, `'${url}' is not an address such as http://127.0.0.1:4747`)
    }
    this.#url = new URL(url.endsWith('/') ? url : `${url}/`)
  }

  /** @throws Failure for every answer that is a problem */
  async ask<S extends z.ZodType>(
    schema: S,
    path: string,
    request: Request = {},
  ): Promise<Reply<z.output<S>>> {
    const response = await this.send(path, request)
    const raw = await jsonIn(response)
    const parsed = schema.safeParse(raw)
    if (parsed.success) return { value: parsed.data, raw }
    const message = `the daemon answered ${path} with something else than expected; is it another version?`
    throw new Failure(exitCodes.failed, `${message}\n${z.prettifyError(parsed.error)}`)
  }

  /** @throws Failure for every answer that is a problem */
  async send(path: string, request: Request = {}): Promise<Response> {
    const response = await this.#fetch(this.#address(path, request.query), request)
    if (response.ok) return response
    throw await failureIn(response)
  }

  async #fetch(
    address: URL,
    { method = 'GET', headers = {}, json, body, signal }: Request,
  ): Promise<Response> {
    const given = Object.entries({
      'Content-Type': json === undefined ? undefined : 'application/json',
      ...headers,
    })
    try {
      return await fetch(address, {
        method,
        headers: given.filter((header): header is [string, string] => header[1] !== undefined),
        body: json === undefined ? (body ?? null) : JSON.stringify(json),
        signal: signal ?? null,
      })
    } catch (error) {
      if (signal?.aborted) throw error
      throw unreachable(this.#url, error)
    }
  }

  #address(path: string, query: Request['query'] = {}): URL {
    const address = new URL(path.replace(/^\//, ''), this.#url)
    for (const [name, value] of Object.entries(query)) {
      for (const one of [value].flat()) if (one !== undefined) address.searchParams.append(name, String(one))
    }
    return address
  }
}

/** The path of a resource that is named by the rest of the path. */
export function named(route: string, name: string): string {
  return `${route}/${encodeURIComponent(name)}`
}

async function jsonIn(response: Response): Promise<unknown> {
  try {
    return await response.json()
  } catch (cause) {
    throw new Failure(exitCodes.failed, `${response.url} did not answer JSON; is it the daemon?`, { cause })
  }
}

async function failureIn(response: Response): Promise<Failure> {
  const isProblem = response.headers.get('Content-Type')?.startsWith(problemMediaType) === true
  if (isProblem) return failureOf(problemSchema.parse(await response.json()))
  const message = `${response.url} answered ${response.status} ${response.statusText}; is it the daemon?`
  return new Failure(exitCodes.failed, message)
}

function unreachable(url: URL, error: unknown): Failure {
  const cause = (error as Error).cause as NodeJS.ErrnoException | undefined
  const why = cause?.code ?? cause?.message ?? (error as Error).message
  const message = `cannot reach the daemon at ${url.origin} (${why}); start it with "staleproof serve", or say where it is with --url or STALEPROOF_URL`
  return new Failure(exitCodes.unreachable, message, { cause: error })
}
