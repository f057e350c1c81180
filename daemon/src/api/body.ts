/**
 * Reading a body that may be any bytes.
 *
 * Invariants: never holds more than `limit` bytes and one chunk; resolves only with a whole body: an upload
 * that breaks off rejects, so that nothing is done with half of it.
 */
import { bodyLimit } from 'hono/body-limit'
import { StaleproofError } from 'staleproof'
import { requestInvalid } from './problem.ts'

/** @throws E_API_BODY_TOO_LARGE, E_API_BODY_BROKEN_OFF, E_API_MEDIA_TYPE */
export async function readBody(request: Request, limit: number): Promise<Uint8Array<ArrayBuffer>> {
  refuseEncoded(request)
  if (Number(request.headers.get('Content-Length')) > limit) throw tooLarge(limit)
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of arriving(request)) {
    size += chunk.byteLength
    if (size > limit) throw tooLarge(limit)
    chunks.push(chunk)
  }
  return joined(chunks, size)
}

async function* arriving(request: Request): AsyncGenerator<Uint8Array> {
  try {
    yield* request.body ?? []
  } catch (cause) {
    throw new StaleproofError('E_API_BODY_BROKEN_OFF', 'the body broke off; send it again', { cause })
  }
}

/** What is stored is what was sent, whole: no encoding that a reader would not be told of, no part. */
function refuseEncoded(request: Request): void {
  const encoding = request.headers.get('Content-Encoding') ?? 'identity'
  if (encoding.toLowerCase() !== 'identity') {
    throw new StaleproofError(
      'E_API_MEDIA_TYPE',
      `the body is encoded (${encoding}); send the bytes themselves`,
    )
  }
  if (request.headers.has('Content-Range')) {
    throw requestInvalid([{ in: 'header', name: 'Content-Range', detail: 'an entry is stored whole' }])
  }
}

/** JSON bodies are names and options: far smaller than values. */
const jsonBytesMax = 4 * 1024 ** 2

export const limitJson = bodyLimit({
  maxSize: jsonBytesMax,
  onError: () => {
    throw tooLarge(jsonBytesMax)
  },
})

/** Of its own memory: the chunks are views of buffers that others share. */
function joined(chunks: readonly Uint8Array[], size: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(size)
  let at = 0
  for (const chunk of chunks) {
    bytes.set(chunk, at)
    at += chunk.byteLength
  }
  return bytes
}

function tooLarge(limit: number): StaleproofError {
  return new StaleproofError('E_API_BODY_TOO_LARGE', `the body has more than ${limit} bytes`)
}
